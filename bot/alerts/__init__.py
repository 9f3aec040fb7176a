"""Alerts: what is worth one, how often, to whom and how it is sent."""
