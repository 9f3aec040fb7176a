"""Takes configured secrets out of what is shown or logged: whole, in parts, however written.

Libraries quote what they could not use: a header, an address, the line of a file. What they quote
may be cut anywhere and escaped as JSON, `repr`, URL or base64. Leaves out which secrets there are
(`config`).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote

import numpy as np
from numpy.typing import NDArray

#: Bytes in a row that give a secret away; what is shorter is masked only as the whole of one.
PART: Final = 8
#: A secret or a piece of one that is shorter is a word that may stand anywhere.
LEAST: Final = 4
#: Words of our own: a password that is one of them says nothing.
_WORDS: Final = frozenset(
    {
        *("kalshi", "kalshiproto", "postgres", "postgresql", "sqlite", "psycopg", "localhost"),
        *("paper", "live", "production", "development", "test", "http", "https", "discord"),
        *("slack", "none", "null", "true", "false", "user", "name", "error"),
    }
)
_ORDINARY: Final = re.compile(rb"[a-z_ ]*|[0-9.:, -]*")
_DELIMITERS: Final = re.compile(r"[@:/?#&;,\s]+")
_ESCAPED: Final = re.compile(r"%[0-9A-F]{2}")
#: A JSON text, and whether it is the name of a field.
_JSON_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_TABLE: Final = 1 << 20
_SHIFT: Final = np.uint64(64 - 20)


class Scrubber:
    """Masks secrets with as many stars, so that nothing changes its length."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        variants = {
            text.encode(errors="replace") for secret in secrets for text in _variants(secret)
        }
        self._variants = sorted(filter(_identifies, variants), key=len, reverse=True)
        self._parts = frozenset(_parts(self._variants))
        self._bare = [v for v in self._variants if not any(_parts([v]))]
        self._table = _table_of(self._parts)

    def text(self, text: str) -> str:
        """The text without secrets, of the same length in bytes."""
        if not self._variants:
            return text
        raw = text.encode(errors="surrogatepass")
        clean = self._masked(raw)
        return text if clean == raw else clean.decode(errors="replace")

    def answer(self, body: bytes) -> bytes:
        """The body of an answer without secrets; of JSON only what stands in texts changes."""
        if not self._variants or not self._touches(body):
            return body
        if body[:1] not in {b"{", b"["}:
            return self._masked(body)
        return _JSON_TEXT.sub(self._masked_text, body)

    def _masked_text(self, found: re.Match[bytes]) -> bytes:
        whole = found[0]
        if found[1]:
            return whole
        clean = b'"' + self._masked(whole[1:-1]) + b'"'
        return clean if _is_json(clean) else b'"' + b"*" * (len(whole) - 2) + b'"'

    def _touches(self, body: bytes) -> bool:
        return any(v in body for v in self._bare) or next(self._found(body), None) is not None

    def _masked(self, raw: bytes) -> bytes:
        clean = bytearray(raw)
        for start in self._found(raw):
            clean[start : start + PART] = b"*" * PART
        for text in self._variants:
            start = raw.find(text)
            while start >= 0:
                clean[start : start + len(text)] = b"*" * len(text)
                start = raw.find(text, start + 1)
        return bytes(clean)

    def _found(self, raw: bytes) -> Iterator[int]:
        """Where parts of secrets begin. A table of hashes leaves one place in a hundred to see."""
        if not self._parts:
            return
        for offset in range(min(PART, len(raw) - PART + 1)):
            count = (len(raw) - offset) // PART
            words = np.frombuffer(raw, dtype="<u8", count=count, offset=offset)
            for at in np.flatnonzero(self._table[_places(words)]).tolist():
                start = offset + at * PART
                if raw[start : start + PART] in self._parts:
                    yield start


def _places(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = (words * _MIX) >> _SHIFT
    return mixed


def _is_json(text: bytes) -> bool:
    # A part may begin in the middle of an escape.
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _identifies(text: bytes) -> bool:
    return len(text) >= LEAST and text.decode(errors="replace").lower() not in _WORDS


def _parts(variants: Iterable[bytes]) -> Iterator[bytes]:
    for text in variants:
        for start in range(len(text) - PART + 1):
            part = text[start : start + PART]
            # A word or a number stands in many texts that are no secret.
            if not _ORDINARY.fullmatch(part):
                yield part


def _variants(secret: str) -> Iterator[str]:
    """The secret, what is left of it behind a character that ends an address, and all escapes."""
    plains = {secret, unquote(secret), "".join(secret.split())}
    # A piece that is taken for the name of a host is written small.
    for plain in {*plains, secret.lower()}:
        yield from _DELIMITERS.split(plain)
        yield from _escapes(plain)


def _table_of(parts: frozenset[bytes]) -> NDArray[np.bool_]:
    """The hashes of these parts; empty without any."""
    table = np.zeros(_TABLE if parts else 0, dtype=np.bool_)
    if parts:
        table[_places(np.frombuffer(b"".join(parts), dtype="<u8"))] = True
    return table


def _escapes(plain: str) -> Iterator[str]:
    once = {json.dumps(plain)[1:-1], repr(plain)[1:-1], repr(plain.encode(errors="replace"))[2:-1]}
    yield plain
    yield json.dumps(plain, ensure_ascii=False)[1:-1]
    yield from once
    yield from (json.dumps(one)[1:-1] for one in once)
    for quoted in (quote(plain, safe="", errors="replace"), quote_plus(plain, errors="replace")):
        yield quoted
        yield _ESCAPED.sub(lambda found: found[0].lower(), quoted)
    yield plain.encode(errors="replace").hex()
    yield from _base64(plain.encode(errors="replace"))


def _base64(raw: bytes) -> Iterator[str]:
    # Behind other bytes, as a password behind a user's name, it is written in three ways.
    for before in range(3):
        coded = b64encode(bytes(before) + raw).rstrip(b"=").decode()
        inside = coded[(0, 2, 3)[before] : -1]
        yield inside
        yield inside.replace("+", "-").replace("/", "_")


#: Without secrets: everything stays as it is.
NOTHING: Final = Scrubber()
