"""When things happen: the cycle, its loop, the unit of work."""
