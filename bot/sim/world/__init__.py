"""The life on the simulated exchange: listing, beliefs, participants, and the truth about them."""
