"""Where nothing may be traded at this moment, exits included: paused shards, closed markets.

Leaves out what stops entries alone (`entry_guard`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.market.exchange_status import ExchangeStatus
from bot.core.market.market import Market
from bot.core.risk.limits import Stop
from bot.ports.exchange import Clock, ExchangeError

#: How long the exchange's word that it trades is good for.
READ_AGAIN: Final = timedelta(seconds=10)


class StatusSource(Protocol):
    """Says whether the exchange trades."""

    async def exchange_status(self) -> ExchangeStatus:
        """The status of now. Raises ExchangeError."""
        ...


class TradingHalts:
    """Asks the exchange whether it trades, and says no where that is not known to be so.

    `fault` says what of the shards asked about does not trade; None if all do.
    """

    def __init__(self, source: StatusSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._read_at: datetime | None = None
        self._status: ExchangeStatus | None = None
        self._unread = "whether the exchange trades has not been asked yet"
        self.fault: str | None = None

    async def refresh(self, shards: Collection[int]) -> None:
        """Ask again if the last answer is old; what cannot be read is not known."""
        now = self._clock.now()
        if self._read_at is None or not now - self._read_at < READ_AGAIN:
            await self._read(now)
        pauses = [pause for shard in sorted(shards) if (pause := self._pause(shard))]
        self.fault = "; ".join(dict.fromkeys(pauses)) or None

    def expire(self) -> None:
        """An order was refused for a pause: the status of before is worth nothing now."""
        self._read_at = None

    def halt(self, market: Market) -> Stop | None:
        """Why no order may go to a market at this moment; None if one may."""
        now = self._clock.now()
        if not market.is_open(now):
            return Stop("market_open", f"{market.ticker} is not open any more at {now:%H:%M:%S}")
        pause = self._pause(market.exchange_index)
        return Stop("trading_pause", f"{pause}: no orders, exits neither") if pause else None

    async def _read(self, now: datetime) -> None:
        try:
            self._status, self._read_at = await self._source.exchange_status(), now
        except ExchangeError as error:
            self._status, self._read_at = None, None
            self._unread = f"whether the exchange trades cannot be read: {error}"

    def _pause(self, shard: int) -> str | None:
        return self._unread if self._status is None else self._status.pause(shard)
