"""Cycles over recorded books."""
