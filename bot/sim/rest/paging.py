"""Pages of a listing and the cursors between them.

A cursor is the key of the last item of a page, encoded; the next page starts behind that key, so
that nothing is lost or shown twice when items come and go. One that cannot be decoded reads as
none: the client gets the first page again, as on the real exchange.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

T = TypeVar("T")
Key = tuple[float | str, ...]


def cursor_of(key: Key) -> str:
    """The cursor behind an item with this key."""
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def key_of(cursor: str) -> Key | None:
    """The key in a cursor; None if it is empty or cannot be decoded."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        decoded = orjson.loads(urlsafe_b64decode(padded))
    except ValueError:
        return None
    if not isinstance(decoded, list) or not decoded:
        return None
    if not all(isinstance(part, float | int | str) for part in decoded):
        return None
    return tuple(decoded)


def page(
    items: Sequence[T], key: Callable[[T], Key], cursor: str, limit: int
) -> tuple[list[T], str]:
    """Of items by rising key the page below the cursor, highest first; the next cursor, or ""."""
    end = _end(items, key, cursor)
    start = max(end - limit, 0)
    shown = list(reversed(items[start:end]))
    return shown, cursor_of(key(shown[-1])) if start else ""


def _end(items: Sequence[T], key: Callable[[T], Key], cursor: str) -> int:
    after = key_of(cursor)
    if after is None:
        return len(items)
    try:
        return bisect_left(items, after, key=key)
    except TypeError:
        # A cursor of another listing: its key is of other types.
        return len(items)
