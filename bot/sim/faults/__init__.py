"""Ways in which the simulated exchange fails on command."""
