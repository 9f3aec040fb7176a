"""The history of the tables: one revision a file in `versions`, run by `bot.store.schema`."""
