"""Where nothing may be traded at this moment: paused shards, closed markets, what was refused.

Leaves out what stops entries alone (`entry_guard`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.market.exchange_status import ExchangeStatus
from bot.core.market.market import Market
from bot.core.market.orders import Aim, Execution
from bot.core.risk.limits import Stop
from bot.core.risk.refusals import DOUBLINGS, PAUSES, Consequence, Scope, consequence
from bot.ports.exchange import Clock, ExchangeError
from bot.trading.planned_pauses import PlannedPauses

#: How long the exchange's word that it trades is good for.
READ_AGAIN: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Nothing more is sent from `since` until then, or nothing of an aim; `times` in a row."""

    since: datetime
    until: datetime
    reason: str
    aim: Aim | None
    times: int


class StatusSource(Protocol):
    """Says whether the exchange trades."""

    async def exchange_status(self) -> ExchangeStatus:
        """The status of now. Raises ExchangeError."""
        ...


class TradingHalts:
    """Asks the exchange whether it trades, and says no where that is not known to be so."""

    def __init__(
        self, source: StatusSource, clock: Clock, pauses: PlannedPauses | None = None
    ) -> None:
        """Without `pauses` nobody knows of one before it begins."""
        self._pauses = pauses
        self._source = source
        self._clock = clock
        self._read_at: datetime | None = None
        self._status: ExchangeStatus | None = None
        self._unread = "whether the exchange trades has not been asked yet"
        self._shards: tuple[int, ...] = ()
        self._refusals: dict[tuple[Scope, str], _Refusal] = {}

    @property
    def fault(self) -> str | None:
        """What does not trade of the shards asked about, and why; None if all do."""
        now = self._clock.now()
        pauses = [pause for shard in self._shards if (pause := self._pause(shard))]
        refusals = [one.reason for one in self._refusals.values() if now < one.until]
        return "; ".join(dict.fromkeys([*pauses, *refusals])) or None

    @property
    def next_pause(self) -> str | None:
        """When the exchange means to pause next, in words; None if nobody asks."""
        return self._pauses.note if self._pauses else None

    async def refresh(self, shards: Collection[int]) -> None:
        """Ask again if the last answer is old; what cannot be read is not known."""
        now = self._clock.now()
        if self._read_at is None or not now - self._read_at < READ_AGAIN:
            await self._read(now)
        self._shards = tuple(sorted(shards))
        if self._pauses is not None:
            await self._pauses.refresh()

    def ended(self, market: Market, execution: Execution) -> None:
        """Note how an order ended: a refusal blocks similar orders for a while."""
        if not execution.code:
            for scope in Scope:
                self._lift((scope, _place(scope, market)), execution.order.at)
            return
        if execution.code in PAUSES:
            # The status of before is worth nothing now.
            self._read_at = None
        asked = consequence(execution)
        key = asked.scope, _place(asked.scope, market)
        now, last = self._clock.now(), self._refusals.get(key)
        self._refusals[key] = _refusal(execution, asked, key[1], now, last)

    def _lift(self, key: tuple[Scope, str], sent_at: datetime) -> None:
        """An order that was taken proves a refusal over, unless it was under way before that."""
        last = self._refusals.get(key)
        if last is not None and last.since <= sent_at:
            del self._refusals[key]

    def halt(self, market: Market, aim: Aim) -> Stop | None:
        """Why no order of an aim may go to a market at this moment; None if one may."""
        now = self._clock.now()
        if not market.is_open(now):
            return Stop("market_open", f"{market.ticker} is not open any more at {now:%H:%M:%S}")
        pause = self._pause(market.exchange_index)
        if pause:
            return Stop("trading_pause", f"{pause}: no orders, exits neither")
        planned = self._pauses.stop() if self._pauses and aim is Aim.ENTER else None
        return planned or self._refused(market, aim, now)

    def _refused(self, market: Market, aim: Aim, now: datetime) -> Stop | None:
        for scope in Scope:
            one = self._refusals.get((scope, _place(scope, market)))
            if one is not None and now < one.until and one.aim in {None, aim}:
                return Stop("refused", one.reason)
        return None

    async def _read(self, now: datetime) -> None:
        try:
            self._status, self._read_at = await self._source.exchange_status(), now
        except ExchangeError as error:
            self._status, self._read_at = None, None
            self._unread = f"whether the exchange trades cannot be read: {error}"

    def _pause(self, shard: int) -> str | None:
        return self._unread if self._status is None else self._status.pause(shard)


def _place(scope: Scope, market: Market) -> str:
    """The name of what a scope covers around a market."""
    match scope:
        case Scope.ALL:
            return "the exchange"
        case Scope.SHARD:
            return f"shard {market.exchange_index}"
        case Scope.MARKET:
            return market.ticker


def _refusal(
    execution: Execution, asked: Consequence, place: str, now: datetime, last: _Refusal | None
) -> _Refusal:
    # Of orders that were under way together, all refused for one reason, only the first counts.
    is_anew = last is None or last.since <= execution.order.at
    times = (last.times if last else 0) + is_anew
    until = now + timedelta(seconds=asked.seconds * 2 ** min(times - 1, DOUBLINGS))
    if last is not None and not is_anew and until <= last.until:
        return last
    what = "entry" if asked.aim is Aim.ENTER else "order"
    reason = f"no {what} on {place} until {until:%H:%M:%S} UTC, for one was refused"
    return _Refusal(now, until, f"{reason}: {execution.error}", asked.aim, times)
