"""What takers traded on a tape, market by market, as far as the tape says.

A stream has every trade with its price. A tape of books may count, for each row, what was bought
and sold since the row before (`buy_vol_in_bar`, `sell_vol_in_bar`): then no price is known. A
market of whose trades something is missing has none that are known.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.money import exact
from bot.core.market.orderbook import Floats
from bot.core.market.queue import TakerTrade

Rows = NDArray[np.intp]


class RecordedTrade(NamedTuple):
    """A trade of a stream: seconds UTC, contracts, YES dollars; whether the taker bought."""

    ticker: str
    at: float
    size: float
    price: float
    buys: bool


class MarketTape(NamedTuple):
    """The trades of one market by time, shape (K,): seconds UTC, contracts, YES dollars or NaN.

    `breaks` (seconds, rising) are times before which something may be missing.
    """

    at: Floats
    size: Floats
    price: Floats
    buys: NDArray[np.bool_]
    breaks: Floats

    def within(self, since: float, until: float) -> list[TakerTrade] | None:
        """The trades after `since` up to `until`; None if some may be missing."""
        begin, end = np.searchsorted(self.breaks, (since, until), side="right")
        if end > begin:
            return None
        first, past = np.searchsorted(self.at, (since, until), side="right").tolist()
        return [self._trade(place) for place in range(first, past)]

    def _trade(self, place: int) -> TakerTrade:
        price = float(self.price[place])
        return TakerTrade(
            at=float(self.at[place]),
            taker=Side.BUY if self.buys[place] else Side.SELL,
            size=exact(float(self.size[place])),
            price=None if np.isnan(price) else exact(price),
        )


@dataclass(frozen=True, slots=True)
class TapeTrades:
    """The trades of all markets whose trades are known."""

    markets: Mapping[str, MarketTape] = field(default_factory=dict)

    def between(self, ticker: str, since: float, until: float) -> Sequence[TakerTrade] | None:
        """The trades of a market after `since` up to `until`, seconds UTC; None: not known."""
        market = self.markets.get(ticker)
        return None if market is None else market.within(since, until)

    @classmethod
    def of(
        cls, trades: Iterable[RecordedTrade], tickers: Iterable[str], breaks: Sequence[float]
    ) -> Self:
        """Of single trades in time order, for these markets, known between breaks (seconds)."""
        found: dict[str, list[RecordedTrade]] = {ticker: [] for ticker in tickers}
        for trade in trades:
            if trade.ticker in found:
                found[trade.ticker].append(trade)
        return cls({ticker: _market(one, breaks) for ticker, one in found.items()})

    @classmethod
    def counted(
        cls,
        tickers: Sequence[str],
        at: Floats,
        segment: Rows,
        bars: Floats,
        before: Mapping[str, int] | None = None,
    ) -> Self:
        """Of counts by row, shape (N, 3) as `schema.BARS`, in time order; NaN where not counted.

        `before` has the segment of each market's last row in an earlier window of the tape.
        """
        if not tickers:
            return cls()
        names, latest = np.array(tickers, dtype=object), before or {}
        order = np.argsort(names, kind="stable")
        labels, starts = np.unique(names[order], return_index=True)
        parts = dict(zip(labels.tolist(), np.split(order, starts[1:]), strict=True))
        return cls(
            {
                ticker: _of_bars(at[rows], segment[rows], bars[rows], latest.get(ticker, -1))
                for ticker, rows in parts.items()
                if _is_counted(bars[rows])
            }
        )

    def without(self, tickers: Collection[str]) -> Self:
        """Those of all other markets."""
        return type(self)({name: one for name, one in self.markets.items() if name not in tickers})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Those of several tapes; a market on more than one of them is known between its breaks."""
        together: dict[str, MarketTape] = {}
        for part in parts:
            for ticker, market in part.markets.items():
                known = together.get(ticker)
                together[ticker] = market if known is None else _merged(known, market)
        return cls(together)


#: Of no market anything is known.
NO_TRADES = TapeTrades()


def _market(trades: Sequence[RecordedTrade], breaks: Sequence[float]) -> MarketTape:
    return MarketTape(
        at=np.array([trade.at for trade in trades], dtype=np.float64),
        size=np.array([trade.size for trade in trades], dtype=np.float64),
        price=np.array([trade.price for trade in trades], dtype=np.float64),
        buys=np.array([trade.buys for trade in trades], dtype=np.bool_),
        breaks=np.array(breaks, dtype=np.float64),
    )


def _is_counted(bars: Floats) -> bool:
    """Whether every row says what was bought and sold; trades without contracts do not."""
    volume = bars[:, 1] + bars[:, 2]
    return bool(np.isfinite(volume).all() and not ((bars[:, 0] > 0) & (volume == 0)).any())


def _of_bars(at: Floats, segment: Rows, bars: Floats, before: int) -> MarketTape:
    both = np.concatenate([bars[:, 1], bars[:, 2]])
    times = np.concatenate([at, at])
    buys = np.repeat([True, False], len(at))
    place = np.argsort(times, kind="stable")
    place = place[both[place] > 0]
    # What was counted in the first row of a segment began before it.
    begins = np.diff(segment, prepend=before) != 0
    return MarketTape(
        times[place], both[place], np.full(len(place), np.nan), buys[place], at[begins]
    )


def _merged(one: MarketTape, other: MarketTape) -> MarketTape:
    columns = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
    place = np.argsort(columns[0], kind="stable")
    at, size, price, buys = (column[place] for column in columns[:4])
    return MarketTape(at, size, price, buys, np.sort(columns[4]))
