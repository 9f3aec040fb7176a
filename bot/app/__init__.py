"""Chooses adapters, joins the parts, runs a node."""
