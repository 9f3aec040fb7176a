"""Sessions on SQLite and PostgreSQL, and whether the file is still the one that was opened."""
