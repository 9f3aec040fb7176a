"""Large traders in order books and trades: rules with memory."""
