"""Who trades on the simulated exchange: listings, beliefs, participants, ground truth."""
