"""Whale detection against the simulator's ground truth."""
