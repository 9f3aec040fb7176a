"""The brakes at work: what stops entries right now, and when that begins and ends.

Leaves out what the stops are made of (`core.brakes`) and who may lift them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bot.core.events import EntriesResumed, EntriesStopped, Event
from bot.core.market.market import Market
from bot.core.market.money import Dollars
from bot.core.market.orders import Aim, Execution
from bot.core.risk.circuit_breakers import CircuitBreakers, Permit
from bot.core.risk.close_requests import CloseRequests, nothing
from bot.core.risk.limits import RiskLimits, Stop
from bot.ports.persistence import Checkpoint, Intents, NullStore

T = TypeVar("T")
BREAKERS: Final = "brakes"
STOP: Final = "stop"
_OVER: Final[Mapping[str, str]] = {
    "killed": "the kill switch is off",
    "lease": "the lease is certain again",
    "database": "the database can be written again",
    "audit": "positions agree with the exchange",
    "drawdown_halt": "an operator resumed after the drawdown",
    "daily_loss_stop": "the day of the loss is over (00:00 UTC)",
    "error_breaker": "the pause after exchange errors is over",
}


def _nothing() -> None:
    return None


def _one_purse(_: int) -> None:
    return None


def _goes_on() -> bool:
    return False


def _certain() -> bool:
    return True


def _trades(_: Market, __: Aim) -> None:
    return None


def _unheard(_: Market, __: Execution) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Safety:
    """What an order has to pass besides risk, asked each time.

    `store` is where it is written down before it is sent. `killed` is why people want nothing
    entered, None if they do not mind, `killed_until` what lifts that; `sure` is whether this
    process holds the lease for certain now; `fault` why nothing can be committed; `mismatch` why
    our accounts are not trusted; `halt` why no order of an aim may go to a market now;
    `ended` hears how each came to its end. `now` is the time; None: that of the pass.
    `stopping` is whether the pass that runs is the last one: it enters nothing any more;
    `purse` the cash on a shard, None if it is not kept apart; `compares` is whether each order is
    compared with its paper twin. `close_requests` is what operators
    want closed. As it stands, nobody objects, nobody wants anything, nothing is kept: for replays
    and tests.
    """

    store: Intents = field(default_factory=NullStore)
    killed: Callable[[], str | None] = _nothing
    sure: Callable[[], bool] = _certain
    fault: Callable[[], str | None] = _nothing
    mismatch: Callable[[], str | None] = _nothing
    killed_until: Callable[[], str | None] = _nothing
    halt: Callable[[Market, Aim], Stop | None] = _trades
    ended: Callable[[Market, Execution], None] = _unheard
    now: Callable[[], datetime | None] = _nothing
    stopping: Callable[[], bool] = _goes_on
    close_requests: Callable[[], CloseRequests] = nothing
    purse: Callable[[int], Dollars | None] = _one_purse
    compares: bool = False

    def permit(self) -> Permit:
        """What they all say now."""
        killed = self.killed()
        until = None if killed is None else self.killed_until()
        return Permit(killed, self.sure(), self.fault(), self.mismatch(), until)


class KillFile:
    """A kill file: entries stop while it exists. One that cannot be checked counts as present."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reason(self) -> str | None:
        """Why nothing may be entered, None if it may."""
        try:
            # A link that leads nowhere is there as well.
            self._path.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"the file {self._path} cannot be checked: {error}"
        return f"the file {self._path} exists"


class EntryGuard:
    """Keeps the brakes of an account; `stop` is what stopped entries when it looked last."""

    def __init__(self, limits: RiskLimits, safety: Safety, equity: Dollars) -> None:
        self._limits = limits
        self._safety = safety
        self.breakers = CircuitBreakers.of(equity)
        self.stop: Stop | None = None

    def evaluate(self, at: datetime, equity: Dollars | None) -> list[Event]:
        """Look at the account and at the world; what is to be said about entries.

        The equity is None while it does not come from prices that were seen: the last one stands.
        """
        before, self.stop = self.stop, self.stop_now(at, equity)
        if (before and before.rule) == (self.stop and self.stop.rule):
            return []
        if self.stop is not None:
            stop = self.stop
            return [EntriesStopped(at, stop.reason, stop.rule, stop.value, stop.limit)]
        return [EntriesResumed(at, _OVER[before.rule], before.rule)] if before else []

    def stop_now(self, at: datetime, equity: Dollars | None) -> Stop | None:
        """What keeps an entry from being sent at this very moment."""
        self.breakers = self.breakers.seen(at, self.breakers.equity if equity is None else equity)
        return self.breakers.stopped(at, self._limits, self._safety.permit())

    def move_cash(self, amount: Dollars) -> None:
        """Cash came from outside, or went if below 0."""
        self.breakers = self.breakers.moved(amount)

    def entered(self, at: datetime) -> None:
        """An entry was sent."""
        self.breakers = self.breakers.entered(at, self._limits)

    def catch_up(self, entries: Iterable[datetime]) -> None:
        """Entries were sent then, perhaps: those after the last that is known are new."""
        known = self.breakers.entries
        for at in sorted(entries):
            if not known or at > known[-1]:
                self.entered(at)

    def failed(self, at: datetime) -> None:
        """The exchange failed at something."""
        self.breakers = self.breakers.failed(at, self._limits)

    def fetched(self, at: datetime, asked: int, broken: int) -> None:
        """So many of the books asked for came broken; absent ones do not count."""
        self.breakers = self.breakers.fetched(at, asked, broken, self._limits)

    def skewed(self, at: datetime, seconds: float) -> None:
        """The clock of the exchange differs by so much from ours."""
        self.breakers = self.breakers.skewed(at, seconds, self._limits)

    def resume(self, at: datetime, equity: Dollars) -> None:
        """An operator resumed at that moment; the same moment twice is once."""
        self.breakers = self.breakers.resumed(at, equity)

    def bodies(self) -> dict[tuple[str, str], bytes]:
        """What has to be remembered, by kind and key."""
        encode = msgspec.json.encode
        stop = {} if self.stop is None else {(STOP, ""): encode(self.stop)}
        return {(BREAKERS, ""): encode(self.breakers), **stop}

    def restore(self, checkpoint: Checkpoint, equity: Dollars) -> None:
        """Restore from a checkpoint, for an account of this equity."""
        breakers, stop = (
            checkpoint.state_records.get(kind, {}).get("") for kind in (BREAKERS, STOP)
        )
        self.breakers = (
            _read(breakers, BREAKERS, CircuitBreakers) if breakers else CircuitBreakers.of(equity)
        )
        self.stop = _read(stop, STOP, Stop) if stop else None


def _read(body: bytes, kind: str, of: type[T]) -> T:
    # A halt that cannot be read must not count as none.
    try:
        return msgspec.json.decode(body, type=of)
    except msgspec.DecodeError as error:
        raise ValueError(f"row kind={kind!r} of table memos: {error}") from error
