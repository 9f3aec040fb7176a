"""The account for people: each position with its worth and why it is still held, each limit.

Made at the end of a cycle and shown once that is committed, like the state; a standby shows what
the leader made. Leaves out the past (`bot.store.history`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from bot.core.account.portfolio import Position, own_price
from bot.core.account.valuation import Mark, unrealised
from bot.core.events import Action, Event, OrderEnded, OrderRefused, OrderUnresolved, SignalMade
from bot.core.market.market import Market, Side
from bot.core.market.money import ZERO, Dollars, cents, measured, whole_cents
from bot.core.risk.limit_use import LimitUse, plain_number
from bot.core.risk.limits import Number
from bot.core.signals.strategy import Thresholds
from bot.ports.account_views import AccountTotals, AccountView, LimitView, PositionView
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.cycle_result import CycleResult
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.signals.observations import Predictions
from bot.trading.trader import Trader

NOTHING: Final = AccountView(at=None, totals=None, positions=(), limits=(), entries_stopped=None)
_ASSUMED: Final = "no price of it was seen yet: it is counted at what it cost"
_NO_MARK: Final = "no book shows a price to close at now: the last one stands"
#: Digits after the point of a price in cents: an average may have no end of them.
_PRICE_DIGITS: Final = 4


class AccountPanel:
    """Holds the account view that is shown, and the next one until it is committed."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._codec = RecordCodec("account view", AccountView)
        self._shown = NOTHING
        self._made: AccountView | None = None
        self._is_new = False
        self._signals: dict[str, SignalMade] = {}
        self._answers: dict[str, str] = {}

    @property
    def view(self) -> AccountView:
        """What is shown."""
        return self._shown

    def on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case SignalMade():
                    self._signals[event.ticker] = event
                case OrderRefused(order=order, reason=reason):
                    self._answers[order.ticker] = reason
                case OrderUnresolved(order=order, reason=reason):
                    self._answers[order.ticker] = f"what became of the order is not known: {reason}"
                case OrderEnded(execution=done):
                    self._answers[done.order.ticker] = done.error or "the book had no more"

    def on_predictions(self, predictions: Predictions) -> None:
        """Predictions are not needed: signals carry them."""

    async def on_cycle_end(self, result: CycleResult) -> None:
        """Make the view; it is shown once the pass is committed."""
        trader = self._trader
        held = trader.portfolio.positions.values()
        self._made = AccountView(
            at=result.at.isoformat(),
            totals=_totals(trader),
            positions=tuple([self._position(one, result) for one in held]),
            limits=tuple([_limit(one) for one in trader.limit_uses(result.at)]),
            entries_stopped=trader.entries_stopped,
        )
        self._is_new = True
        self._signals.clear()
        self._answers.clear()

    def show(self) -> None:
        """Show the view of the last pass."""
        if self._made is not None:
            self._shown, self._made = self._made, None

    def state_records(self) -> list[StateRecord]:
        """The view that is ready, if it was not handed out yet."""
        if not self._is_new or self._made is None:
            return []
        self._is_new = False
        return [self._codec.state_record("", self._made)]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore what was shown last."""
        self._shown = self._codec.read(checkpoint).get("") or NOTHING
        self._made = None

    def catch_up(self, news: CommittedChanges) -> None:
        """Show what the leader shows."""
        self._shown = self._codec.read(news).get("") or self._shown

    def _position(self, position: Position, result: CycleResult) -> PositionView:
        ticker = position.ticker
        mark, is_assumed = self._trader.marks[ticker], ticker in self._trader.assumed
        market = result.markets.get(ticker)
        gain = None if is_assumed else unrealised(position, mark)
        return PositionView(
            ticker=ticker,
            title=market.title if market else None,
            event_ticker=market.event_ticker if market else None,
            category=market.category if market else None,
            side="YES" if position.side is Side.BUY else "NO",
            size=measured(abs(position.size)),
            entry_price=_price(position.average_price),
            cost=whole_cents(position.cost),
            mark_price=None if is_assumed else _price(_marked_at(position, mark)),
            value=None if is_assumed else whole_cents(mark.value),
            stale=mark.stale,
            stale_reason=_ASSUMED if is_assumed else _NO_MARK if mark.stale else None,
            pnl_unrealized=None if gain is None else whole_cents(gain),
            fees=whole_cents(position.fees),
            pnl=None if gain is None else whole_cents(gain + position.net),
            opened_at=position.opened_at.isoformat(),
            closes_at=market.close_time.isoformat() if market else None,
            status=market.status.value if market else None,
            score=self._score(ticker, result.missing),
            hold_reason=self._held_because(result.at, position, market, result.missing.get(ticker)),
        )

    def _score(self, ticker: str, missing: Mapping[str, str]) -> float | None:
        if (signal := self._signals.get(ticker)) is not None:
            return signal.score
        last = self._last(ticker) if ticker not in missing else None
        return last.score if last else None

    def _last(self, ticker: str) -> PositionView | None:
        """What is shown of a position: the pass did not ask about its market."""
        return next((one for one in self._shown.positions if one.ticker == ticker), None)

    def _held_because(
        self, at: datetime, position: Position, market: Market | None, missing: str | None
    ) -> str:
        signal = self._signals.get(position.ticker)
        if signal is None:
            last = self._last(position.ticker) if missing is None else None
            return last.hold_reason if last else _unseen(at, market, missing)
        if position.ticker in self._trader.working:
            return signal.reason
        if signal.action is Action.EXIT:
            answer = self._answers.get(position.ticker, "the book shows nobody to trade with")
            return f"an exit is due and did not end it: {answer}"
        if signal.score is None:
            return signal.reason
        if signal.position_before == ZERO:
            return f"entered in this cycle at a score of {signal.score:.2f}"
        return _within_band(position, signal.score, self._trader.thresholds)


def _unseen(at: datetime, market: Market | None, missing: str | None) -> str:
    if market is None:
        return "its market is not among those watched"
    if not market.is_open(at):
        return f"the market takes no orders ({market.status.value}): held until it settles"
    return f"no sound book: {missing or 'its book is empty'}"


def _within_band(position: Position, score: float, thresholds: Thresholds) -> str:
    if position.side is Side.BUY:
        return f"score {score:.2f}, a long ends at {thresholds.exit_high:g} or below"
    return f"score {score:.2f}, a short ends at {thresholds.exit_low:g} or above"


def _marked_at(position: Position, mark: Mark) -> Dollars:
    """What closing fetches, per contract, as a YES price."""
    return own_price(mark.value / abs(position.size), position.side)


def _price(price: Dollars) -> float:
    return round(cents(price), _PRICE_DIGITS)


def _totals(trader: Trader) -> AccountTotals:
    portfolio = trader.portfolio
    open_pnl = trader.equity - portfolio.cash - portfolio.exposure
    return AccountTotals(
        equity=whole_cents(trader.equity),
        cash=whole_cents(portfolio.cash),
        exposure=whole_cents(portfolio.exposure),
        unrealized=whole_cents(open_pnl),
        realized=whole_cents(portfolio.net),
        fees=whole_cents(portfolio.fees),
        daily_pnl=whole_cents(trader.daily_pnl),
        drawdown=whole_cents(trader.drawdown),
    )


def _limit(one: LimitUse) -> LimitView:
    use = one.use
    return LimitView(
        rule=one.rule,
        setting=one.setting,
        unit=one.unit.value,
        limit=None if one.limit is None else plain_number(one.limit),
        value=_used(one.value),
        use=None if use is None else round(use, 4),
        of=one.of,
        reason=one.reason,
    )


def _used(number: Number | None) -> float | None:
    if number is None:
        return None
    return whole_cents(number) if isinstance(number, Decimal) else float(number)
