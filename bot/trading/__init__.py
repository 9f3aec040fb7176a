"""What the bot does about its signals: decisions, orders, account, reconciliation."""
