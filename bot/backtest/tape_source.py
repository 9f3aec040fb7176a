"""A tape as the world of a cycle: books, markets and judgements of the moment it stands at.

What a tape does not say is assumed: the fees of its series on that day, as far as they are known to
have differed from the usual, a grid of 0.1 c, each market an event of its own; a market whose close
is not recorded stays open past the end of the tape.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from bot.core.market.fees import USUAL, FeeKind, FeeSchedule
from bot.core.market.market import Market, MarketStatus, PriceGrid, PriceRange
from bot.core.market.money import ONE, ZERO, Contracts, exact
from bot.core.market.orderbook import Books, Floats
from bot.core.market.queue import MarketUpdate
from bot.core.risk.review import Approved
from bot.core.whales.detector import TradesBetween
from bot.ports.exchange import BookAnswer, ExchangeError
from bot.signals.analyzer import Predictions
from bot.tape.reader import Rows, Tape, rows_by_market
from bot.tape.trades import TapeTrades
from bot.tape.windows import RecordedMarket, note
from bot.trading.paper_venue import SeenBook

#: Series whose takers paid half until a day: S&P 500 and Nasdaq 100, with the prefix KX or without.
_HALF: Final = FeeSchedule(FeeKind.QUADRATIC, Decimal("0.5"))
_HALF_UNTIL: Final = datetime(2026, 7, 3, tzinfo=UTC)
_HALF_SERIES: Final = ("INX", "NASDAQ100")
GRID: Final = PriceGrid((PriceRange(ZERO, ONE, Decimal("0.001")),))
#: Where the tape does not say when a market closes, it stays open past the end of the tape.
_AFTER: Final = timedelta(days=365)


class Cursor:
    """The tape as source of books, watchlist and judge, standing at one moment."""

    def __init__(self, tape: Tape, predictions: Predictions) -> None:
        self._predictions = predictions
        self._markets = markets_of(tape)
        self._held: tuple[str, ...] = ()
        self._now = predictions.take(np.array([0]))

    def move(self, rows: Rows) -> None:
        """Stand where these books were seen."""
        self._now = self._predictions.take(rows)

    async def refresh(self) -> None:
        """Nothing: a tape does not change."""

    async def reread_held(self) -> None:
        """Nothing, either."""

    def hold(self, tickers: Sequence[str]) -> None:
        """Keep these watched."""
        self._held = tuple(tickers)

    def watched(self) -> Mapping[str, Market]:
        """The markets recorded at this moment, and those held."""
        tickers = (*self._now.seen.books.tickers, *self._held)
        return {ticker: self._markets[ticker] for ticker in tickers}

    async def books(self, tickers: Sequence[str]) -> BookAnswer:  # noqa: ARG002  # as the cycle asks
        """The books recorded at this moment; that a market was not recorded is no failure."""
        return BookAnswer(self._now.seen.books)

    def predict(
        self,
        books: Books,  # noqa: ARG002  # as above
        seconds_to_close: Floats,  # noqa: ARG002
        traded: TradesBetween | None = None,  # noqa: ARG002
    ) -> Predictions:
        """What was made of the books of this moment."""
        return self._now


class NextBooks:
    """The book that follows on the tape: what a pretend order meets, or is withdrawn with."""

    def __init__(self, books: Books, trades: TapeTrades, latest: float = 60.0) -> None:
        """One that comes more than `latest` seconds after the decision's is none."""
        self._books = books
        self._trades = trades
        self._latest = latest
        self._rows = rows_by_market(books.tickers)
        self._times = {ticker: books.seen_at[rows] for ticker, rows in self._rows.items()}

    async def __call__(self, approved: Approved) -> SeenBook:
        """Raises ExchangeError where the tape has none in time."""
        return self._next(approved.order.ticker, approved.book_seen_at)

    async def update(self, ticker: str, since: float) -> MarketUpdate:
        """The same after a time, with what traded until then. Raises ExchangeError."""
        seen = self._next(ticker, since)
        traded = self._trades.between(ticker, since, seen.seen_at)
        return MarketUpdate(seen.book, seen.seen_at, traded)

    def _next(self, ticker: str, seen_at: float) -> SeenBook:
        rows, times = self._rows[ticker], self._times[ticker]
        place = int(np.searchsorted(times, seen_at, side="right"))
        if place == len(rows) or times[place] > seen_at + self._latest:
            raise ExchangeError(f"the tape has no book of it in the next {self._latest:g} s")
        return SeenBook(float(times[place]), self._books.book(int(rows[place])))


class TapeTradeWatch:
    """The trades of a tape, for a cycle over it; what whales did was measured before."""

    def __init__(self, tape: Tape) -> None:
        self.between = tape.trades.between

    async def since(self, books: Books) -> TradesBetween:
        """Nothing."""
        return TradesBetween.unknown(len(books))


def utc_time(seconds: float) -> datetime:
    """Seconds UTC as a moment."""
    return datetime.fromtimestamp(float(seconds), UTC)


def markets_of(tape: Tape) -> dict[str, Market]:
    """The markets of a tape, as far as it describes them."""
    seen: dict[str, RecordedMarket] = {}
    note(seen, tape)
    return markets_seen(seen)


def markets_seen(seen: Mapping[str, RecordedMarket]) -> dict[str, Market]:
    """The markets of a tape of which this is known."""
    opens = utc_time(min(one.first for one in seen.values()))
    after = utc_time(max(one.last for one in seen.values())) + _AFTER
    return {
        ticker: _market(
            ticker, opens, after if math.isnan(one.closes) else utc_time(one.closes), one.volume
        )
        for ticker, one in seen.items()
    }


def fees_on(day: datetime, ticker: str) -> FeeSchedule:
    """What takers of a market were charged on a day, by the formula in force."""
    is_index = ticker.split("-", maxsplit=1)[0].removeprefix("KX").startswith(_HALF_SERIES)
    return _HALF if is_index and day < _HALF_UNTIL else USUAL


def _market(ticker: str, opens: datetime, closes: datetime, volume: float) -> Market:
    traded = ZERO if math.isnan(volume) else exact(volume)
    return Market(
        ticker=ticker,
        event_ticker=ticker,
        title=ticker,
        status=MarketStatus.ACTIVE,
        grid=GRID,
        open_time=opens,
        close_time=closes,
        volume_24h=Contracts(traded),
        open_interest=ZERO,
        fees=fees_on(opens, ticker),
    )
