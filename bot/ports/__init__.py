"""What the bot asks of the outside: protocols, their values and errors."""
