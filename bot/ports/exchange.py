"""What the bot needs from the world, as Protocols, and the one error the world may raise.

Adapters implement these; tests bring their own. Nothing here does I/O.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from bot.clock import Clock as Clock  # noqa: PLC0414  # a port as well
from bot.core.events import Event, Noted
from bot.core.market.fees import FeeChange, FeeSchedule
from bot.core.market.market import Market, Side
from bot.core.market.money import Contracts
from bot.core.market.orderbook import Books, Floats
from bot.core.market.orders import Execution, Order, Unresolved
from bot.core.market.queue import MarketUpdate, TakerTrade
from bot.core.market.working import Answer, WorkingOrder
from bot.core.risk.review import Approved
from bot.core.text import one_line

#: Characters of what an error says.
LONGEST_REASON: Final = 1_000

T = TypeVar("T")


class ExchangeError(Exception):
    """The exchange, or the way to it, failed: unreachable, malformed, or it said no.

    The message names what was asked and why it failed, in one line of bounded length whatever
    the exchange said. `status` is the HTTP status if one came, `code` the exchange's own word.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(one_line(message, LONGEST_REASON))
        self.status = status
        self.code = code


async def answered(question: Awaitable[T], within: float) -> T:
    """What is answered. Raises ExchangeError, also if that takes more than so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await question
    except TimeoutError:
        raise ExchangeError(f"no answer within {within:g} s") from None


#: Why there is no book of a market that the exchange left out of its answer.
NOT_ANSWERED: Final = "the exchange did not answer for this market"


@dataclass(frozen=True, slots=True)
class BookAnswer:
    """The sound books that came, and for every other ticker asked for, why there is none.

    `skew` is how far the clock of the exchange is ahead of ours, in seconds; None if not told.
    `notes` are what people should know of where the books came from. Markets that the exchange
    says have halted are `halted`, with its words: that they have no book is no failure.
    """

    books: Books
    missing: Mapping[str, str] = field(default_factory=dict)
    skew: float | None = None
    notes: Sequence[Noted] = ()
    halted: Mapping[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> int:
        """How many are missing though the exchange meant to answer."""
        return sum(reason != NOT_ANSWERED for reason in self.missing.values())


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the exchange's listing, reduced to what a ranking needs.

    `volume_24h` has shape (len(tickers),), contracts; combos and closed markets are left out.
    """

    tickers: tuple[str, ...]
    volume_24h: Floats


@dataclass(frozen=True, slots=True)
class Terms:
    """What an event says of its markets: series, category, and the fees in force.

    `is_exclusive` is whether at most one of its markets pays; `changes` are announced for later,
    earliest first.
    """

    series_ticker: str
    category: str | None
    fees: FeeSchedule
    is_exclusive: bool = False
    changes: tuple[FeeChange, ...] = ()

    def fees_at(self, at: datetime) -> FeeSchedule:
        """What is charged at a moment, as far as that is announced."""
        fees = self.fees
        for change in self.changes:
            fees = change.fees if change.at <= at else fees
        return fees


class MarketData(Protocol):
    """What can be read from the exchange. Every method may raise ExchangeError."""

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets, now. One broken or absent book is not an error."""
        ...

    async def markets(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """The markets as the exchange describes them now; unknown tickers are absent."""
        ...

    def listing(self) -> AsyncIterator[Listed]:
        """All open markets but combos, page by page, within the read budget."""
        ...

    async def terms(self, event_tickers: Sequence[str]) -> Mapping[str, Terms]:
        """Series, category and fees by event; an event that cannot be read is absent."""
        ...


class TradeTape(Protocol):
    """What traded, as far as it is known."""

    def between(self, ticker: str, since: float, until: float) -> Sequence[TakerTrade] | None:
        """The trades of a market after `since` up to `until`, seconds UTC; None: not known."""
        ...


class Venue(Protocol):
    """Where orders go."""

    @property
    def at_once(self) -> int:
        """How many orders of a pass may be on their way together; 1 where their order matters."""
        ...

    @property
    def resting(self) -> "RestingVenue | None":
        """Where they can rest; None where every order takes what is there and ends."""
        ...

    async def submit(self, approved: Approved) -> Execution | Unresolved:
        """Trade and say what became of the order; a client order id seen before trades nothing."""
        ...

    async def resolve(self, order: Order) -> Execution | Unresolved:
        """What became of an order written down earlier, perhaps by a process that died since.

        Trades nothing. An order that never arrived is one that was cancelled without a fill.
        """
        ...


class RestingVenue(Protocol):
    """Where orders can rest in the book. Its answers tell all fills of an order that are known."""

    async def rest_block_reason(self, ticker: str, side: Side, size: Contracts) -> str:
        """Why an exit of that size must not rest there now; '' if it may."""
        ...

    async def rest(self, approved: Approved) -> Answer:
        """Join the queue; an order that would trade at once is cancelled, and so ends."""
        ...

    def met(self, working: WorkingOrder, update: MarketUpdate, at: datetime) -> Answer:
        """What a newer book of its market, and the trades before it, say of an order."""
        ...

    async def news(self, working: Sequence[WorkingOrder]) -> Sequence[Answer]:
        """What became of these since they were asked about last; nothing of those not mentioned."""
        ...

    async def prolong(self, working: WorkingOrder) -> Answer:
        """Let an order rest on: without that it ends by itself, if the venue is a real one."""
        ...

    async def withdraw(self, working: WorkingOrder, at: datetime, *, is_over: bool) -> Answer:
        """Take an order out of the book that is marked so; its last fills are of that time.

        It rests as long as it may be in the book. It may be asked for again and again. Where the
        market `is_over`, nothing trades any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """Predictions for N books: `score` (N,), NaN for none, with `reasons` why."""

    score: Floats
    reasons: tuple[str | None, ...]


class Scorer(Protocol):
    """The model. `fault` is a sentence when there is none to trust; then every score is NaN."""

    @property
    def version(self) -> str:
        """The version of the file that decides; 'none' without one."""
        ...

    @property
    def fault(self) -> str | None:
        """Why there are no predictions, and what to do about it; None if all is well."""
        ...

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """P(YES goes up) per row of an (N, features) matrix, shape (N,); NaN is no prediction."""
        ...

    def predict(self, features: Floats, tickers: Sequence[str]) -> ModelOutput:
        """The same scores, and for every row without one the reason in words."""
        ...


class Journal(Protocol):
    """Where events are written down."""

    @property
    def fault(self) -> str | None:
        """Why rows are being lost, if they are."""
        ...

    def record(self, events: Sequence[Event]) -> None:
        """Write these down, in this order; never raises for a full or read-only disk."""
        ...

    def turn_to(self, account: str) -> None:
        """From now on what is recorded is of this account; it is not mixed with another's."""
        ...

    def flush(self) -> None:
        """Bring what was recorded to the files; called once a cycle."""
        ...
