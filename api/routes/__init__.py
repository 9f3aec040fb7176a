"""One module a URL prefix."""
