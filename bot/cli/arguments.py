"""Values of arguments, checked before anything is computed, and where results may be written."""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from bot.tape.errors import TapeError


def seconds(text: str) -> float:
    """A length of time above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} are no seconds; give a number above 0")
    return value


def count(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; give a whole number from 0")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is too few; give a whole number from 1")
    return int(text)


def prepare_folders(folders: Iterable[Path | None]) -> None:
    """Make folders that results are written to. Raises TapeError where that is not allowed."""
    for folder in folders:
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise TapeError(
                f"{folder}: nothing can be written there ({error.strerror}); name a folder that "
                "is yours to write"
            ) from None
