"""Kalshi's wire format: JSON in, values out, or a named error. No I/O."""
