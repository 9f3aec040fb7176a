"""The bot of one term, in parts: what is shown of it, and what runs between two cycles."""
