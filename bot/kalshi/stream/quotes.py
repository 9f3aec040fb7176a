"""What the exchange's own ticker quotes, to check books against."""

from dataclasses import dataclass

from bot.core.market.book_store import PRICE_UNITS
from bot.kalshi.wire.frames import Tick, price_units


@dataclass(frozen=True, slots=True)
class _Quote:
    """What the ticker quotes, in units; 0 and 1 for empty sides."""

    bid: int
    ask: int
    at: float


class TickerQuotes:
    """The last quote of each market."""

    def __init__(self, agree_within: float) -> None:
        """Seconds in which a book may quote otherwise than the ticker."""
        self._agree_within = agree_within
        self._quotes: dict[str, _Quote] = {}

    def note(self, message: Tick, at: float) -> None:
        """The ticker has quoted a market."""
        has_bid, has_ask = float(message.yes_bid_size_fp), float(message.yes_ask_size_fp)
        bid = price_units(message.yes_bid_dollars) if has_bid else 0
        ask = price_units(message.yes_ask_dollars) if has_ask else PRICE_UNITS
        self._quotes[message.market_ticker] = _Quote(bid, ask, at)

    def forget(self, ticker: str) -> None:
        self._quotes.pop(ticker, None)

    def clear(self) -> None:
        self._quotes.clear()

    def contradiction(
        self, ticker: str, best: tuple[int | None, int | None], changed_at: float, at: float
    ) -> str | None:
        """Why the ticker makes a book that has not changed since `changed_at` unbelievable."""
        quote = self._quotes.get(ticker)
        if quote is None or at - quote.at < self._agree_within or changed_at >= quote.at:
            return None
        bid, ask = best
        if (bid or 0, ask or PRICE_UNITS) == (quote.bid, quote.ask):
            return None
        return "the exchange's ticker quotes other prices than the book"
