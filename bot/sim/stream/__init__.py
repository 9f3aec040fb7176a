"""Kalshi's WebSocket over the simulated exchange."""
