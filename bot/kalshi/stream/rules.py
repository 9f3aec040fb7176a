"""What the stream promises whoever listens, and how long it is waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.kalshi.wire.frames import Delta
from bot.kalshi.wire.markets import PublicTrade


@dataclass(frozen=True, slots=True)
class StreamRules:
    """Seconds of patience.

    `stale_after` is how late the line may be, `answer_within` how long a command may take before
    the connection is given up, `heartbeat` how often one is given, `resync` how long a snapshot
    may take before it is asked for again (each time twice as long, up to `longest`), `uncross`
    how long a book may stay crossed, `quotes_agree` how long the ticker may quote otherwise.
    Without `checks_lag` the times of events do not count as late.
    """

    stale_after: float = 3.0
    answer_within: float = 10.0
    heartbeat: float = 0.2
    resync: float = 2.0
    longest: float = 60.0
    uncross: float = 0.25
    quotes_agree: float = 2.0
    checks_lag: bool = True


class StreamListener(Protocol):
    """Who hears of everything that the stream told, in its order."""

    def on_change(self, change: Delta, at: float) -> None:
        """A level of a sound book has changed."""
        ...

    def on_snapshot(self, ticker: str, at: float) -> None:
        """A whole sound book has come; it is in the store."""
        ...

    def on_break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        """What was known of these books is not true any more."""
        ...

    def on_trade(self, trade: PublicTrade, at: float) -> None:
        """Contracts changed hands."""
        ...
