"""The codec of state records: JSON of a type, behind a fingerprint of its layout.

What was written in another layout, by an older version of the code, has another fingerprint: it is
discarded, with one line in the log, and never misread. Leaves out rows of NumPy
(`bot.signals.ticker_state`).
"""

import logging
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Generic, TypeVar

import msgspec

from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord

log = logging.getLogger("main")

T = TypeVar("T")
#: Of a type as msgspec describes it, these say nothing of what is written.
_UNWRITTEN: Final = frozenset({"cls", "default", "default_factory", "required"})
#: Nor do these: bounds change what is refused.
_BOUNDS: Final = frozenset(
    {"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern"}
)
_MARK_BYTES: Final = 4


class RecordCodec(Generic[T]):
    """Encodes values of one type as state records of one kind, and decodes them."""

    def __init__(self, kind: str, of: type[T]) -> None:
        self.kind = kind
        self._mark = mark(_layout(msgspec.inspect.type_info(of)), _MARK_BYTES).hex().encode()
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(of)

    def state_record(self, key: str, thing: T | None) -> StateRecord:
        """The state record of a value; None deletes it. It holds no NaN."""
        body = None if thing is None else self._mark + self._encoder.encode(thing)
        return StateRecord(self.kind, key, body)

    def read(self, source: Checkpoint | CommittedChanges) -> dict[str, T | None]:
        """The values by key; None for one that is deleted, of another layout, or damaged."""
        bodies = changes(source, self.kind)
        things = {key: self._thing(body) for key, body in bodies.items()}
        warn(self.kind, sum(bodies[key] is not None for key, one in things.items() if one is None))
        return things

    def _thing(self, body: bytes | None) -> T | None:
        if body is None or not body.startswith(self._mark):
            return None
        try:
            return self._decoder.decode(memoryview(body)[len(self._mark) :])
        except msgspec.DecodeError:
            return None


def changes(source: Checkpoint | CommittedChanges, kind: str) -> Mapping[str, bytes | None]:
    """The bodies of one kind by key; None is one that is deleted."""
    if isinstance(source, Checkpoint):
        return source.state_records.get(kind, {})
    return {
        state_record.key: state_record.body
        for state_record in source.state_records
        if state_record.kind == kind
    }


def mark(layout: str, size: int) -> bytes:
    """A fingerprint of a layout, of so many bytes."""
    return blake2b(layout.encode(), digest_size=size).digest()


def warn(kind: str, count: int) -> None:
    """Log in one line that so many state records are discarded, if any."""
    if count:
        log.warning(
            "%d state records of kind %s have another layout and are discarded", count, kind
        )


def _layout(part: object) -> str:
    """A description of a type as text: the names and types of all that is written."""
    match part:
        case msgspec.inspect.Metadata():
            # Words and examples for readers of the API.
            return _layout(part.type)
        case msgspec.Struct():
            if isinstance(part, msgspec.inspect.Field):
                # What counts is the name it is encoded under, not the one it has in code.
                part = msgspec.structs.replace(part, name=part.encode_name)
            names = [name for name in part.__struct_fields__ if name not in _UNWRITTEN]
            values = ((n, None if n in _BOUNDS else getattr(part, n)) for n in names)
            inner = ",".join(f"{name}={_layout(value)}" for name, value in values)
            return f"{type(part).__name__}({inner})"
        case tuple():
            return f"({','.join(map(_layout, part))})"
        case _:
            return repr(part)
