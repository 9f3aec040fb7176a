"""Checks values read from rows: an invalid one is named, never guessed.

SQLite keeps any value in any column. The columns hand on what they cannot read (`tables`); here
that becomes an error that names the table and the row. What of it stops trading and what is left
out is up to who reads.
"""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Column, Double, Integer, LargeBinary, Row, RowMapping, Table, Text

from bot.store.tables import Exact, UtcTimestamp

log = logging.getLogger("main")

T = TypeVar("T")
#: Values by the name of their column.
Named: TypeAlias = Mapping[str, Any] | RowMapping
#: Numbers beyond this could not be counted on: a database has no room for the next ones.
MOST: Final = 2**62
#: Characters of a value that are shown.
_SHOWN: Final = 40


class UnreadableError(ValueError):
    """A row cannot be read; the message names it."""


def built(table: Table, row: Row[Any], build: Callable[[Row[Any]], T]) -> T:
    """What a row stands for, by column name. UnreadableError for wrong or contradictory values."""
    try:
        check(table, row._mapping)
        return build(row)
    except UnreadableError:
        raise
    except (ValueError, msgspec.MsgspecError) as error:
        raise unreadable(table, row._mapping, str(error)) from error


def check(table: Table, row: Named) -> None:
    """Raises UnreadableError if a value of a row is none of its column."""
    for name, value in row.items():
        column = table.c[name]
        if value is None and column.nullable:
            continue
        if not _fits(column, value):
            raise unreadable(table, row, f"{name} is {_shown(value)}")


def leave_out(table: Table, row: Named) -> bool:
    """Whether a row of history cannot be read; that is said in the log."""
    try:
        check(table, row)
    except UnreadableError as error:
        log.warning("%s: skipped", error)
        return True
    return False


def unreadable(table: Table, row: Named, why: str) -> UnreadableError:
    """The error that names a row."""
    known = [f"{key.name}={_shown(row[key.name])}" for key in table.primary_key if key.name in row]
    return UnreadableError(f"row {', '.join(known)} of table {table.name} cannot be read: {why}")


def _fits(column: Column[Any], value: object) -> bool:
    kind = column.type
    if isinstance(kind, Exact):
        return isinstance(value, Decimal) and value.is_finite()
    if isinstance(kind, UtcTimestamp):
        return isinstance(value, datetime)
    if isinstance(kind, Integer):
        return isinstance(value, int) and abs(value) < MOST
    if isinstance(kind, Double):
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(kind, LargeBinary):
        return isinstance(value, bytes)
    return isinstance(kind, Text) and isinstance(value, str)


def _shown(value: object) -> str:
    words = repr(value)
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
