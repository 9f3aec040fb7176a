"""Alerts to webhooks: what is worth one, how often, how it is sent."""
