"""What JSON of strangers may look like before anything is made of it: depth, count, names.

A document within its size can still be costly (a million empty lists) or say two things at once
(a name twice in one object, of which decoders believe the last).
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from bot.ports.exchange import ExchangeError

#: Elements of all lists and objects together; a page of a thousand markets has 80,000.
MOST_ELEMENTS: Final = 500_000
#: Lists and objects within one another; the exchange's go to 8.
DEEPEST: Final = 40

_ALL_BUT_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))
#: Any escape, so that an escaped backslash before a `u` is not taken for the beginning of one.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_OPENING: Final = np.array([byte in b"[{" for byte in range(256)])

Pairs = Sequence[tuple[str, object]]


def refuse_excess(body: bytes) -> None:
    """Raise ExchangeError for more or deeper elements than any answer has, even inside texts."""
    brackets = np.frombuffer(body.translate(None, _ALL_BUT_BRACKETS), np.uint8)
    if body.count(b",") + len(brackets) // 2 > MOST_ELEMENTS:
        raise ExchangeError(f"the answer has more than {MOST_ELEMENTS} elements")
    depth = np.where(_OPENING[brackets], 1, -1).cumsum(dtype=np.int32)
    if depth.max(initial=0) > DEEPEST:
        raise ExchangeError(f"the answer is nested more than {DEEPEST} deep")


def refuse_repetition(document: bytes | memoryview) -> None:
    """Raise ExchangeError if any object of the document has a name twice."""
    _walk(document, _refused)


def refuse_repetition_outside(document: bytes | memoryview) -> None:
    """The same for the outermost object alone: what is within is looked at one by one."""
    last: list[str | None] = [None]

    def note_outermost(pairs: Pairs) -> None:
        # The outermost object is the last to end.
        last[0] = _repeated(pairs)

    _walk(document, note_outermost)
    if last[0] is not None:
        raise _twice(last[0])


def whole_characters(document: bytes) -> bytes:
    """The document with a replacement character for each half of one (a lone surrogate)."""
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["half"] else found[0], document)


def _walk(document: bytes | memoryview, each: Callable[[Pairs], None]) -> None:
    words = str(document, "utf-8", "replace")
    try:
        _READ(words, object_pairs_hook=each)
    except (ValueError, RecursionError) as error:
        raise ExchangeError(f"not the expected JSON: {error}") from error


def _unread(_number: str) -> None:
    return None


#: Numbers are not read: they may have a million digits.
_READ: Final = partial(json.loads, parse_int=_unread, parse_float=_unread, strict=False)


def _refused(pairs: Pairs) -> None:
    if (name := _repeated(pairs)) is not None:
        raise _twice(name)


def _repeated(pairs: Pairs) -> str | None:
    if len(pairs) == len(dict(pairs)):
        return None
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return None


def _twice(name: str) -> ExchangeError:
    return ExchangeError(f"not the expected JSON: '{name[:80]}' is there twice in one object")
