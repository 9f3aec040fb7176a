"""Answers spoilt where it hurts, and packed for the wire in sound or odd ways."""

import copy
import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypothesis import strategies as st

from trials.fuzz_questions import QUESTIONS, Json

#: Copies of an element: with the longest of what is odd in each, a body of some megabytes.
MANY: Final = 30
Path: TypeAlias = tuple[str | int, ...]

#: What is hard to read wherever it stands.
ODD: Final[Sequence[Json]] = (
    *(None, True, 0, -1, 1.5, 1e300, 2**63, "", " ", "x", [], {}, [[]], [None], {"a": {"a": 1}}),
    *("NaN", "Infinity", "-0", "1e9", "0.1e-99999", "9" * 400, "0." + "3" * 40, "-1.00", "٣"),
    *("a\0b", "a\nb", "\u202ea", "\ud800", "\U0001f600", "é" * 10_000, "\\", '"', "__proto__"),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z"),
    *("2026-11-22T12:00:00", "finalized", "inactive", "bid", "ask", "KXRAIN-A", "0.0000", "1.0000"),
)
#: What cannot be said by encoding a value.
RAW: Final[Sequence[bytes]] = (
    *(b"9" * 5_000, b"1e1000000", b"-", b"NaN", b"Infinity", b"0x1", b"1e-999999", b"tru"),
    *(b"[" * 2_000, b"[" * 50 + b"]" * 50, b'{"a":1,"a":2}', b'"\\ud800"', b'"\xff"', b'"\x01"'),
    *(b'"' + b"x" * 200_000 + b'"', b"[" + b"1," * 50_000 + b"1]", b"\xef\xbb\xbf{}", b""),
)
_PLACE: Final = "here is what cannot be encoded"


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and the answer it is given."""

    question: str
    body: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    chunk: int


def places(document: Json, path: Path = ()) -> list[Path]:
    """Every place in a document, the whole of it last."""
    inner: list[Path] = []
    if isinstance(document, dict):
        for name, value in document.items():
            inner += places(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            inner += places(value, (*path, number))
    return [*inner, path]


def _within(document: Json, path: Path) -> Json:
    for step in path:
        document = document[step]
    return document


def _replaced(document: Json, path: Path, value: Json) -> Json:
    if not path:
        return value
    _within(document, path[:-1])[path[-1]] = value
    return document


def _removed(document: Json, path: Path) -> Json:
    if path:
        del _within(document, path[:-1])[path[-1]]
    return document


def _doubled(document: Json, path: Path) -> Json:
    holder = _within(document, path[:-1]) if path else None
    if isinstance(holder, list):
        holder.append(copy.deepcopy(_within(document, path)))
    return document


def _multiplied(document: Json, path: Path) -> Json:
    holder = _within(document, path[:-1]) if path else None
    if isinstance(holder, list):
        holder.extend([holder[0]] * MANY)
    return document


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any question with an answer spoilt up to three times."""
    question = draw(st.sampled_from(sorted(QUESTIONS)))
    document = copy.deepcopy(QUESTIONS[question][1])
    raw: bytes | None = None
    ways = ["odd", "odd", "odd", "raw", "remove", "double", "many"]
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(document)))
        match draw(st.sampled_from(ways)):
            case "odd":
                document = _replaced(document, path, copy.deepcopy(draw(st.sampled_from(ODD))))
            case "raw":
                raw = draw(st.sampled_from(RAW))
                document = _replaced(document, path, _PLACE)
            case "remove":
                document = _removed(document, path)
            case "double":
                document = _doubled(document, path)
            case _:
                document = _multiplied(document, path)
                # Many of many would be hundreds of megabytes here, before the client sees any.
                ways.remove("many")
    body = json.dumps(document).encode()
    if raw is not None:
        body = body.replace(f'"{_PLACE}"'.encode(), raw)
    return draw(_sent(question, _spoilt(draw, body)))


def _spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes as they are, mostly; cut off, flipped, or with a name said twice."""
    how = draw(st.sampled_from(["sound"] * 20 + ["cut", "flip", "twice", "after"]))
    at = draw(st.integers(0, max(len(body) - 1, 0)))
    match how:
        case "cut":
            return body[:at]
        case "flip":
            return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
        case "twice":
            return body[:-1] + b',"cursor":"","cursor":"x"}'
        case "after":
            return body + draw(st.sampled_from([b"\0", b"{}", b" " * 10_000, b"\xff"]))
        case _:
            return body


@st.composite
def _sent(draw: st.DrawFn, question: str, body: bytes) -> Case:
    """The answer on the wire: status, headers and packing, sound ones mostly."""
    status = draw(st.sampled_from([200] * 40 + [201, 204, 206, 301, 304, 400, 404, 429, 500, 503]))
    headers: list[tuple[bytes, bytes]] = []
    match draw(st.sampled_from(["plain"] * 20 + ["gzip", "gzip", "cut", "bomb", "lie", "br"])):
        case "gzip":
            body = gzip.compress(body, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "cut":
            body = gzip.compress(body, 1)[: draw(st.integers(0, 40))]
            headers.append((b"content-encoding", b"GZip"))
        case "bomb":
            body = gzip.compress(body + _BLANK, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "lie":
            body = zlib.compress(body, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "br":
            headers.append((b"Content-Encoding", draw(st.sampled_from([b"br", b"zstd", b"\xff"]))))
        case _:
            pass
    extra = [
        *((b"Date", b"x"), (b"Date", b"Sun, 22 Nov 2026 12:00:00 GMT"), (b"Age", b"\xff")),
        *((b"Date", b"Mon, 99 Foo 99999 99:99:99 GMT"), (b"Content-Length", b"99999999999999")),
        *((b"Location", b"//a:b@[::x"), (b"Location", b"\xff\x00"), (b"Set-Cookie", b"a=b;" * 99)),
        *((b"Content-Type", b"text/html; charset=utf-7"), (b"Retry-After", b"1e999")),
    ]
    headers += draw(st.lists(st.sampled_from(extra), max_size=2))
    return Case(question, body, status, tuple(headers), draw(st.sampled_from([1 << 16, 4_096])))


_BLANK: Final = b" " * 300_000
