"""What a terminal's encoding lacks is spelt out: no command may break off for a minus sign.

`PYTHONIOENCODING=cp1252`, a pipe on Windows, `LANG=C`: they all know fewer letters than we write.
"""

import io
import os
import sys
from pathlib import Path
from typing import TextIO


def spell_out() -> None:
    """From now on spell out by its number what stdout and stderr cannot encode.

    A program that was given no stdout has one all the same, which leads nowhere.
    """
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
