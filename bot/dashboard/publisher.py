"""What is shown and when: the state of a pass once committed, newer quotes, notices, the status.

Leaves out how a market is shown (`watched_markets`) and what is remembered (`activity_feed`).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from bot.cluster.role import Role
from bot.core.events import Event
from bot.core.market.money import whole_cents
from bot.core.signals.regime import RegimeName
from bot.core.staleness import fresh_for
from bot.dashboard.activity_feed import ActivityFeed
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
from bot.dashboard.watched_markets import EMPTY, MarketViews, PassResult
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import Journal, Scorer
from bot.ports.loop_status import LoopStatus
from bot.ports.views import (
    BotState,
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
#: Seconds between two looks for newer quotes; who waits for news is woken for them less often.
REFRESH_EVERY: Final = 0.03
WAKE_EVERY: Final = 1.1


def _unknown() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Whose state is shown besides the markets'.

    `universe_fault` says why the list is old, `role` how this process stands, `trading_halted`
    what the exchange does not trade now, `next_pause` when it means to pause, `feed` where
    its books come from.
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
    next_pause: Callable[[], str | None] = _unknown


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
        self._markets = MarketViews(sources.trader)
        self._quotes, self._waiting_quotes = NewerQuotes(), False
        self._unproved: set[str] = set()
        self._woke_at = float("-inf")

    def on_events(self, events: Sequence[Event]) -> None:
        self._recent.on_events(events)
        self._markets.on_events(events)

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
        return self._markets.ages(at)

    def show(self) -> None:
        """Show the state of the last pass, with the present role."""
        if self._made is None:
            return
        (status, made), self._made = self._made, None
        self._snapshot_holder.status = status
        self._snapshot_holder.snapshot = self._plain = made
        self._woke_at = made.at.timestamp()
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
                next_pause=self._from.next_pause(),
                orders_in_doubt=self._from.orders_in_doubt(),
                closing=self._from.trader.unclosed,
                account_note=self._from.account_note(),
            )
        if status != self._snapshot_holder.status:
            self._snapshot_holder.status = status
            self._show_again()

    async def refresh(self, stream: StreamedQuotes, at: datetime) -> None:
        """Show newer quotes at once; long polls are woken if there was no news for a second."""
        changed = [t for t in stream.take_changed() | self._unproved if t in self._markets]
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
        """Show what any process published last until a pass is over; the status stays our own."""
        seen = datetime.fromisoformat(state.bot.last_update or at.isoformat()).timestamp()
        self._markets.restore(state.markets, seen)
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
        newest = self._quotes.over(self._plain.state.markets, self._markets.seen_at)
        return tuple([self._markets.aged(view, at, old) for view in newest])

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
            fresh |= self._markets.on_predictions(part, result.markets)
            await asyncio.sleep(0)
        self._markets.clear_refusals()
        asked = {ticker for part in predictions for ticker in part.seen.books.tickers}
        missing = dict.fromkeys(asked, EMPTY) | dict(result.missing)
        last = {view.ticker: view for view in self._plain.state.markets}
        changes = PassResult(result.at, fresh, missing, last)
        shown = self._markets.shown(changes, result.markets)
        status = self._status(result.at, shown, len(result.markets))
        made, self._noted = snapshot(self._state(result.regime, shown, status), result.at), ()
        self._made = status, await _packed(made)

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
            next_pause=self._from.next_pause(),
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
