"""CSV logs and stdout lines: views of events."""
