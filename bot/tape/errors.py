"""What goes wrong with tapes; apart from the file format, which needs Arrow."""


class TapeError(Exception):
    """A file is no tape, or cannot become one; the message names file, column and remedy."""
