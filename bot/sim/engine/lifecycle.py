"""The life of markets: opening, halting, closing, determination, payment.

Timed steps are on the agenda; the others are called from outside.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.market.market import MarketStatus, PriceGrid
from bot.core.market.money import ZERO
from bot.sim.engine.accounts import MemberAccount, MemberPosition, SettlementRecord
from bot.sim.engine.archive import Archive
from bot.sim.engine.events import MarketChange, MarketChanged, PauseChanged, Settled
from bot.sim.engine.orders import Reason
from bot.sim.engine.specs import FeeChangeSpec, fee_schedule, grid_ticks
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.timers import Due
from bot.sim.engine.trading import Trading
from bot.sim.engine.units import BALANCE_STEP, DOLLAR_TICKS
from bot.sim.engine.week import next_pause

#: Ticks paid per YES contract by each plain result.
PAYOUTS = {"yes": DOLLAR_TICKS, "no": 0}

#: What pauses everything, where the weekly pause only stops trading.
MAINTENANCE = "maintenance"


class MarketLifecycle:
    """Moves markets through their states, and the exchange through time."""

    def __init__(self, state: ExchangeState, trading: Trading, archive: Archive) -> None:
        self._state = state
        self._trading = trading
        self._archive = archive
        self._steps = {
            Due.OPEN: self._open,
            Due.CLOSE: self._close,
            Due.SETTLE: self._settle,
            Due.ARCHIVE: archive.put_away,
        }

    def advance(self, to: datetime) -> None:
        """Let time pass and do what falls due. Raises ValueError for going back."""
        state = self._state
        if to < state.now:
            raise ValueError(f"time cannot go back from {state.now} to {to}")
        while (promise := state.agenda.pop_until(to)) is not None:
            at, due, key, account = promise
            state.move_to(max(at, state.now))
            self._do(due, key, account)
            state.feed.flush()
        state.move_to(to)

    def schedule_weekly_pause(self) -> None:
        """From now on pause trading early on Thursdays, New York time."""
        self._state.has_weekly_pause = True
        start, end = next_pause(self._state.now)
        self._state.agenda.add(start, Due.PAUSE, "")
        self._state.agenda.add(end, Due.RESUME, "")

    def schedule_maintenance(self, start: datetime, end: datetime) -> None:
        """Pause the whole exchange in between; the schedule says so from now on."""
        self._state.maintenance.append((start, end))
        self._state.agenda.add(start, Due.PAUSE, MAINTENANCE)
        self._state.agenda.add(end, Due.RESUME, MAINTENANCE)

    def schedule_fees(self, change: FeeChangeSpec) -> None:
        """Charge other fees from then on; orders that rest by then keep their own."""
        self._state.fee_changes.append(change)
        self._state.agenda.add(change.at, Due.FEES, change.change_id)

    def begin(self, market: MarketState) -> None:
        """Announce a new market and schedule its opening and its close."""
        self._announce(market, MarketChange.CREATED)
        ticker = market.spec.ticker
        self._state.agenda.add(market.spec.open_time, Due.OPEN, ticker)
        self._state.agenda.add(market.close_time, Due.CLOSE, ticker)

    def set_close_time(self, market: MarketState, at: datetime) -> None:
        """Move the close, either way. Raises ValueError once the market is closed."""
        if market.status in _OVER:
            raise ValueError(f"{market.spec.ticker} is already {market.status}")
        market.close_time = at
        self._announce(market, MarketChange.CLOSE_DATE_UPDATED)
        self._state.agenda.add(at, Due.CLOSE, market.spec.ticker)

    def set_grid(self, market: MarketState, grid: PriceGrid, structure: str) -> None:
        """Trade a market on another price grid; resting orders stay where they are."""
        market.allowed = grid_ticks(grid)
        market.spec = replace(market.spec, grid=grid, price_level_structure=structure)
        self._announce(market, MarketChange.GRID_UPDATED)

    def halt(self, market: MarketState) -> None:
        """Stop trading in one market; its orders keep resting."""
        self._expect(market, MarketStatus.ACTIVE)
        self._become(market, MarketStatus.INACTIVE, MarketChange.DEACTIVATED)

    def resume(self, market: MarketState) -> None:
        """Resume a halted market, which cancels all its resting orders."""
        self._expect(market, MarketStatus.INACTIVE)
        self._clear(market, Reason.HALT)
        self._become(market, MarketStatus.ACTIVE, MarketChange.ACTIVATED)

    def determine(self, market: MarketState, result: str, value: int | None) -> None:
        """Determine a closed market; it pays after its settlement timer.

        `value`, ticks per YES contract, is needed for and only for the result `scalar`.
        """
        self._expect(market, MarketStatus.CLOSED)
        payout = PAYOUTS.get(result, value)
        if payout is None or not 0 <= payout <= DOLLAR_TICKS:
            raise ValueError(f"result {result} of {market.spec.ticker} cannot pay {value}")
        market.result, market.value = result, payout
        market.determined_at = self._state.now
        self._become(market, MarketStatus.DETERMINED, MarketChange.DETERMINED)
        wait = timedelta(seconds=market.spec.settlement_timer_seconds)
        self._state.agenda.add(self._state.now + wait, Due.SETTLE, market.spec.ticker)

    def pause(self, shard: int, *, trading: bool | None, exchange: bool | None) -> None:
        """Stop or restart trading, or everything, on one shard; None leaves it as it is."""
        state = self._state.shards[shard]
        if trading is not None:
            state.trading_active = trading
        if exchange is not None:
            state.exchange_active = exchange
        if not (state.trading_active and state.exchange_active):
            self._clear_paused(shard)
        self._state.feed.emit(
            PauseChanged(self._state.now, shard, state.trading_active, state.exchange_active)
        )

    def _do(self, due: Due, key: str, account: str) -> None:
        if due is Due.EXPIRE:
            self._expire(key, account)
        elif due is Due.FEES:
            self._charge(next(one for one in self._state.fee_changes if one.change_id == key))
        elif due in {Due.PAUSE, Due.RESUME}:
            self._pause_all(key, works=due is Due.RESUME)
        elif (market := self._state.markets.get(key)) is not None:
            # A close that was moved leaves its promise behind; the market may be archived by then.
            self._steps[due](market)

    def _pause_all(self, what: str, *, works: bool) -> None:
        is_maintenance = what == MAINTENANCE
        for shard in range(len(self._state.shards)):
            self.pause(
                shard,
                trading=None if is_maintenance else works,
                exchange=works if is_maintenance else None,
            )
        if works and not is_maintenance:
            self.schedule_weekly_pause()

    def _charge(self, change: FeeChangeSpec) -> None:
        state = self._state
        if change.event_ticker:
            state.events[change.event_ticker] = replace(
                state.events[change.event_ticker],
                fee_kind_override=change.kind,
                fee_multiplier_override=change.multiplier,
            )
        else:
            series = state.series[change.series_ticker]
            state.series[change.series_ticker] = replace(
                series,
                fee_kind=change.kind or series.fee_kind,
                fee_multiplier=change.multiplier or ZERO,
            )
        for market in state.markets.values():
            if market.series_ticker == change.series_ticker:
                event = state.events[market.spec.event_ticker]
                market.fees = fee_schedule(event, state.series[market.series_ticker])

    def _open(self, market: MarketState) -> None:
        if market.status is MarketStatus.INITIALIZED:
            self._become(market, MarketStatus.ACTIVE, MarketChange.OPENED)

    def _close(self, market: MarketState) -> None:
        # A close that was moved leaves its old promise behind.
        if market.status in _OVER or market.close_time > self._state.now:
            return
        self._become(market, MarketStatus.CLOSED, MarketChange.CLOSED)
        self._clear(market, Reason.CLOSE)

    def _settle(self, market: MarketState) -> None:
        market.settled_at = self._state.now
        for account in self._state.accounts.values():
            held = account.positions.get(market.spec.ticker)
            if held is not None:
                self._pay(account, market, held)
        market.open_interest = 0
        self._become(market, MarketStatus.FINALIZED, MarketChange.SETTLED)
        self._archive.settled(market)

    def _pay(self, account: MemberAccount, market: MarketState, held: MemberPosition) -> None:
        gross = _payout(market.value or 0, held.size)
        # What a balance cannot hold stays with the exchange, as a fee.
        residual = gross % BALANCE_STEP
        revenue = gross - residual
        account.cash[market.shard] = account.cash.get(market.shard, 0) + revenue
        self._state.fee_pot += residual
        held.fees += residual
        self._write_down(account, market, held, revenue)
        now = self._state.now
        if held.size:
            paid = Settled(now, account.name, held.ticker, held.size, revenue, residual)
            self._state.feed.emit(paid)
        _close(held, revenue, now)
        if account.is_house:
            del account.positions[held.ticker]

    def _write_down(
        self, account: MemberAccount, market: MarketState, held: MemberPosition, revenue: int
    ) -> None:
        if account.is_house:
            return
        account.settlements.append(
            SettlementRecord(
                ticker=held.ticker,
                event_ticker=market.spec.event_ticker,
                shard=market.shard,
                result=market.result,
                value=market.value or 0,
                position=held.size,
                cost=held.cost,
                fees=held.fees,
                revenue=revenue,
                at=self._state.now,
            )
        )

    def _expire(self, order_id: str, account: str) -> None:
        order = self._state.accounts[account].open_orders.get(order_id)
        if order is not None and order.expiration == self._state.now:
            self._trading.withdraw(order, Reason.EXPIRY)

    def _clear(self, market: MarketState, reason: Reason) -> None:
        for order in tuple(market.book.orders()):
            self._trading.withdraw(order, reason)

    def _clear_paused(self, shard: int) -> None:
        for account in self._state.accounts.values():
            for order in tuple(account.open_orders.values()):
                on_shard = self._state.markets[order.ticker].shard == shard
                if on_shard and order.request.cancel_on_pause:
                    self._trading.withdraw(order, Reason.HALT)

    def _become(self, market: MarketState, status: MarketStatus, change: MarketChange) -> None:
        market.status = status
        self._announce(market, change)

    def _announce(self, market: MarketState, change: MarketChange) -> None:
        market.updated = self._state.now
        market.version += 1
        now, ticker, outcome = self._state.now, market.spec.ticker, (market.result, market.value)
        self._state.feed.emit(MarketChanged(now, ticker, change, market.close_time, *outcome))

    def _expect(self, market: MarketState, status: MarketStatus) -> None:
        if market.status is not status:
            raise ValueError(f"{market.spec.ticker} is {market.status}, not {status}")


_OVER = frozenset({MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.FINALIZED})


def _payout(value: int, size: int) -> int:
    """What a position of so many YES contracts (NO below 0) is paid at this YES value."""
    return abs(size) * (value if size > 0 else DOLLAR_TICKS - value)


def _close(held: MemberPosition, revenue: int, now: datetime) -> None:
    held.realised += revenue - held.cost
    held.size = held.cost = 0
    held.is_settled = True
    held.updated = now
