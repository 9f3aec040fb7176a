"""Kalshi's REST API over the simulated exchange."""
