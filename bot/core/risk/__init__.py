"""Limits, the review of each order, circuit breakers."""
