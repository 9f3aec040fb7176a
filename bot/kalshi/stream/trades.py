"""The trades a stream told of, for as long as somebody may ask, and from when on they are all.

A trade counts for the moment at which it was received: so it lies between the same two looks at a
book as the changes that it made, whatever the clocks say.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from math import inf
from typing import Final

from bot.core.market.market import Side
from bot.kalshi.wire.frames import TradeFrame
from bot.kalshi.wire.markets import PublicTrade

#: Trades remembered, of all markets together.
ROOM: Final = 50_000


class StreamedTrades:
    """Trades in the order they came. `dropped` counts those for which there was no room."""

    def __init__(self, room: int = ROOM) -> None:
        self._trades: deque[PublicTrade] = deque(maxlen=room)
        self._known_from: dict[str, float] = {}
        self._dropped_up_to = -inf
        self.dropped = 0

    def follow(self, tickers: Iterable[str], at: float) -> None:
        """From now on all trades of these are told."""
        self._known_from.update(dict.fromkeys(tickers, at))

    def leave(self, tickers: Iterable[str]) -> None:
        """Of these no more trades are told."""
        for ticker in tickers:
            self._known_from.pop(ticker, None)

    def missed(self, at: float) -> None:
        """Some trade was missed: what is known begins anew."""
        self.follow(tuple(self._known_from), at)

    def add(self, trade: TradeFrame, at: float) -> PublicTrade:
        """A trade as it came."""
        if len(self._trades) == self._trades.maxlen:
            self._dropped_up_to = self._trades[0].at.timestamp()
            self.dropped += 1
        taken = PublicTrade(
            trade_id=trade.trade_id,
            ticker=trade.market_ticker,
            at=datetime.fromtimestamp(at, UTC),
            taker=Side.BUY if trade.taker_book_side == "bid" else Side.SELL,
            price=Decimal(trade.yes_price_dollars),
            count=Decimal(trade.count_fp),
            is_block=trade.is_block_trade,
        )
        self._trades.append(taken)
        return taken

    def since(self, start: float) -> Sequence[PublicTrade]:
        """All that came since then, newest first."""
        newest_first = reversed(self._trades)
        return tuple(takewhile(lambda trade: trade.at.timestamp() >= start, newest_first))

    def unknown(self, tickers: Iterable[str], since: float) -> frozenset[str]:
        """Those of these markets of which not all trades since then are known."""
        known_from = self._known_from
        late = since < self._dropped_up_to
        return frozenset(t for t in tickers if late or known_from.get(t, inf) > since)
