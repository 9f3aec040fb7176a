"""The simulated exchange: one object that lists, matches, clears and settles. No I/O, no clock.

Time passes only in `advance`. Everything that happens goes to `subscribe`.
Prices in ticks, sizes in units, money in micro-dollars (`units`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.core.market.fees import FeeKind
from bot.core.market.market import PriceGrid
from bot.sim.engine import errors
from bot.sim.engine.accounts import (
    MOST_SUBACCOUNTS,
    SUBACCOUNT,
    MemberAccount,
    MovementRecord,
    opened,
)
from bot.sim.engine.archive import Archive
from bot.sim.engine.book import Book
from bot.sim.engine.clearing import Clearing
from bot.sim.engine.errors import Rejected
from bot.sim.engine.events import CashMoved, EventCreated
from bot.sim.engine.feed import Ids, Listener
from bot.sim.engine.group_orders import Groups
from bot.sim.engine.history import History
from bot.sim.engine.lifecycle import MarketLifecycle
from bot.sim.engine.orders import Amendment, OrderRequest, Reason
from bot.sim.engine.specs import (
    FEE_CHANGE_IDS,
    EventSpec,
    FeeChangeSpec,
    MarketSpec,
    SeriesSpec,
    fee_schedule,
    grid_ticks,
)
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.trading import Cancellation, Placed, Trading
from bot.sim.engine.units import DOLLAR_TICKS

__all__ = ["Cancellation", "Exchange", "Placed", "Rejected"]

ACCOUNT_IDS = "0003"
MOVEMENT_IDS = "0006"


class Exchange:
    """A whole exchange. The same seed and the same calls give the same events, byte for byte."""

    def __init__(
        self, seed: int, start: datetime, archive_after: timedelta = timedelta(days=1)
    ) -> None:
        """`archive_after` is how long a market that has paid stays in the live listing."""
        self.state = ExchangeState(now=start, ids=Ids(seed))
        self.state.move_to(start)
        self._clearing = Clearing(self.state)
        self._trading = Trading(self.state, self._clearing)
        self.archive = Archive(self.state, archive_after)
        self._life = MarketLifecycle(self.state, self._trading, self.archive)
        #: Order groups are worked through this.
        self.groups = Groups(self.state, self._trading)
        self._flush = self.state.feed.flush

    @property
    def now(self) -> datetime:
        """The exchange's own time."""
        return self.state.now

    def advance(self, to: datetime) -> None:
        """Let time pass: opens, closes, expires and settles what falls due, in order."""
        self._life.advance(to)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Pass every later event to the listener; the returned function unsubscribes it."""
        return self.state.feed.subscribe(listener)

    def add_series(self, spec: SeriesSpec) -> None:
        """List a series."""
        self.state.series[spec.ticker] = spec

    def add_event(self, spec: EventSpec) -> None:
        """List an event of a series that is listed."""
        _ = self.state.series[spec.series_ticker]
        self.state.events[spec.event_ticker] = spec
        self.state.event_markets.setdefault(spec.event_ticker, [])
        self.state.event_updated[spec.event_ticker] = self.now
        self.state.listed += 1
        self.state.feed.emit(EventCreated(self.now, spec.event_ticker))
        self._flush()

    def add_market(self, spec: MarketSpec) -> MarketState:
        """List a market of an event that is listed.

        Raises ValueError for a ticker used before, and for fees whose formula is not known.
        """
        market = self._made(spec)
        self.state.markets[spec.ticker] = market
        self.state.listed += 1
        self.state.event_markets[spec.event_ticker].append(spec.ticker)
        self._life.begin(market)
        self._flush()
        # A market may be listed after its opening: what is due already happens now.
        self.advance(self.now)
        return market

    def _made(self, spec: MarketSpec) -> MarketState:
        if spec.ticker in self.state.markets or spec.ticker in self.state.archive:
            raise ValueError(f"market {spec.ticker} is listed already")
        event = self.state.events[spec.event_ticker]
        series = self.state.series[event.series_ticker]
        fees = fee_schedule(event, series)
        if not fees.is_known:
            raise ValueError(f"market {spec.ticker}: the fees of kind {fees.kind} are not known")
        return MarketState(
            spec=spec,
            series_ticker=series.ticker,
            shard=series.exchange_index,
            fees=fees,
            allowed=grid_ticks(spec.grid),
            book=Book(self._clearing),
            history=History(),
            created=spec.created_time or self.now,
            updated=self.now,
            close_time=spec.close_time,
        )

    def market(self, ticker: str) -> MarketState:
        """The current state of a market, read only. Raises Rejected (404) if there is none."""
        return self.state.market(ticker)

    def result(self, ticker: str) -> str:
        """How a market ended, listed or archived; empty before. Raises Rejected (404)."""
        return (self.state.archive.get(ticker) or self.market(ticker)).result

    def open_account(
        self, name: str, cash: Mapping[int, int] | None = None, *, house: bool = False
    ) -> MemberAccount:
        """A new account with so many micro-dollars by shard. A house account may owe cash."""
        if name in self.state.accounts:
            raise ValueError(f"account {name} exists already")
        account = opened(name, self.state.ids.next(ACCOUNT_IDS), {}, is_house=house)
        self.state.accounts[name] = account
        for shard, amount in (cash or {}).items():
            self.deposit(account, shard, amount)
        return account

    def open_subaccount(self, primary: MemberAccount) -> MemberAccount:
        """The next numbered account of a member, without cash. Raises Rejected after the last."""
        number = len(primary.subaccounts) + 1
        if number > MOST_SUBACCOUNTS:
            raise errors.INVALID_PARAMETERS(f"a member has {MOST_SUBACCOUNTS} subaccounts at most")
        name = f"{primary.name}{SUBACCOUNT}{number}"
        account = opened(name, primary.user_id, {}, is_house=False)
        account.number = number
        primary.subaccounts[number] = self.state.accounts[name] = account
        return account

    def move(self, source: MemberAccount, to: MemberAccount, shard: int, amount: int) -> None:
        """Move micro-dollars between a member's accounts. Raises Rejected if cash falls short."""
        if source.cash.get(shard, 0) < amount:
            raise errors.INSUFFICIENT_BALANCE()
        for account, change in ((source, -amount), (to, amount)):
            account.cash[shard] = account.cash.get(shard, 0) + change
            self.state.feed.emit(CashMoved(self.now, account.name, shard, change))
        self._flush()

    def deposit(self, account: MemberAccount, shard: int, amount: int) -> None:
        """Bring micro-dollars in from outside (a negative amount takes them out)."""
        account.cash[shard] = account.cash.get(shard, 0) + amount
        if not account.is_house:
            name = self.state.ids.next(MOVEMENT_IDS)
            account.movements.append(MovementRecord(name, amount, self.now))
        self.state.feed.emit(CashMoved(self.now, account.name, shard, amount))
        self._flush()

    def transfer(self, account: MemberAccount, source: int, destination: int, amount: int) -> None:
        """Move micro-dollars between shards. Raises Rejected if the cash falls short."""
        if account.cash.get(source, 0) < amount:
            raise errors.INSUFFICIENT_BALANCE()
        self.deposit(account, source, -amount)
        self.deposit(account, destination, amount)

    def place(self, account: MemberAccount, request: OrderRequest) -> Placed:
        """Enter an order. Raises Rejected; then nothing has changed."""
        try:
            return self._trading.place(account, request)
        finally:
            self._flush()

    def cancel(self, account: MemberAccount, order_id: str) -> Cancellation:
        """Cancel a resting order. Raises Rejected (404) if it does not rest any more."""
        try:
            return self._trading.cancel(account, order_id, Reason.USER_CANCEL)
        finally:
            self._flush()

    def cancel_all(self, account: MemberAccount, ticker: str | None = None) -> int:
        """Cancel all resting orders that can be cancelled now, of one market or of all."""
        cancelled = 0
        for order in tuple(account.open_orders.values()):
            if ticker is None or order.ticker == ticker:
                cancelled += self._cancelled(account, order.order_id)
        return cancelled

    def amend(self, account: MemberAccount, order_id: str, terms: Amendment) -> Placed:
        """Change a resting order. Raises Rejected; then nothing has changed."""
        try:
            return self._trading.amend(account, order_id, terms)
        finally:
            self._flush()

    def decrease(
        self, account: MemberAccount, order_id: str, *, to: int | None = None, by: int | None = None
    ) -> int:
        """Make a resting order smaller, to or by so many units; what then remains."""
        order = self._trading.resting(account, order_id)
        remaining = to if to is not None else max(order.remaining - (by or 0), 0)
        try:
            return self._trading.decrease(account, order_id, remaining)
        finally:
            self._flush()

    def determine(self, ticker: str, result: str, value: int | None = None) -> None:
        """Determine a closed market: yes, no, or scalar with ticks paid per YES contract."""
        self._life.determine(self.market(ticker), result, value)
        self._flush()

    def deactivate(self, ticker: str) -> None:
        """Halt one market."""
        self._life.halt(self.market(ticker))
        self._flush()

    def activate(self, ticker: str) -> None:
        """Resume a halted market, with its resting orders cancelled."""
        self._life.resume(self.market(ticker))
        self._flush()

    def set_close_time(self, ticker: str, at: datetime) -> None:
        """Move the close of a market; a time in the past closes it now."""
        self._life.set_close_time(self.market(ticker), at)
        self._flush()
        self.advance(self.now)

    def set_grid(self, ticker: str, grid: PriceGrid, structure: str) -> None:
        """Trade a market on another price grid; resting orders stay where they are."""
        self._life.set_grid(self.market(ticker), grid, structure)
        self._flush()

    def schedule_weekly_pause(self) -> None:
        """Pause trading early on Thursdays, New York time; the published schedule shows it."""
        self._life.schedule_weekly_pause()
        self.advance(self.now)

    def schedule_maintenance(self, start: datetime, end: datetime) -> None:
        """Announce that everything is paused in between. Raises ValueError for what is no while."""
        if end <= start:
            raise ValueError(f"maintenance from {start} to {end} takes no time")
        self._life.schedule_maintenance(start, end)
        self.advance(self.now)

    def schedule_fees(
        self,
        ticker: str,
        at: datetime,
        kind: FeeKind | None,
        multiplier: Decimal | None,
    ) -> None:
        """Announce new fees of a series, or the override of an event; None for both ends one.

        Raises KeyError for a ticker that is neither.
        """
        event = self.state.events.get(ticker)
        series = self.state.series[event.series_ticker if event else ticker].ticker
        made = FeeChangeSpec(
            self.state.ids.next(FEE_CHANGE_IDS),
            series,
            at,
            kind,
            multiplier,
            event.event_ticker if event else "",
        )
        self._life.schedule_fees(made)
        self.advance(self.now)

    def pause_trading(self, paused: bool, shard: int | None = None) -> None:
        """Stop or restart trading on a shard, or on all: cancels yes, orders no."""
        for index in self._shards(shard):
            self._life.pause(index, trading=not paused, exchange=None)
        self._flush()

    def pause_exchange(self, paused: bool, shard: int | None = None) -> None:
        """Stop or restart everything on a shard, or on all: not even cancels."""
        for index in self._shards(shard):
            self._life.pause(index, trading=None, exchange=not paused)
        self._flush()

    def _cancelled(self, account: MemberAccount, order_id: str) -> int:
        try:
            self.cancel(account, order_id)
        except Rejected:
            return 0
        return 1

    def _shards(self, shard: int | None) -> Sequence[int]:
        return range(len(self.state.shards)) if shard is None else (shard,)


def total_money(exchange: Exchange) -> int:
    """All cash, what open contracts hold, and the fees: changes by deposits only."""
    state = exchange.state
    cash = sum(sum(account.cash.values()) for account in state.accounts.values())
    held = sum(market.open_interest for market in state.markets.values())
    return cash + held * DOLLAR_TICKS + state.fee_pot
