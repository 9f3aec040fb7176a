"""Where accounts are stored: SQLite or PostgreSQL, behind `bot.store.database`."""
