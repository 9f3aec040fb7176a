"""What several tests need: fakes, fixtures, pretend servers."""
