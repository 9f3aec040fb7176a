"""What operators want of a book: whether its loop runs, and whether anything may be entered.

Kept in the database, so that whichever process hears of it, the one that leads obeys, also after
a restart. What cannot be written down now holds here at once, and is written down later.
"""

import asyncio
from datetime import datetime
from typing import Final

from bot.election import Election
from bot.ports import Clock

RUNNING: Final = "running"
KILLED: Final = "killed"
RESUMED: Final = "resumed"
_UNKNOWN: Final = "not known yet whether operators allow it: the database has not answered"


class Switches:
    """The switches of one book, as last read, and those set since."""

    def __init__(self, starts: bool, clock: Clock) -> None:
        """`starts` is whether the loop runs unless somebody said otherwise."""
        self._starts = starts
        self._clock = clock
        self._read: dict[str, str] | None = None
        self._unsaved: dict[str, str] = {}
        # An answer that comes late must not take the place of a newer one.
        self._lock = asyncio.Lock()

    @property
    def runs(self) -> bool:
        """Whether the loop should run; not before that is known."""
        by_itself = "on" if self._starts else "off"
        default = by_itself if self._read is not None else "off"
        return self._now().get(RUNNING, default) == "on"

    @property
    def killed(self) -> str | None:
        """Why nothing may be entered, None if it may. Not known counts as killed."""
        found = self._now().get(KILLED)
        if found is None and self._read is None:
            return _UNKNOWN
        return found or None

    @property
    def resumed(self) -> datetime | None:
        """When an operator last let entries go on."""
        at = self._now().get(RESUMED)
        return datetime.fromisoformat(at) if at else None

    def resume(self) -> None:
        """Let entries go on from now."""
        self.set(KILLED, "")
        self.set(RESUMED, self._clock.now().isoformat())

    def set(self, name: str, value: str) -> None:
        """From now on it is so."""
        self._unsaved[name] = value

    def forget(self) -> None:
        """Another book is looked at: nothing is known of it."""
        self._read = None

    async def sync(self, election: Election, book: str) -> None:
        """Write down what was set and read what others set. Raises StoreError."""
        async with self._lock:
            written = dict(self._unsaved)
            for name, value in written.items():
                await election.switch(book, name, value, self._clock.now())
            self._read = dict(await election.switches(book))
            # What was set while the database answered is not written down yet. What is written
            # is over, whatever was read: others may have set it since.
            self._unsaved = {
                name: value for name, value in self._unsaved.items() if written.get(name) != value
            }

    def _now(self) -> dict[str, str]:
        return {**(self._read or {}), **self._unsaved}
