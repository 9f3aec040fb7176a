"""What the service promises when processes die, pause and starve, tried on real ones."""
