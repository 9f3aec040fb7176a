"""Which access lines of the server there are, and what they never show.

A success that is polled for is worth none, a token in a path is never shown, and of refusals of
one status there is one line a minute, with a count of the others.
"""

import logging
from collections.abc import Hashable
from dataclasses import dataclass, replace
from re import compile as pattern
from typing import Final

from bot.journal.csv_rows import plain

#: Seconds in which one line of a kind is enough.
SPAN: Final = 60.0
#: What dashboards and hosts ask for all the time: a success is not worth a line.
_POLLED: Final = frozenset(
    {
        *("/state/full", "/health", "/ready", "/metrics", "/events", "/positions", "/limits"),
        *("/trades", "/orders", "/equity", "/stats", "/decisions", "/logs/tail"),
    }
)
#: The path of the read token with whatever was taken for one, also where the slash is spelt out.
_TOKEN_PATH: Final = pattern(r"(/|%2[fF])(r|%72)(/|%2[fF])[^/?]*")
_SHOWN_PATH: Final = 200


@dataclass(frozen=True, slots=True)
class _Fold:
    since: float
    unsaid: int = 0


class Folds:
    """One of a kind in `SPAN` seconds; the others are counted."""

    def __init__(self) -> None:
        self._folds: dict[Hashable, _Fold] = {}

    def is_said(self, kind: Hashable, at: float) -> bool:
        """Whether this one is logged; if not, it is counted."""
        fold = self._folds.get(kind)
        if fold is None:
            self._folds[kind] = _Fold(at)
            return True
        self._folds[kind] = replace(fold, unsaid=fold.unsaid + 1)
        return False

    def over(self, at: float) -> list[tuple[Hashable, int]]:
        """The kinds whose time is over, each with its count of suppressed lines; they are reset."""
        over = {k: f for k, f in self._folds.items() if not 0 <= at - f.since < SPAN}
        for kind, fold in over.items():
            if fold.unsaid:
                self._folds[kind] = _Fold(at)
            else:
                del self._folds[kind]
        return [(kind, fold.unsaid) for kind, fold in over.items() if fold.unsaid]


class AccessLines:
    """A filter for the server's access log; `polls` are shown if somebody looks for details."""

    def __init__(self, polls: bool) -> None:
        self._polls = polls
        self._folds = Folds()

    def __call__(self, record: logging.LogRecord) -> bool:
        """Whether the record is a line; its path is made fit to be shown."""
        match record.args:
            case (client, method, str(path), version, int(status)):
                record.args = (client, method, fit(path), version, status)
                return self._is_worth_a_line(path, status, record.created)
        return True

    def _is_worth_a_line(self, path: str, status: int, at: float) -> bool:
        for kind, unsaid in self._folds.over(at):
            message = "%s more requests were answered %s within a minute"
            logging.getLogger("uvicorn.access").info(message, f"{unsaid:,}", kind)
        if status >= 400:
            return self._folds.is_said(status, at)
        return self._polls or path.partition("?")[0] not in _POLLED


class ServerLines:
    """A filter for the server's own log: what visitors can make it say is said once a minute."""

    def __init__(self) -> None:
        self._folds = Folds()

    def __call__(self, record: logging.LogRecord) -> bool:
        """Whether the record is a line."""
        if record.levelno != logging.WARNING or record.args:
            return True
        for kind, unsaid in self._folds.over(record.created):
            logging.getLogger(record.name).info("%s more within a minute: %s", f"{unsaid:,}", kind)
        return self._folds.is_said(record.msg, record.created)


def fit(path: str) -> str:
    """A path as a line may show it: without the read token, and not too long.

    >>> fit("/r/secret/state/full?x=1")
    '/r/***/state/full?x=1'
    """
    return plain(_TOKEN_PATH.sub(r"\1\2\3***", path))[:_SHOWN_PATH]
