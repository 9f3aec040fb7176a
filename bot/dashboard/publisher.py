"""What is shown: events, markets with their scores, and the bot's status.

Keeps the last view of each watched market, so that one without a sound book is shown as stale
with its age instead of vanishing or turning to zero.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan, nan
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bot.cluster.role import Role
from bot.core.account.valuation import unrealised
from bot.core.events import Event, OrderRefused, SignalMade
from bot.core.market.market import Market
from bot.core.market.money import measured, whole_cents
from bot.core.signals.regime import REGIMES, RegimeName
from bot.core.staleness import fresh_for
from bot.dashboard.activity_feed import ActivityFeed
from bot.dashboard.cents import NO_ASK, NO_BID, cents_or
from bot.dashboard.quotes import NewerQuotes, StreamedQuotes
from bot.dashboard.snapshot import (
    UNKNOWN_REGIME,
    BotStatus,
    Snapshot,
    SnapshotHolder,
    bot_view,
    packed,
    regime_view,
    snapshot,
    status_of,
)
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import Journal, Scorer
from bot.ports.loop_status import LoopStatus
from bot.ports.views import (
    BotState,
    Direction,
    FeedView,
    MarketView,
    NoticeView,
    Overview,
    RegimeView,
)
from bot.signals.analyzer import Predictions
from bot.trading.trader import Trader

#: Bodies from this size up are compressed in a worker thread: it takes milliseconds.
PACK_APART: Final = 50_000
_DIRECTIONS: Final[Mapping[int, Direction]] = {1: "BUY", -1: "SELL", 0: "HOLD"}
#: Seconds between two looks for newer quotes; who waits for news is woken for them less often.
REFRESH_EVERY: Final = 0.03
WAKE_EVERY: Final = 1.0
_EMPTY: Final = "its book is empty"


def _unknown() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Whose state is shown besides the markets'.

    `universe_fault` says why the list is old, `role` how this process stands, `trading_halted`
    what the exchange does not trade now, `feed` where its books come from.
    """

    trader: Trader
    scorer: Scorer
    journal: Journal
    recent: ActivityFeed
    universe_fault: Callable[[], str | None]
    role: Callable[[], Role]
    trading_halted: Callable[[], str | None]
    orders_in_doubt: Callable[[], str | None]
    account_note: Callable[[], str | None]
    feed: Callable[[], FeedView | None] = _unknown


class Publisher:
    """Turns what happens in a cycle into the next snapshot."""

    def __init__(self, snapshot_holder: SnapshotHolder, sources: Sources) -> None:
        self._snapshot_holder = snapshot_holder
        # What the last pass showed, before it grew old or prices changed: what standbys are told.
        self._plain = snapshot_holder.snapshot
        self._from = sources
        self._recent = sources.recent
        self._made: tuple[BotStatus, Snapshot] | None = None
        # Notices shown since that was made: they are not in it.
        self._noted: tuple[NoticeView, ...] = ()
        self._predictions: list[Predictions] = []
        self._views: dict[str, MarketView] = {}
        self._seen_at: dict[str, float] = {}
        self._refusals: dict[str, str] = {}
        self._quotes, self._waiting_quotes = NewerQuotes(), False
        self._unproved: set[str] = set()
        self._woke_at = float("-inf")

    def on_events(self, events: Sequence[Event]) -> None:
        self._recent.on_events(events)
        for event in events:
            match event:
                case OrderRefused():
                    self._refusals[event.order.ticker] = event.reason
                case SignalMade(reason=str(reason), ticker=ticker) if reason:
                    self._refusals[ticker] = reason

    def on_predictions(self, predictions: Predictions) -> None:
        self._predictions.append(predictions)

    def prepared(self) -> bytes | None:
        """The state of the last pass as JSON, until it is shown; None without one."""
        if self._made is None:
            return None
        made = self._made[1]
        return (
            snapshot(_noting(made.state, self._noted), made.at).body if self._noted else made.body
        )

    def shown(self) -> bytes:
        """What is shown as JSON, with the ages of the last pass, for standbys."""
        return self._plain.body

    def ages(self, at: datetime) -> list[float]:
        """Seconds since each book was seen that is shown."""
        return [at.timestamp() - seen for seen in self._seen_at.values()]

    def show(self) -> None:
        """Show the state of the last pass, with the present role."""
        if self._made is None:
            return
        (status, made), self._made = self._made, None
        self._snapshot_holder.status = status
        self._snapshot_holder.snapshot = self._plain = made
        if noted := self._noted:
            self._show(_noting(made.state, noted), made.at)
        self._noted = ()
        # What was told while the pass was committed is newer than its books: no price goes back.
        self.age(made.at)
        self.show_role()

    def show_role(self) -> None:
        """Show the role of this process, if it differs from the one shown."""
        status = self._from.role().on(self._snapshot_holder.status)
        if status.leader:
            status = replace(
                status,
                entries_stopped=self._from.trader.entries_stopped,
                trading_halted=self._from.trading_halted(),
                orders_in_doubt=self._from.orders_in_doubt(),
                closing=self._from.trader.unclosed,
                account_note=self._from.account_note(),
            )
        if status != self._snapshot_holder.status:
            self._snapshot_holder.status = status
            self._show_again()

    async def refresh(self, stream: StreamedQuotes, at: datetime) -> None:
        """Show newer quotes at once; long polls are woken once a second at most."""
        changed = [t for t in stream.take_changed() | self._unproved if t in self._views]
        if not changed and not self._waiting_quotes:
            return
        books = stream.proved_books(changed)
        # What cannot be believed now may be a moment later, without another change.
        self._unproved = set(changed) - set(books.tickers)
        self._quotes.note(books)
        await self._show_quotes(at)

    async def _show_quotes(self, at: datetime) -> None:
        plain, self._waiting_quotes = self._plain, False
        markets = self._overlaid(at)
        if markets == self._snapshot_holder.snapshot.state.markets:
            return
        made = await _packed(snapshot(self._state_of_now(plain.state, markets), plain.at))
        if self._plain is not plain:
            # Something else was shown meanwhile: they are laid over it the next time.
            self._waiting_quotes = True
        elif at.timestamp() - self._woke_at < WAKE_EVERY:
            self._snapshot_holder.put_quietly(made)
        else:
            self._woke_at = at.timestamp()
            self._snapshot_holder.snapshot = made

    def show_notices(self, notices: Sequence[NoticeView]) -> None:
        """Show these notices at once, oldest first: they belong to no pass."""
        plain, newest = self._plain, tuple(reversed(notices))
        self._noted = (*newest, *self._noted)
        self._show(_noting(plain.state, newest), plain.at)
        self.age(plain.at)

    def show_restored(self, state: BotState, at: datetime) -> None:
        """Go on from what was published, by another process or before a restart, until a pass.

        The status stays this process's own; `apply_replica` takes that over as well.
        """
        seen = datetime.fromisoformat(state.bot.last_update or at.isoformat()).timestamp()
        self._views = {view.ticker: view for view in state.markets}
        self._seen_at = {view.ticker: seen - view.age_seconds for view in state.markets}
        recent = self._recent
        whole = msgspec.structs.replace(
            state, whales=recent.whales, timeline=recent.timeline, notices=recent.notices
        )
        self._show(whole, at)

    def apply_replica(self, state: BotState, at: datetime) -> None:
        """Show what the leader shows, with this process's own role."""
        self._snapshot_holder.status = self._from.role().on(status_of(state.bot))
        self.show_restored(state, at)

    def on_beat(self, beat: LoopStatus) -> None:
        """Show a change of the loop itself at once, not at the end of the cycle."""
        status = self._snapshot_holder.status
        changed = (status.running, status.error) != (beat.running, beat.error)
        self._snapshot_holder.status = replace(
            status,
            running=beat.running,
            loop_count=beat.count,
            last_loop_start=beat.last_start,
            last_loop_finish=beat.last_finish,
            loop_fault=beat.fault,
            error=beat.error,
            last_error=beat.error or status.last_error,
            last_error_at=beat.last_finish if beat.error else status.last_error_at,
        )
        if changed:
            self._show_again()

    def age(self, at: datetime) -> None:
        """Show what is old as old: the loop may hang, or have been stopped."""
        markets = self._overlaid(at)
        if markets != self._snapshot_holder.snapshot.state.markets:
            stale = sum(view.stale for view in markets)
            self._snapshot_holder.status = replace(
                self._snapshot_holder.status, stale_markets=stale
            )
            self._snapshot_holder.snapshot = self._of_now(self._plain.state, markets, at)

    def _overlaid(self, at: datetime) -> tuple[MarketView, ...]:
        """The markets of the last pass with newer quotes, and old ones as old."""
        old = fresh_for(self._snapshot_holder.status.interval_seconds)
        now, views = at.timestamp(), self._plain.state.markets
        newest = self._quotes.over(views, self._seen_at)
        return tuple([self._aged(view, now, old) for view in newest])

    def _aged(self, view: MarketView, now: float, old: float) -> MarketView:
        age = round(now - self._seen_at.get(view.ticker, now), 1)
        if age <= old:
            return view
        return msgspec.structs.replace(
            view,
            stale=True,
            age_seconds=age,
            signal_direction="HOLD",
            signal_score=0.5,
            reason=view.reason if view.stale else "no new book: the loop hangs or was stopped",
        )

    def _show_again(self) -> None:
        at = self._snapshot_holder.snapshot.at
        self._show(self._plain.state, at)
        self.age(at)

    def _show(self, state: BotState, at: datetime) -> None:
        """The same state with the bot's own status of now."""
        self._snapshot_holder.snapshot = self._plain = self._of_now(state, state.markets, at)

    def _of_now(self, state: BotState, markets: tuple[MarketView, ...], at: datetime) -> Snapshot:
        return packed(snapshot(self._state_of_now(state, markets), at))

    def _state_of_now(self, state: BotState, markets: tuple[MarketView, ...]) -> BotState:
        return msgspec.structs.replace(
            state,
            regime=_regime_seen(state.regime, markets),
            markets=markets,
            bot=bot_view(self._snapshot_holder.status),
        )

    async def on_cycle_end(self, result: CycleResult) -> None:
        """The pass is over; its state can be shown (`show`) once it is committed."""
        predictions, self._predictions = self._predictions, []
        fresh: set[str] = set()
        for part in predictions:
            fresh |= self._look_at(part, result.markets)
            await asyncio.sleep(0)
        self._refusals.clear()
        asked = {ticker for part in predictions for ticker in part.seen.books.tickers}
        missing = dict.fromkeys(asked, _EMPTY) | dict(result.missing)
        shown = self._shown(result.at, fresh, result.markets, missing)
        status = self._status(result.at, shown, len(result.markets))
        made, self._noted = snapshot(self._state(result.regime, shown, status), result.at), ()
        self._made = status, await _packed(made)

    def _look_at(self, predictions: Predictions, markets: Mapping[str, Market]) -> set[str]:
        """The markets that have a new view now: a book without any order keeps the last one."""
        books, rows = predictions.seen.books, _rows(predictions)
        shows = np.isfinite(books.best_bid) | np.isfinite(books.best_ask)
        fresh: set[str] = set()
        for ticker, seen_at, is_shown, row in zip(
            books.tickers, books.seen_at.tolist(), shows.tolist(), rows, strict=True
        ):
            if is_shown or ticker not in self._views:
                self._views[ticker] = self._view(markets[ticker], row)
                self._seen_at[ticker] = seen_at
                fresh.add(ticker)
        return fresh

    def _view(self, market: Market, row: "_Row") -> MarketView:
        size, notional, open_pnl = self._held(market.ticker)
        return MarketView(
            ticker=market.ticker,
            title=market.title,
            category=market.category,
            yes_bid=row.bid,
            yes_ask=row.ask,
            spread=round(row.ask - row.bid, 6),
            volume_24h=measured(market.volume_24h),
            open_interest=measured(market.open_interest),
            bid_ratio=row.bid_ratio,
            imbalance_strength=row.imbalance_strength,
            recent_whale_count=int(row.whale_count),
            recent_whale_max_size=row.whale_max_size,
            signal_direction=_DIRECTIONS[row.direction],
            signal_score=0.5 if isnan(row.score) else row.score,
            position_notional=notional,
            pnl_unrealized=open_pnl,
            position=size,
            regime=REGIMES[row.regime].value,
            status=market.status.value,
            stale=False,
            age_seconds=0.0,
            reason=self._refusals.get(market.ticker, ""),
        )

    def _held(self, ticker: str) -> tuple[float, float, float]:
        """Signed contracts, their worth at their mark and their open P&L in dollars."""
        trader = self._from.trader
        position = trader.portfolio.positions.get(ticker)
        if position is None:
            return 0.0, 0.0, 0.0
        mark = trader.marks[ticker]
        open_pnl = whole_cents(unrealised(position, mark))
        return measured(position.size), whole_cents(mark.value), open_pnl

    def _shown(
        self,
        at: datetime,
        fresh: set[str],
        markets: Mapping[str, Market],
        missing: Mapping[str, str],
    ) -> tuple[MarketView, ...]:
        """The watched markets that were ever seen or are held, in the order of the watchlist.

        `missing` is why there is nothing new of one that was asked about.
        """
        for gone in self._views.keys() - markets.keys():
            del self._views[gone], self._seen_at[gone]
        held = self._from.trader.portfolio.positions
        for ticker in (held.keys() & markets.keys()) - self._views.keys():
            # Nothing has been seen of it since it was opened, which was at a price.
            self._views[ticker] = self._view(markets[ticker], _UNSEEN)
            self._seen_at[ticker] = held[ticker].opened_at.timestamp()
        last = {view.ticker: view for view in self._plain.state.markets}
        known = {ticker: market for ticker, market in markets.items() if ticker in self._views}
        return tuple(
            [
                self._views[ticker]
                if ticker in fresh
                else self._not_fresh(at, market, missing.get(ticker), last.get(ticker))
                for ticker, market in known.items()
            ]
        )

    def _not_fresh(
        self, at: datetime, market: Market, missing: str | None, last: MarketView | None
    ) -> MarketView:
        """What is shown of a market of which nothing new came, or that was not asked about."""
        if missing is None and last is not None:
            return self._as_held(last)
        return self._stale(at, market, missing or _EMPTY)

    def _as_held(self, view: MarketView) -> MarketView:
        """What was shown of a market, with what is held of it now."""
        size, notional, open_pnl = self._held(view.ticker)
        return msgspec.structs.replace(
            view, position=size, position_notional=notional, pnl_unrealized=open_pnl
        )

    def _stale(self, at: datetime, market: Market, why: str) -> MarketView:
        size, notional, open_pnl = self._held(market.ticker)
        return msgspec.structs.replace(
            self._views[market.ticker],
            signal_direction="HOLD",
            signal_score=0.5,
            position=size,
            position_notional=notional,
            pnl_unrealized=open_pnl,
            status=market.status.value,
            stale=True,
            age_seconds=round(at.timestamp() - self._seen_at[market.ticker], 3),
            reason=f"no sound book: {why}",
        )

    def _status(self, at: datetime, shown: Sequence[MarketView], watched: int) -> BotStatus:
        trader, status = self._from.trader, self._snapshot_holder.status
        universe_fault = self._from.universe_fault()
        return replace(
            self._from.role().on(status),
            last_update=at,
            model_version=self._from.scorer.version,
            model_fault=self._from.scorer.fault,
            journal_fault=self._from.journal.fault,
            universe_fault=universe_fault,
            entries_stopped=trader.entries_stopped,
            trading_halted=self._from.trading_halted(),
            orders_in_doubt=self._from.orders_in_doubt(),
            account_note=self._from.account_note(),
            feed=self._from.feed(),
            closing=trader.unclosed,
            positions_count=len(trader.portfolio.positions),
            total_exposure=whole_cents(trader.portfolio.exposure),
            watched_markets=watched,
            stale_markets=sum(view.stale for view in shown),
        )

    def _state(
        self, market_regime: RegimeName, shown: tuple[MarketView, ...], status: BotStatus
    ) -> BotState:
        trader = self._from.trader
        return BotState(
            overview=Overview(
                mode="LIVE" if status.mode == "live" else "PAPER",
                equity=whole_cents(trader.equity),
                daily_pnl=whole_cents(trader.daily_pnl),
                total_exposure=whole_cents(trader.portfolio.exposure),
                open_positions=len(trader.portfolio.positions),
            ),
            regime=_regime_seen(regime_view(market_regime), shown),
            markets=shown,
            whales=self._recent.whales,
            timeline=self._recent.timeline,
            notices=self._recent.notices,
            bot=bot_view(status),
        )


def _noting(state: BotState, newest: tuple[NoticeView, ...]) -> BotState:
    """The state with these notices before all others."""
    return msgspec.structs.replace(state, notices=(*newest, *state.notices))


async def _packed(made: Snapshot) -> Snapshot:
    if len(made.body) >= PACK_APART:
        return await asyncio.to_thread(packed, made)
    return packed(made)


def _regime_seen(regime: RegimeView, markets: Sequence[MarketView]) -> RegimeView:
    """The regime, unless there is no fresh book to see it in."""
    return UNKNOWN_REGIME if all(view.stale for view in markets) else regime


class _Row(NamedTuple):
    """What one row of `Predictions` says, as plain numbers; prices in cents."""

    bid: float
    ask: float
    bid_ratio: float
    imbalance_strength: float
    whale_count: float
    whale_max_size: float
    score: float
    direction: int
    regime: int


_UNSEEN: Final = _Row(
    bid=NO_BID,
    ask=NO_ASK,
    bid_ratio=0.5,
    imbalance_strength=0.0,
    whale_count=0,
    whale_max_size=0.0,
    score=nan,
    direction=0,
    regime=0,
)


def _rows(predictions: Predictions) -> list[_Row]:
    books, measures = predictions.seen.books, predictions.seen.measures
    columns = (
        cents_or(books.best_bid, NO_BID),
        cents_or(books.best_ask, NO_ASK),
        measures.bid_ratio.tolist(),
        measures.imbalance_strength.tolist(),
        predictions.seen.recent.count.tolist(),
        predictions.seen.recent.max_size.tolist(),
        predictions.scores.tolist(),
        predictions.directions.tolist(),
        predictions.seen.regimes.tolist(),
    )
    return [_Row(*row) for row in zip(*columns, strict=True)]
