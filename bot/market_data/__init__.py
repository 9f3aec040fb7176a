"""Which markets are worth watching, and what traded there."""
