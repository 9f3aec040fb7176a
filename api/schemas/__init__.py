"""Shapes of the API's answers."""
