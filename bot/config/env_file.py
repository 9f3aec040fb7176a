"""The text of a `.env` file before it is parsed: what in it would be passed over in silence.

A line that is no assignment leaves a default in force, be it of a limit or of the kill switch.
"""

from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream


def bindings(env_file: Path) -> list[Binding]:
    """Its assignments in order. Raises ValueError if the text or a line of it cannot be read."""
    found = list(parse_stream(StringIO(_text(env_file))))
    for one in found:
        if one.error or (one.key is not None and one.value is None):
            # The line itself may hold a secret.
            raise ValueError(f"line {_line(one)} is not NAME=value: correct it, or put # before it")
    return found


def _decoded(env_file: Path) -> str:
    try:
        return env_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None


def _text(env_file: Path) -> str:
    if env_file.is_dir():
        raise ValueError("is a folder: put a file there, or remove it")
    text = _decoded(env_file)
    if "\0" in text:
        raise ValueError("holds a NUL character: save it as UTF-8 text")
    return text


def _line(binding: Binding) -> int:
    """Where the assignment itself stands; blank lines before it belong to it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
