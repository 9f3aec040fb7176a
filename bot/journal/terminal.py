"""What a terminal's encoding lacks is spelt out: no command may break off for a minus sign.

`PYTHONIOENCODING=cp1252`, a pipe on Windows, `LANG=C`: they all know fewer letters than we write.
"""

import io
import sys


def spell_out() -> None:
    """From now on spell out by its number what stdout and stderr cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
