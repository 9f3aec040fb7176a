"""What is shown: snapshots, recent activity, decisions."""
