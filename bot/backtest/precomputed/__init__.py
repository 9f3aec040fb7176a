"""What does not depend on the account, computed for a whole tape at once."""
