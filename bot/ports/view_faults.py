"""Faults of views: named and logged, and isolated from the accounting.

The account goes on, whatever becomes of a line in the timeline. The only other place where any
error is caught is the runner: what it catches ends a pass, and with it the accounting.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Protocol, TypeVar

from bot.ports.persistence import LeaseLostError

log = logging.getLogger("main")

#: Faults named at once; the others are counted.
NAMED: Final = 3


class Happened(Protocol):
    """An event as a fault names it."""

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...


Seen = TypeVar("Seen", bound=Happened)


class ViewFaults:
    """What could not be shown since the last call; a fault that lasts is logged once."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._before: dict[str, str] = {}

    @contextmanager
    def within(self, what: str) -> Iterator[None]:
        """Whatever goes wrong in here is a fault of that view, and of nothing else."""
        try:
            yield
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001  # a view is no reason to stop an account
            self._note(what, error)

    def each(self, what: str, on_events: Callable[[Seen], object], events: Iterable[Seen]) -> None:
        """Show each of these; one that cannot be shown is named, the others are shown."""
        for event in events:
            try:
                on_events(event)
            except Exception as error:  # noqa: BLE001  # as above
                self._note(f"{what}, {type(event).__name__} of {event.at:%Y-%m-%d %H:%M:%S}", error)

    def taken(self) -> str | None:
        """The faults since the last call, in a sentence; None without any."""
        self._before, self._now = self._now, {}
        faults = [f"{what}: {why}" for what, why in self._before.items()]
        if not faults:
            return None
        others = f", and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        return f"cannot be shown: {'; '.join(faults[:NAMED])}{others}"

    def _note(self, what: str, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        is_new = why not in {self._now.get(what), self._before.get(what)}
        self._now[what] = why
        if is_new:
            log.error("This cannot be shown: %s", what, exc_info=error)
