"""Answers of a bot as tables for people. What is not known is a dash, never 0.

Words of an exchange (titles, reasons) are put on one line and never read as markup.
"""

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bot.cli.remote.client import Answer
from bot.journal.csv_rows import plain

#: Characters of a line that goes into a file or a pipe, where no window bounds it.
_UNBOUNDED: Final = 240
UNKNOWN: Final = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and what stands below it; `is_text` is set to the left and may wrap."""

    heading: str
    cell: Callable[[Answer], Text]
    is_text: bool = False


def _print(*parts: RenderableType) -> None:
    """Print as wide as it is, unless a window bounds it; a file gets no blanks at line ends."""
    if sys.stdout.isatty():
        Console().print(*parts, sep="\n")
        return
    out = Console(file=io.StringIO(), width=_UNBOUNDED)
    with out.capture() as printed:
        out.print(*parts, sep="\n")
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def show(title: str, columns: Sequence[Column], rows: Sequence[Answer]) -> None:
    """Print one line a row; the title alone if there is none."""
    if not rows:
        _print(Text(title, style="bold"))
        return
    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        justify, fold = ("left", "fold") if column.is_text else ("right", "ellipsis")
        table.add_column(column.heading, justify=justify, overflow=fold, no_wrap=not column.is_text)  # type: ignore[arg-type]  # literals
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    _print(table)


def facts(title: str, lines: Iterable[tuple[str, Text]]) -> None:
    """Print a name and a value a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value)
    _print(Text(title, style="bold"), table)


def words(text: object, style: str = "") -> Text:
    """Words of whomever."""
    return Text(UNKNOWN if text is None else plain(str(text)), style=style)


def text(name: str) -> Callable[[Answer], Text]:
    """The words under that name."""
    return lambda row: words(row[name])


def size(name: str) -> Callable[[Answer], Text]:
    """Contracts under that name: there are parts of one, but not often."""
    return lambda row: Text(amount(row[name], 0 if float(row[name] or 0).is_integer() else 2))


def number(name: str, digits: int = 2) -> Callable[[Answer], Text]:
    """The number under that name."""
    return lambda row: Text(amount(row[name], digits))


def result(name: str) -> Callable[[Answer], Text]:
    """What was won or lost, dollars: always with its sign."""
    return lambda row: gain(row[name])


def gain(value: float | None) -> Text:
    """Dollars won or lost."""
    if value is None:
        return Text(UNKNOWN)
    return Text(f"{value:+,.2f}", style="green" if value > 0 else "red" if value < 0 else "")


def amount(value: float | None, digits: int = 2) -> str:
    """A number with so many digits after the point."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def utc_time(name: str) -> Callable[[Answer], Text]:
    """The time under that name, UTC to the second."""
    return lambda row: Text(_utc(row[name]))


def duration(name: str) -> Callable[[Answer], Text]:
    """The seconds under that name, in the two greatest units."""
    return lambda row: Text(spoken(row[name]))


def spoken(seconds: float | None) -> str:
    """Seconds in words.

    >>> spoken(93_784), spoken(61), spoken(0.4), spoken(-5)
    ('1 d 2 h', '1 min 1 s', '0.4 s', '-5.0 s')
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2])


def _utc(at: object) -> str:
    if not isinstance(at, str):
        return UNKNOWN
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
