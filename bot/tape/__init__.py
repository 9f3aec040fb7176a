"""Recorded order books: one format, written and read."""
