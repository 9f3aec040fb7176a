"""Tests of parts working together, real processes among them."""
