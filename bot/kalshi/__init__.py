"""Kalshi: its wire format, its limits, its REST and WebSocket."""
