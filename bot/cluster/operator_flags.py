"""What operators want of a book: whether its loop runs, what may be entered, what is to be closed.

Stored in the database: any process takes them, the leader acts on them, also after
a restart. What cannot be written down now holds here at once, and is written down later with the
moment at which it was wanted: what somebody wanted since then stays.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.cluster.operator_notices import OperatorIntent
from bot.cluster.ports import LeaseStore
from bot.core.account.operator_requests import AccountRequests
from bot.core.risk.close_requests import CloseRequests
from bot.ports.exchange import Clock

RUNNING: Final = "running"
KILLED: Final = "killed"
RESUMED: Final = "resumed"
FLATTEN: Final = "flatten"
#: Before the ticker of a position that is to be closed.
CLOSE: Final = "close:"
ADOPTION: Final = "adopt"
#: Before the client order id of a lost order that traded, or never did.
TRADED: Final = "traded:"
NEVER: Final = "never:"
_UNKNOWN: Final = "operator flags are unknown: the database has not answered yet"


@dataclass(frozen=True, slots=True)
class _FlagChange:
    """What an operator wanted of a book, and when."""

    book: str
    value: str
    at: datetime


class OperatorFlags:
    """The flags of the current book, as last read, and those set since."""

    def __init__(self, starts: bool, clock: Clock) -> None:
        """`starts` is whether the loop runs unless an operator said otherwise."""
        self._starts = starts
        self._clock = clock
        self._book: str | None = None
        self._read: dict[str, str] | None = None
        self._requests: dict[str, _FlagChange] = {}
        # An answer that comes late must not take the place of a newer one.
        self._lock = asyncio.Lock()

    @property
    def wanted(self) -> OperatorIntent | None:
        """What operators want, all together; None before that is known."""
        if self._read is None:
            return None
        asked = self.close_requests
        return OperatorIntent(
            runs=self.runs,
            said=RUNNING in self._now(),
            killed=self.killed,
            resumed=self.resumed,
            closing=dict(asked.markets),
            flatten=asked.flatten,
        )

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
        # Whoever resumed has to say so again if it cannot be read: entries stay stopped meanwhile.
        return _time(self._now().get(RESUMED))

    @property
    def close_requests(self) -> CloseRequests:
        """Which positions operators want closed; none before that is known."""
        return CloseRequests(self._times(CLOSE), _time(self._now().get(FLATTEN)))

    @property
    def account_requests(self) -> AccountRequests:
        """What operators want done to the account; nothing before that is known."""
        adoption = _time(self._now().get(ADOPTION))
        return AccountRequests(adoption, self._times(TRADED), self._times(NEVER))

    def look_at(self, book: str) -> None:
        """Switch to this book; nothing is known of another one."""
        if book != self._book:
            self._book, self._read = book, None

    def resume(self) -> None:
        """Allow entries from now on; positions not closed yet are kept."""
        self.set(KILLED, "")
        self.set(RESUMED, self._clock.now().isoformat())
        if self.close_requests.flatten is not None:
            self.set(FLATTEN, "")

    def close(self, ticker: str) -> None:
        """Have the position closed that is open in this market now."""
        self.set(f"{CLOSE}{ticker}", self._clock.now().isoformat())

    def flatten(self, reason: str) -> None:
        """Have all positions closed, and nothing entered until `resume`."""
        if not self._now().get(KILLED):
            self.set(KILLED, reason)
        self.set(FLATTEN, self._clock.now().isoformat())

    def closed(self, done: CloseRequests) -> None:
        """Nothing more is to be done for these, unless somebody asked again since."""
        for ticker, at in done.markets.items():
            if self.close_requests.markets.get(ticker) == at:
                self.set(f"{CLOSE}{ticker}", "")
        if done.flatten is not None and self.close_requests.flatten == done.flatten:
            self.set(FLATTEN, "")

    def request_adoption(self) -> datetime:
        """Have the account adopted as the exchange has it; when that was asked."""
        at = self._clock.now()
        self.set(ADOPTION, at.isoformat())
        return at

    def resolve(self, client_order_id: str, *, traded: bool) -> datetime:
        """An order in doubt traded, or never did; when that was said."""
        at = self._clock.now()
        self.set(f"{TRADED if traded else NEVER}{client_order_id}", at.isoformat())
        return at

    def account_done(self, done: AccountRequests) -> None:
        """Nothing more is to be done for these, unless somebody asked again since."""
        asked = self.account_requests
        if done.adoption is not None and asked.adoption == done.adoption:
            self.set(ADOPTION, "")
        self._end(TRADED, done.traded, asked.traded)
        self._end(NEVER, done.never, asked.never)

    def _end(
        self, prefix: str, done: Mapping[str, datetime], asked: Mapping[str, datetime]
    ) -> None:
        for name, at in done.items():
            if asked.get(name) == at:
                self.set(f"{prefix}{name}", "")

    def set(self, name: str, value: str) -> None:
        """Set a flag of the current book; without one nothing is set."""
        if self._book is not None:
            self._requests[name] = _FlagChange(self._book, value, self._clock.now())

    def withdraw(self) -> None:
        """Drop what could not be written to the database."""
        self._requests.clear()

    async def sync(self, election: LeaseStore) -> None:
        """Write what was set here and read what others set. Raises StoreError."""
        async with self._lock:
            if (book := self._book) is None:
                return
            written = dict(self._requests)
            for name, request in written.items():
                await election.switch(request.book, name, request.value, request.at)
            read = dict(await election.switches(book))
            if book == self._book:
                self._read = read
            # What was set while the database answered is not written down yet.
            left = self._requests.items()
            self._requests = {
                name: request for name, request in left if written.get(name) is not request
            }

    def _times(self, prefix: str) -> dict[str, datetime]:
        """When each was asked for whose name begins like that, by the rest of its name."""
        return {
            name.removeprefix(prefix): at
            for name, value in self._now().items()
            if name.startswith(prefix) and (at := _time(value)) is not None
        }

    def _now(self) -> dict[str, str]:
        requests = self._requests.items()
        mine = {name: request.value for name, request in requests if request.book == self._book}
        return {**(self._read or {}), **mine}


def _time(text: str | None) -> datetime | None:
    """A moment as it was written down; None without one, and for what is none."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
