"""The exchange itself: matching, accounts, life cycle. No I/O, no clock."""
