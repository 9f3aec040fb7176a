"""Kalshi's WebSocket: books as they change, with proof that no change was missed."""
