"""Features, regimes and the strategy on top of a score."""
