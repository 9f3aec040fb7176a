"""Acting on what was judged: orders through risk to the venue, and the account they make.

The account is a value; this keeps the current one. Leaves out where books and scores come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import Final, NamedTuple

import numpy as np

from bot.core import risk, strategy
from bot.core.edge import Edge, edge, expected_move, taker_rate
from bot.core.events import (
    Action,
    EntriesStopped,
    Event,
    MarketSettled,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    PnlMarked,
    PositionClosed,
    PositionOpened,
    SignalMade,
)
from bot.core.features import FEATURE_NAMES
from bot.core.market import Market
from bot.core.marks import DayStart, Mark, equity, mark, marks, unrealised
from bot.core.money import ZERO, Contracts, Dollars
from bot.core.orderbook import Books, OrderBook
from bot.core.orders import Execution, Order
from bot.core.portfolio import Portfolio, earned
from bot.core.risk import Account, Refused, RiskLimits, Shown
from bot.core.strategy import Intent, Sizing, Thresholds
from bot.ports import Venue
from bot.watch import Judged

_ENTRIES: Final = (Action.ENTER_LONG, Action.ENTER_SHORT)
_VOLATILITY: Final = FEATURE_NAMES.index("vol60")


@dataclass(frozen=True, slots=True)
class Worth:
    """What the model says of its own scores: see `core.edge.expected_move`."""

    factor: float
    horizon: float


@dataclass(frozen=True, slots=True)
class TradeRules:
    """What decides about an order besides the score.

    An entry must be expected to earn `min_edge` cents a contract after crossing the spread and
    paying the fee both ways, as `worth` tells from the score; without `worth` that is not asked.
    """

    thresholds: Thresholds
    sizing: Sizing
    limits: RiskLimits
    min_edge: float = 0.0
    worth: Worth | None = None


class _Step(NamedTuple):
    """What a score led to, from which position, why to nothing, and what it was made of."""

    score: float | None
    action: Action
    before: Contracts
    reason: str
    features: Sequence[float]


class Trader:
    """Turns signals into orders and keeps the account; `order_ids` names each order once."""

    def __init__(
        self, venue: Venue, rules: TradeRules, cash: Dollars, order_ids: Iterator[str]
    ) -> None:
        self._venue = venue
        self._rules = rules
        self._order_ids = order_ids
        self._events_of: dict[str, str] = {}
        self._day: DayStart | None = None
        self.portfolio = Portfolio.of_cash(cash)
        self.marks: dict[str, Mark] = {}
        self.entries_stopped: str | None = None

    @property
    def equity(self) -> Dollars:
        """Cash, and what closing everything would fetch as last seen."""
        return equity(self.portfolio, self.marks)

    @property
    def daily_pnl(self) -> Dollars:
        """Profit or loss since 00:00 UTC, fees included; 0 before the first moment."""
        return self._day.pnl(self.equity) if self._day else ZERO

    def held(self) -> tuple[str, ...]:
        """The markets with an open position."""
        return tuple(self.portfolio.positions)

    async def act(self, at: datetime, judged: Judged, markets: Mapping[str, Market]) -> list[Event]:
        """Trade on these opinions; what happened, each signal before its orders."""
        self._begin(at)
        edges = self._edges(judged, markets)
        events = self._loss_stop(at)
        seen = judged.seen.features.tolist()
        for row, (ticker, score) in enumerate(
            zip(judged.seen.books.tickers, judged.scores.tolist(), strict=True)
        ):
            before = self.portfolio.size(ticker)
            opinion = None if isnan(score) else score
            action = strategy.action(opinion, before, self._rules.thresholds)
            reason = judged.reasons[row] or ""
            if action in _ENTRIES:
                action, reason = self._afforded(action, edges, row)
            steps: list[Event] = []
            if action is not Action.HOLD:
                steps = await self._order(at, action, judged.seen.books, row, markets[ticker])
            step = _Step(opinion, action, before, reason, seen[row])
            events.append(self._signal(at, judged, row, step))
            events += steps
        return events

    def _edges(self, judged: Judged, markets: Mapping[str, Market]) -> Edge | None:
        """What each score is worth after costs; None where the model does not say."""
        worth, seen = self._rules.worth, judged.seen
        if worth is None or not judged.directions.any():
            return None
        rates = [taker_rate(markets[ticker].fees) for ticker in seen.books.tickers]
        volatility = seen.features[:, _VOLATILITY]
        move = expected_move(judged.scores, volatility, worth.horizon, worth.factor)
        return edge(seen.books, move, np.array(rates))

    def _loss_stop(self, at: datetime) -> list[Event]:
        """Whether entries have stopped for the day; said when it happens, not at every signal."""
        was, self.entries_stopped = self.entries_stopped, None
        lost, stop = -self.daily_pnl, self._rules.limits.daily_loss_stop
        if lost >= stop:
            self.entries_stopped = (
                f"${lost:.2f} lost today (UTC, since the start): no entries until 00:00 UTC, "
                f"exits go on (RISK_DAILY_LOSS_STOP ${stop:f})"
            )
        if self.entries_stopped is None or was is not None:
            return []
        return [EntriesStopped(at, self.entries_stopped)]

    def _afforded(self, action: Action, edges: Edge | None, row: int) -> tuple[Action, str]:
        """The entry if it is expected to pay, or to hold and why."""
        if self.entries_stopped is not None:
            return Action.HOLD, self.entries_stopped
        if edges is None:
            return action, ""
        gain = float(edges.round_trip[row])
        if isnan(gain) or gain >= self._rules.min_edge:
            # Where the fees are not known, risk review refuses and says so.
            return action, ""
        move = abs(float(edges.move[row]))
        return Action.HOLD, (
            f"expected to earn {gain:.2f} c a contract ({move:.2f} c move less "
            f"{move - gain:.2f} c spread and fees), below BOT_MIN_EDGE {self._rules.min_edge:g} c"
        )

    def settle(self, at: datetime, markets: Mapping[str, Market]) -> list[Event]:
        """Take what finalized markets pay for what is held of them."""
        events: list[Event] = []
        for ticker in self.held():
            market = markets.get(ticker)
            if market is not None and market.payout is not None:
                events += self._settled(at, ticker, market.payout)
        return events

    def mark(self, at: datetime, books: Books) -> list[Event]:
        """What everything is worth against these books, as one profit and loss row."""
        self._begin(at)
        self.marks = marks(self.portfolio.positions, books, self.marks)
        positions = self.portfolio.positions.items()
        open_pnl = sum((unrealised(p, self.marks[ticker]) for ticker, p in positions), ZERO)
        portfolio = self.portfolio
        return [
            PnlMarked(
                at=at,
                ticker=None,
                unrealised=open_pnl,
                realised=portfolio.net,
                cash=portfolio.cash,
                position=Contracts(len(portfolio.positions)),
                exposure=portfolio.exposure,
            )
        ]

    def _begin(self, at: datetime) -> None:
        if self._day is None or at.date() != self._day.day:
            self._day = (self._day or DayStart.of(at, self.equity)).rolled(at, self.equity)

    def _signal(self, at: datetime, judged: Judged, row: int, step: "_Step") -> SignalMade:
        ticker = judged.seen.books.tickers[row]
        mid = float(judged.seen.mids[row])
        return SignalMade(
            at=at,
            ticker=ticker,
            model_version=judged.model_version,
            price=None if isnan(mid) else mid,
            score=step.score,
            feature_names=FEATURE_NAMES,
            features=tuple(step.features),
            action=step.action,
            reason=step.reason,
            position_before=step.before,
            position_after=self.portfolio.size(ticker),
        )

    async def _order(
        self, at: datetime, action: Action, books: Books, row: int, market: Market
    ) -> list[Event]:
        shown = Shown(market, books.book(row), float(books.seen_at[row]))
        order = self._wish(at, action, shown)
        if order is None:
            return []
        verdict = risk.review(order, shown, self._account(), self._rules.limits)
        if isinstance(verdict, Refused):
            return [OrderRefused(at, order, verdict.reason)]
        self._events_of[market.ticker] = market.event_ticker
        execution = await self._venue.submit(verdict)
        return [OrderSubmitted(at, order), *self._booked(at, execution, shown.book)]

    def _wish(self, at: datetime, action: Action, shown: Shown) -> Order | None:
        ticker = shown.market.ticker
        intent = Intent(action, ticker, self.portfolio.size(ticker), next(self._order_ids), at)
        return strategy.order_for(intent, shown.book, shown.market.grid, self._rules.sizing)

    def _account(self) -> Account:
        held = self.portfolio.positions
        self._events_of = {t: event for t, event in self._events_of.items() if t in held}
        return Account(self.portfolio, self.daily_pnl, self._events_of)

    def _booked(self, at: datetime, execution: Execution, book: OrderBook) -> list[Event]:
        ticker = execution.order.ticker
        before = self.portfolio
        for fill in execution.fills:
            self.portfolio = self.portfolio.after(fill)
        ended: list[Event] = [OrderEnded(at, execution)]
        if not execution.fills:
            return ended
        self._mark_one(ticker, book)
        return [
            *ended,
            *self._turned(at, before, ticker, "order"),
            self._marked(at, ticker, before),
        ]

    def _mark_one(self, ticker: str, book: OrderBook) -> None:
        position = self.portfolio.positions.get(ticker)
        if position is None:
            self.marks.pop(ticker, None)
        else:
            self.marks[ticker] = mark(position, book.against(position.side.opposite))

    def _settled(self, at: datetime, ticker: str, payout: Dollars) -> list[Event]:
        before = self.portfolio
        size = before.size(ticker)
        self.portfolio = before.settle(ticker, payout)
        self.marks.pop(ticker, None)
        gain = earned(before, self.portfolio, ticker) or ZERO
        settled = MarketSettled(at, ticker, payout, size, gain)
        turned = self._turned(at, before, ticker, "settlement")
        return [settled, *turned, self._marked(at, ticker, before)]

    def _turned(
        self, at: datetime, before: Portfolio, ticker: str, how: str
    ) -> list[PositionOpened | PositionClosed]:
        gain = earned(before, self.portfolio, ticker)
        position = self.portfolio.positions.get(ticker)
        turned: list[PositionOpened | PositionClosed] = []
        if gain is not None:
            turned.append(PositionClosed(at, ticker, gain, how))
        if position is not None and (gain is not None or not before.size(ticker)):
            turned.append(PositionOpened(at, ticker, position.size, position.average_price))
        return turned

    def _marked(self, at: datetime, ticker: str, before: Portfolio) -> PnlMarked:
        """The row of one market: what its position earned so far, or in all if it has ended."""
        position = self.portfolio.positions.get(ticker)
        ended = earned(before, self.portfolio, ticker) or ZERO
        return PnlMarked(
            at=at,
            ticker=ticker,
            unrealised=unrealised(position, self.marks[ticker]) if position else ZERO,
            realised=position.net if position else ended,
            cash=self.portfolio.cash,
            position=position.size if position else ZERO,
            exposure=position.cost if position else ZERO,
        )
