"""What the bot thinks of each market: features, whales, predictions."""
