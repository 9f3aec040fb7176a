"""Tests of the code base itself: its shape and its documents."""
