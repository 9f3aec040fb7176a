"""The HTTP face of the bot: reads snapshots, starts and stops the runner."""
