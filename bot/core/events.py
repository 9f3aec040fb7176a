"""Everything that happens in a cycle, as frozen values.

CSV rows, stdout lines, the timeline and metrics are views of these. An event carries what its
views need and nothing mutable. Times are aware UTC; prices and money are Decimal dollars.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from bot.core.account.round_trips import RoundTrip
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.orders import Execution, Fill, Order
from bot.core.market.twin import TwinFill
from bot.core.model.fill_markouts import FillKind
from bot.core.risk.limits import Number, Stop
from bot.core.signals.regime import RegimeName
from bot.core.whales.detector import Ending, Whale


class Action(StrEnum):
    """What a signal leads to, in the words of the signals log."""

    ENTER_LONG = "enter_long"
    ENTER_SHORT = "enter_short"
    EXIT = "exit"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class CycleStarted:
    """A cycle begins."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class MarketsFetched:
    """Sound books arrived for so many of the watched markets."""

    at: datetime
    markets: int
    watched: int


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """Something asked of the exchange did not come, or came broken. Nothing was assumed."""

    at: datetime
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SignalMade:
    """A market was scored. `score` None means no prediction, with the reason why.

    `features` are in the order of `feature_names`; `price` is the mid, None without two sides.
    `reason` is why there is no prediction, why one led to no order, or why a position is exited
    whatever its score; `stop` is that with its rule and numbers, where an entry was held back.
    `position_after` is what the position really
    became, not what was wished.
    """

    at: datetime
    ticker: str
    model_version: str
    price: float | None
    score: float | None
    feature_names: tuple[str, ...] = field(repr=False)
    features: tuple[float, ...] = field(repr=False)
    action: Action
    reason: str
    position_before: Contracts
    position_after: Contracts
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class OrderSubmitted:
    """An order passed risk and went to the venue; `reason` is why, if no score asked for it."""

    at: datetime
    order: Order
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """An order was not sent: `reason` in words, the `rule` that says no, and its numbers if any."""

    at: datetime
    order: Order
    reason: str
    rule: str = ""
    value: Number | None = None
    limit: Number | None = None


@dataclass(frozen=True, slots=True)
class EntriesStopped:
    """From now on nothing is entered; exits continue. Said once for each rule that stops it."""

    at: datetime
    reason: str
    rule: str = ""
    value: Number | None = None
    limit: Number | None = None


@dataclass(frozen=True, slots=True)
class EntriesResumed:
    """Entries resumed: the `rule` that stopped them last does so no more."""

    at: datetime
    reason: str
    rule: str


class NoteKind(StrEnum):
    """What people did to the bot, what its clock did, and where its books come from.

    `TERM_STARTED` is said by a process that begins to lead: after its start, or a takeover.
    """

    TERM_STARTED = "TERM_STARTED"
    STARTED = "STARTED"
    STOPPED = "STOPPED"
    KILLED = "KILLED"
    RESUMED = "RESUMED"
    CLOSE_REQUESTED = "CLOSE_REQUESTED"
    FLATTEN_REQUESTED = "FLATTEN_REQUESTED"
    CLOSE_FAILED = "CLOSE_FAILED"
    CLOCK_JUMPED = "CLOCK_JUMPED"
    FEED_CHANGED = "FEED_CHANGED"
    BOOK_DIFFERED = "BOOK_DIFFERED"
    FEE_DIFFERED = "FEE_DIFFERED"
    ADOPTED = "ADOPTED"
    ORDER_RESOLVED = "ORDER_RESOLVED"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that people should find later, which no order and no market is about."""

    at: datetime
    kind: NoteKind
    message: str


@dataclass(frozen=True, slots=True)
class OrderUnresolved:
    """An order was sent, and what became of it is not known: it may have traded. Said once."""

    at: datetime
    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class OrderRested:
    """An order rests in the book; `ahead` contracts of others are shown at its price."""

    at: datetime
    order: Order
    order_id: str
    ahead: Contracts


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """Some of an order that rests on traded; `left` contracts of it did not."""

    at: datetime
    order: Order
    order_id: str
    fills: tuple[Fill, ...]
    left: Contracts


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """The venue said what became of an order; each of its fills is in one event alone."""

    at: datetime
    execution: Execution


@dataclass(frozen=True, slots=True)
class TwinCompared:
    """What a live order that takes came to, beside what it would have come to on paper."""

    at: datetime
    order: Order
    category: str
    live: TwinFill
    paper: TwinFill


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A position went from nothing to something."""

    at: datetime
    ticker: str
    size: Contracts
    price: Dollars


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """A position is gone; `realised` is what it earned after fees, `how` an `ExitCause`.

    Before there were round trips none was written down.
    """

    at: datetime
    ticker: str
    realised: Dollars
    how: str
    trip: RoundTrip | None = None
    title: str = ""
    event_ticker: str = ""
    category: str | None = None


@dataclass(frozen=True, slots=True)
class MarketSettled:
    """A market we held paid `payout` dollars per YES contract."""

    at: datetime
    ticker: str
    payout: Dollars
    size: Contracts
    realised: Dollars


@dataclass(frozen=True, slots=True)
class PositionAdjusted:
    """An operator took over what the exchange holds of a market, signed, and what that cost.

    `before` is what was booked until then. No trade is known that explains the difference.
    """

    at: datetime
    ticker: str
    before: Contracts
    size: Contracts
    cost: Dollars


@dataclass(frozen=True, slots=True)
class WhaleSeen:
    """A whale rule fired."""

    at: datetime
    whale: Whale


@dataclass(frozen=True, slots=True)
class WhaleEnded:
    """A large order that was announced is no longer there; what became of it as far as is known."""

    at: datetime
    ending: Ending


@dataclass(frozen=True, slots=True)
class RegimeChanged:
    """The regime of all watched markets together changed."""

    at: datetime
    before: RegimeName
    after: RegimeName


@dataclass(frozen=True, slots=True)
class PnlMarked:
    """Profit and loss at a moment: of one market, or of all (`ticker` None).

    `position` is contracts for one market and the count of open positions for all. `fees` are all
    that were ever paid; `assumed` tells that something held is counted at its cost, for no price
    of it was seen yet.
    """

    at: datetime
    ticker: str | None
    unrealised: Dollars
    realised: Dollars
    cash: Dollars
    position: Contracts
    exposure: Dollars
    fees: Dollars = ZERO
    assumed: bool = False

    @property
    def equity(self) -> Dollars:
        """Cash, and what closing would fetch."""
        return self.cash + self.exposure + self.unrealised


@dataclass(frozen=True, slots=True)
class PredictionGraded:
    """The horizon of a prediction has passed: the mid moved by `change` cents.

    `exchange` is where the books came from, `group` the series of the market. `score` was P(up)
    given a move, `horizon` in seconds. `taker` is what crossing the spread both ways in the
    predicted direction would have left, in cents a contract after fees; None where the fees are not
    known.
    """

    at: datetime
    exchange: str
    ticker: str
    group: str
    model_version: str
    made_at: datetime
    score: float
    horizon: float
    change: float
    taker: float | None


@dataclass(frozen=True, slots=True)
class FillMarkedOut:
    """A minute has passed since a fill: where the mid was (`core.model.fill_markouts`).

    `markouts` in cents a contract, in the order of its horizons, None where no book came in time.
    """

    at: datetime
    fill_id: str
    ticker: str
    category: str
    kind: FillKind
    size: Contracts
    filled_at: datetime
    markouts: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CycleFinished:
    """A cycle ended; the counts of what it saw."""

    at: datetime
    number: int
    markets: int
    whales: int
    positions: int


Event: TypeAlias = (
    CycleStarted
    | MarketsFetched
    | FetchFailed
    | SignalMade
    | OrderSubmitted
    | OrderRefused
    | EntriesStopped
    | EntriesResumed
    | Noted
    | OrderUnresolved
    | OrderRested
    | OrderFilled
    | OrderEnded
    | TwinCompared
    | PositionOpened
    | PositionClosed
    | MarketSettled
    | PositionAdjusted
    | WhaleSeen
    | WhaleEnded
    | RegimeChanged
    | PnlMarked
    | PredictionGraded
    | FillMarkedOut
    | CycleFinished
)
