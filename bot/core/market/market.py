"""What is traded: a market, its state in life, and the grid its prices live on.

Leaves out the order book (`orderbook`) and the fee formula (`fees`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.market.fees import FeeSchedule
from bot.core.market.money import ONE, ZERO, Contracts, Dollars, ceil_to, floor_to


class MarketStatus(StrEnum):
    """Where a market is in its life. Kalshi's list grows: a new word reads as UNKNOWN."""

    INITIALIZED = "initialized"
    INACTIVE = "inactive"
    ACTIVE = "active"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "MarketStatus":
        return cls.UNKNOWN


#: Nothing trades there any more, ever.
OVER: Final = frozenset(
    {
        *(MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.DISPUTED),
        *(MarketStatus.AMENDED, MarketStatus.FINALIZED),
    }
)


class Side(StrEnum):
    """The side of an order in YES contracts; selling YES is buying NO at one minus the price."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1

    @classmethod
    def of(cls, position: Contracts) -> "Side":
        """The side of the orders that made a position (signed, not 0)."""
        return cls.BUY if position > 0 else cls.SELL

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from `start` to `end` move in steps of `step`; ends are shared with neighbours.

    Raises ValueError unless 0 ≤ start < end ≤ 1 and the step is above 0.
    """

    start: Dollars
    end: Dollars
    step: Dollars

    def __post_init__(self) -> None:
        numbers = all(bound.is_finite() for bound in (self.start, self.end, self.step))
        if not (numbers and 0 <= self.start < self.end <= 1 and self.step > 0):
            raise ValueError(
                f"no prices from {self.start} to {self.end} by {self.step}: "
                "needs 0 ≤ start < end ≤ 1 and a step above 0"
            )

    def covers(self, price: Dollars) -> bool:
        """Whether the price lies in this range, ends included."""
        return self.start <= price <= self.end

    def nearest(self, price: Dollars, side: Side) -> Dollars:
        """The price of this range nearest to `price`, rounded down for a buy, up for a sell."""
        # 0 and 1 are ends of a range but not prices: the last price is a step inside them.
        low = self.start or self.step
        high = self.end if self.end < 1 else self.start + self._last_step()
        rounded = floor_to if side is Side.BUY else ceil_to
        return self.start + rounded(min(max(price, low), high) - self.start, self.step)

    def _last_step(self) -> Dollars:
        return ceil_to(self.end - self.start, self.step) - self.step


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The prices a market can trade at: every valid price lies strictly between 0 and 1."""

    ranges: tuple[PriceRange, ...]

    def allows(self, price: Dollars) -> bool:
        """Whether an order may carry this price."""
        return (price.is_finite() and 0 < price < 1) and any(
            band.covers(price) and (price - band.start) % band.step == 0 for band in self.ranges
        )

    def to_tick(self, price: Dollars, side: Side) -> Dollars | None:
        """The quotable price nearest to `price` that is no worse for us; None if there is none."""
        # A buy rounded up would pay more than the model said it was worth.
        candidates = (band.nearest(price, side) for band in self.ranges)
        fair = [c for c in candidates if (price - c) * side.sign >= 0 and self.allows(c)]
        return min(fair, key=lambda c: abs(price - c), default=None)


#: Whole cents from 1 c to 99 c: the grid of nineteen Kalshi markets in twenty.
CENT_GRID = PriceGrid((PriceRange(Decimal(0), Decimal(1), Decimal("0.01")),))


def titled(question: str, answer: str) -> str:
    """What a market is called: the answer it is about, then the question, as one line.

    All strikes of an event have the question in common; an answer that the question already says
    is not said again.

    >>> titled("Bitcoin price on Aug 23, 2026?", "$86,750 or above")
    '$86,750 or above · Bitcoin price on Aug 23, 2026?'
    >>> titled("Rain in New York?", "rain")
    'Rain in New York?'
    """
    question, answer = " ".join(question.split()), " ".join(answer.split())
    if not question or not answer:
        return question or answer
    says_nothing = answer.casefold() == "yes" or _says(question, answer)
    return question if says_nothing else f"{answer} · {question}"


def _says(text: str, words: str) -> bool:
    # As words of its own: "No" is not said by "November", nor "$5" by "$5.50" or "$5,000".
    found = rf"(?<![\w$.,-]){re.escape(words.casefold())}(?![.,]?\w|[%°])"
    return re.search(found, text.casefold()) is not None


@dataclass(frozen=True, slots=True)
class Market:
    """One YES/NO question, as last described by the exchange.

    `series_ticker`, `category` and `fees` are None until the exchange has told them; a market
    without fees is never entered. `settlement_value` is what one YES contract pays, in dollars.
    `is_exclusive` is whether at most one market of its event pays.
    """

    ticker: str
    event_ticker: str
    title: str
    status: MarketStatus
    grid: PriceGrid
    open_time: datetime
    close_time: datetime
    volume_24h: Contracts
    open_interest: Contracts
    result: str = ""
    settlement_value: Dollars | None = None
    is_combo: bool = False
    exchange_index: int = 0
    series_ticker: str | None = None
    category: str | None = None
    fees: FeeSchedule | None = None
    is_exclusive: bool = False

    def is_open(self, at: datetime) -> bool:
        """Whether orders are accepted at that moment, by status and by the market's own clock."""
        return self.status is MarketStatus.ACTIVE and self.open_time <= at < self.close_time

    def is_over(self, at: datetime) -> bool:
        """Whether no order will be accepted any more, at that moment or later."""
        return self.status in OVER or at >= self.close_time

    def under(
        self,
        series_ticker: str,
        category: str | None,
        fees: FeeSchedule | None,
        *,
        is_exclusive: bool = False,
    ) -> "Market":
        """The market with what its series says of it."""
        # Written out because it runs for every market in every cycle, and `replace` takes twice
        # as long to find out the names of the fields.
        return Market(
            self.ticker,
            self.event_ticker,
            self.title,
            self.status,
            self.grid,
            self.open_time,
            self.close_time,
            self.volume_24h,
            self.open_interest,
            self.result,
            self.settlement_value,
            self.is_combo,
            self.exchange_index,
            series_ticker,
            category,
            fees,
            is_exclusive,
        )

    @property
    def outcome(self) -> Dollars | None:
        """Dollars one YES contract pays as determined so far; None while that is open.

        A plain result says so by itself; only any other one needs its settlement value. A value
        that contradicts its result says nothing, nor does one without a result before it is final.
        """
        if self.status not in _DETERMINED:
            return None
        value, plain = self.settlement_value, _PAYS.get(self.result)
        if plain is None:
            is_reported = self.result or self.status is MarketStatus.FINALIZED
            return value if is_reported else None
        return plain if value in {None, plain} else None

    @property
    def payout(self) -> Dollars | None:
        """Dollars one YES contract pays, only once that can no longer change."""
        return self.outcome if self.status is MarketStatus.FINALIZED else None


#: A result counts; while it is disputed nobody knows.
_DETERMINED: Final = frozenset(
    {MarketStatus.DETERMINED, MarketStatus.AMENDED, MarketStatus.FINALIZED}
)
_PAYS: Final[Mapping[str, Dollars]] = {"yes": ONE, "no": ZERO}
