"""Where books are kept: SQLite or PostgreSQL, behind `bot.store.database`."""
