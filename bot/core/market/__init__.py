"""Prices, markets, order books, orders, fees and how orders match."""
