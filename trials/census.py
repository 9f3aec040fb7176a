"""How many bytes each part of a program holds, by the attribute that holds them.

Walks objects from a root: those of this project by their attributes, containers by their entries,
functions by what they close over. What belongs to libraries counts, but is not entered.
"""

import functools
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from types import CellType, FunctionType, MethodType
from typing import Any, Final

_OURS: Final = ("bot.", "api.", "logging_utils", "trials.")


def census_apart(*roots: object) -> Counter[str]:
    """The same, taken by a copy of this process: what that takes does not count here."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with os.fdopen(writing, "w") as pipe:
            json.dump(census(*roots), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found = Counter[str](json.load(pipe))
    os.waitpid(child, 0)
    return found


def census(*roots: object) -> Counter[str]:
    """Bytes by `Class.attribute`; what several attributes hold counts for one of them."""
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [(type(root).__name__, root) for root in roots]
    while waiting:
        name, value = waiting.pop()
        if value is None or isinstance(value, type) or id(value) in seen:
            continue
        seen.add(id(value))
        sizes[name] += sys.getsizeof(value)
        waiting += _within(name, value)
    return sizes


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[int, str, int]]:
    """By how many bytes each attribute holds more than before, its name, and its bytes."""
    news = [(count - before.get(name, 0), name, count) for name, count in after.items()]
    return sorted((one for one in news if one[0] > 0), reverse=True)


def _within(name: str, value: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401  # anything
    if isinstance(value, Mapping):
        yield from ((f"{name}.keys", key) for key in [*value])
        yield from ((name, entry) for entry in [*value.values()])
    elif isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray):
        yield from ((name, entry) for entry in [*value])
    elif isinstance(value, MethodType):
        yield from ((name, value.__self__), (name, value.__func__))
    elif isinstance(value, FunctionType):
        yield from ((name, cell) for cell in value.__closure__ or ())
    elif isinstance(value, functools.partial):
        yield from ((name, one) for one in (value.func, *value.args, *value.keywords.values()))
    elif isinstance(value, CellType):
        yield name, value.cell_contents
    elif type(value).__module__.startswith(_OURS):
        owner = type(value).__name__
        yield from ((f"{owner}.{one}", held) for one, held in _attributes(value))


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    names = [*getattr(value, "__dict__", ()), *getattr(value, "__struct_fields__", ())]
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    yield from ((name, getattr(value, name, None)) for name in dict.fromkeys(names))
