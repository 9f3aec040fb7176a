"""What the bot of a term is joined from: what the process has, and what the term has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.clock import Jump
from bot.cluster.operator_notices import OperatorIntent
from bot.cluster.role import Role
from bot.config import Settings
from bot.core.account.operator_requests import AccountRequests
from bot.core.account.operator_requests import nothing as nothing_asked
from bot.core.market.exchange_status import ExchangeStatus
from bot.core.market.market import Market
from bot.core.market.money import Dollars
from bot.core.market.trading_schedule import TradingSchedule
from bot.core.risk.close_requests import CloseRequests, nothing
from bot.dashboard.snapshot import SnapshotHolder
from bot.engine.ports import BookSource, CycleObserver
from bot.market_data.trade_feed import TradeSource
from bot.model.card import Card
from bot.ports.account_hints import AccountHints
from bot.ports.exchange import Clock, Journal, MarketData, Scorer, Venue
from bot.ports.persistence import (
    Store,
)
from bot.ports.views import FeedView


class Model(Scorer, Protocol):
    """A scorer that may have a card."""

    @property
    def card(self) -> Card | None:
        """What was promised of the model; None without one."""
        ...


class Feed(BookSource, TradeSource, Protocol):
    """Where order books and trades come from, and how well."""

    def status(self) -> FeedView:
        """How it stands."""
        ...


class ExchangeAccess(MarketData, TradeSource, Protocol):
    """All that is read of the exchange."""

    async def archived(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """Those of these markets that have left the live listing. May raise ExchangeError."""
        ...

    async def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange trades now. May raise ExchangeError."""
        ...

    async def exchange_schedule(self) -> TradingSchedule:
        """When the exchange means to trade. May raise ExchangeError."""
        ...

    async def anywhere(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """These markets, listed or archived. May raise ExchangeError."""
        ...


def _goes_on() -> bool:
    return False


def _one_purse(_: int) -> None:
    return None


def _known(_: str) -> None:
    return None


def _nobody() -> Role:
    return Role()


def _certain() -> bool:
    return True


def _nothing() -> None:
    return None


def _none() -> Sequence[Jump]:
    return ()


def _unheard(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """The role of this process: its role, whether it leads beyond doubt, why nothing is entered.

    `resumed` is when an operator last let entries go on, `wanted` all that operators want, `jumps`
    those of the clock since they were asked for last, `stopping` whether the loop is to end.
    `close_requests` is what operators want closed, `closed` is told what is done of that;
    `account_requests` and `account_done` likewise of what they want done to the account. As it
    stands: a process that is alone.
    """

    role: Callable[[], Role] = _nobody
    sure: Callable[[], bool] = _certain
    killed: Callable[[], str | None] = _nothing
    resumed: Callable[[], datetime | None] = _nothing
    killed_until: Callable[[], str | None] = _nothing
    wanted: Callable[[], OperatorIntent | None] = _nothing
    jumps: Callable[[], Sequence[Jump]] = _none
    stopping: Callable[[], bool] = _goes_on
    close_requests: Callable[[], CloseRequests] = nothing
    closed: Callable[[CloseRequests], None] = _unheard
    account_requests: Callable[[], AccountRequests] = nothing_asked
    account_done: Callable[[AccountRequests], None] = _unheard


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What lives as long as the process. Without a `feed`, `data` is polled.

    `recorder` hears what the cycle knows of markets; `hints` come from the feed.
    """

    settings: Settings
    model: Model
    data: ExchangeAccess
    journal: Journal
    clock: Clock
    snapshot_holder: SnapshotHolder
    role_status: RoleStatus = RoleStatus()
    feed: Feed | None = None
    recorder: CycleObserver | None = None
    hints: AccountHints = field(default_factory=AccountHints)


@dataclass(frozen=True, slots=True)
class TermResources:
    """What is there for one term only: the store, the venue, names for orders.

    `lose` is called when a write finds that another process leads. `block_reason` is why the
    execution back-end lets nothing be entered, `unknown` why nothing into a market, `foreign`
    what other hands have in one that is left to them.
    """

    store: Store
    venue: Venue
    order_ids: Iterator[str]
    lose: Callable[[], None] = _nothing
    block_reason: Callable[[], str | None] = _nothing
    purse: Callable[[int], Dollars | None] = _one_purse
    unknown: Callable[[str], str | None] = _known
    foreign: Callable[[str], str | None] = _known
    account_note: Callable[[], str | None] = _nothing
