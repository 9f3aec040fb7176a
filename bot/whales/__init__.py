"""What a whale was worth: markouts after each detection."""
