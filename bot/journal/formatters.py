"""How a line on stdout looks: the text of old, or one JSON object.

Both say the same words; JSON adds what belongs together as fields. Leaves out which lines there
are and where they go (`logging_utils`).
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeAlias

from bot.core.events import Event
from bot.journal.csv_rows import plain
from bot.journal.json_fields import FIELDS, CycleFields, fields

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

_Trace: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def text_lines() -> logging.Formatter:
    """One line a record in UTC, whatever the message holds; a trace follows indented."""
    return _OneLine()


def json_lines() -> logging.Formatter:
    """One JSON object a record and line: the text's words in `message`, and fields beside them.

    A caller gives `FIELDS` with `extra`; whatever else lies there may be a secret, and stays there.
    """
    # Text, the usual format, needs none of it.
    from structlog.processors import EventRenamer, JSONRenderer  # noqa: PLC0415
    from structlog.stdlib import ProcessorFormatter  # noqa: PLC0415

    return ProcessorFormatter(
        processors=[
            EventRenamer("message"),
            _object,
            # Nothing but ASCII: no terminal's encoding can spoil it.
            JSONRenderer(ensure_ascii=True, allow_nan=False),
        ]
    )


#: The formats by the name that the setting knows.
FORMATS: Final[Mapping[str, Callable[[], logging.Formatter]]] = {
    "text": text_lines,
    "json": json_lines,
}


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The line, and the trace if there is one."""
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        line = f"{stamp} | {record.levelname} | {record.name} | {plain(record.getMessage())}"
        if not record.exc_info:
            return line
        # Indented, so that an error's own text cannot pass for a line of the log.
        return "\n".join([line, *(f"    {one}" for one in _trace(record.exc_info))])


def _object(_logger: "WrappedLogger", _method: str, line: "EventDict") -> "EventDict":
    """The line as its fields, in the order in which they are read."""
    record: logging.LogRecord = line["_record"]
    shown: dict[str, object] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
        "level": plain(record.levelname),
        "logger": plain(record.name),
        "message": plain(line["message"]),
    }
    for name, value in _beside(record).items():
        if value is not None:
            shown[name] = _safe(value)
    if trace := line.get("exc_info"):
        shown["exception"] = "\n".join(_trace(trace))
    return shown


def _beside(record: logging.LogRecord) -> Mapping[str, object]:
    reported: tuple[Event, CycleFields] | None = getattr(record, "told", None)
    if reported is not None:
        return fields(*reported)
    return {name: getattr(record, name, None) for name in FIELDS}


def _safe(value: object) -> object:
    """The value as JSON has it; what it lacks is null or text."""
    match value:
        case float():
            return value if isfinite(value) else None
        case int():
            return value
    return plain(str(value))


def _trace(raised: _Trace) -> list[str]:
    # Made here, not taken from what another handler left in the record.
    return [plain(one) for one in logging.Formatter().formatException(raised).splitlines()]
