"""What became of predictions, and how far inputs have drifted."""
