"""A snapshot as ready HTTP answers: headers and bytes made once, sent many times.

Leaves out who asks (`edge`): origins and methods.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from starlette.types import Message

from api.security.headers import NO_SNIFFING, POLICY, Headers
from bot.dashboard.snapshot import Snapshot, packed
from bot.scrub import NOTHING, Scrubber


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One representation of a snapshot: its tag, its body, the headers with and without it."""

    etag: bytes
    body: Message
    full: Headers
    unchanged: Headers


@dataclass(frozen=True, slots=True)
class Ready:
    """A snapshot's representations; `packed` None means that there is none compressed."""

    snapshot: Snapshot
    plain: AnswerFormat
    packed: AnswerFormat | None

    @classmethod
    def of(cls, snapshot: Snapshot, scrubber: Scrubber = NOTHING) -> "Ready":
        """The answers of a snapshot, without secrets."""
        made, snapshot = snapshot, _clean(snapshot, scrubber)
        etag = snapshot.etag.encode()
        if snapshot.gzip is None:
            return cls(made, _answer(etag, snapshot.body), None)
        # A strong tag names bytes: the compressed ones need their own.
        compressed = _answer(etag[:-1] + b'-gzip"', snapshot.gzip, [(b"content-encoding", b"gzip")])
        return cls(made, _answer(etag, snapshot.body), compressed)

    def answer_format(self, accept_encoding: bytes | None) -> AnswerFormat:
        """The representation for that Accept-Encoding."""
        if self.packed is not None and accept_encoding and accepts_gzip(accept_encoding):
            return self.packed
        return self.plain


def _clean(snapshot: Snapshot, scrubber: Scrubber) -> Snapshot:
    body = scrubber.answer(snapshot.body)
    if body == snapshot.body:
        return snapshot
    clean = replace(snapshot, body=body)
    return clean if snapshot.gzip is None else packed(clean)


@lru_cache(maxsize=64)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is welcome: named, or meant by '*', with a weight above 0."""
    weights = dict(_weight(part) for part in accept_encoding.lower().split(b","))
    return weights.get(b"gzip", weights.get(b"*", 0.0)) > 0


def _weight(part: bytes) -> tuple[bytes, float]:
    name, _, parameters = part.partition(b";")
    key, _, value = parameters.partition(b"=")
    if key.strip() != b"q":
        return name.strip(), 1.0
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), 0.0


def names(etags: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match means this tag: itself, weakly, in a list, or '*'.

    >>> names(b'"a", W/"b"', b'"b"')
    True
    """
    if etags == etag:
        return True
    listed = [one.strip() for one in etags.split(b",")]
    return listed == [b"*"] or any(one.removeprefix(b"W/") == etag for one in listed)


def _answer(etag: bytes, body: bytes, encoding: Headers | None = None) -> AnswerFormat:
    headers = [
        (b"etag", etag),
        # Kept by browsers, but asked for anew each time.
        (b"cache-control", b"no-cache"),
        (b"vary", b"accept-encoding, origin"),
        # The server checks each header of each answer for about 1 µs: no more than these.
        NO_SNIFFING,
        POLICY,
    ]
    described = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *(encoding or []),
    ]
    message: Message = {"type": "http.response.body", "body": body}
    return AnswerFormat(etag, message, [*described, *headers], headers)
