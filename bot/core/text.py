"""Words of strangers made fit for a line of a log, a cell of a table, a sentence of an error."""

#: Characters of a title, a category, a reason.
LONGEST = 300


def one_line(words: str, longest: int = LONGEST) -> str:
    """One line of bounded length that shows all it holds: nothing hidden, nothing that turns it.

    >>> one_line("Rain" + chr(0x202E) + "?" + chr(0))
    'Rain ?'
    """
    line = "".join(c if c.isprintable() else " " for c in words[:longest]).strip()
    return f"{line}…" if len(words) > longest else line
