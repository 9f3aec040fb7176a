"""Quotes that are newer than the last pass, laid over what it showed: prices and who leans where.

All else of a market (its score, its position, why it holds) stays as the pass left it: quotes are
no decision, and money is shown once it is committed only.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final, NamedTuple, Protocol

import msgspec

from bot.core.market.money import cents
from bot.core.market.orderbook import Books, Floats
from bot.core.whales.book_sides import measures
from bot.ports.views import MarketView

#: What Kalshi itself quotes where a side is empty, in cents.
NO_BID: Final = 0.0
NO_ASK: Final = 100.0


def cents_or(price: Floats, empty: float) -> list[float]:
    """Prices in cents, `empty` where there is none."""
    return [empty if isnan(p) else cents(p) for p in price.tolist()]


class StreamedQuotes(Protocol):
    """Books that change between two passes."""

    def take_changed(self) -> set[str]:
        """The markets whose books changed since the last call."""
        ...

    def proved_books(self, tickers: Sequence[str]) -> Books:
        """Those of these books that are proved, as they are now."""
        ...


class _Quote(NamedTuple):
    at: float
    bid: float
    ask: float
    bid_ratio: float
    imbalance_strength: float


class NewerQuotes:
    """The last quotes of each market that came between two passes."""

    def __init__(self) -> None:
        self._quotes: dict[str, _Quote] = {}

    def note(self, books: Books) -> None:
        """Take these books as the newest."""
        seen = measures(books)
        columns = (
            books.seen_at.tolist(),
            cents_or(books.best_bid, NO_BID),
            cents_or(books.best_ask, NO_ASK),
            seen.bid_ratio.tolist(),
            seen.imbalance_strength.tolist(),
        )
        rows = map(_Quote._make, zip(*columns, strict=True))
        self._quotes.update(zip(books.tickers, rows, strict=True))

    def over(
        self, views: tuple[MarketView, ...], seen_at: Mapping[str, float]
    ) -> tuple[MarketView, ...]:
        """These views with the quotes that are newer; `seen_at` is when each book was seen.

        A market that a pass had no book of stays as it is, until a pass has one.
        """
        self._quotes = {t: q for t, q in self._quotes.items() if q.at > seen_at.get(t, q.at)}
        if not self._quotes:
            return views
        return tuple([self._newer(view) for view in views])

    def _newer(self, view: MarketView) -> MarketView:
        quote = self._quotes.get(view.ticker)
        if quote is None or view.stale:
            return view
        return msgspec.structs.replace(
            view,
            yes_bid=quote.bid,
            yes_ask=quote.ask,
            spread=round(quote.ask - quote.bid, 6),
            bid_ratio=quote.bid_ratio,
            imbalance_strength=quote.imbalance_strength,
        )
