"""What is measured and predicted of each market: features, whales, scores."""
