"""The account as it stands: what is owned, what it would fetch, where its markets belong.

The portfolio is a value; this keeps the current one, and says what changed as events. Leaves out
how orders come about (`trade`).
"""

import logging
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Final, TypeVar

import msgspec

from bot.core.account.adoption import Adoption
from bot.core.account.portfolio import Portfolio, Position, earned, split
from bot.core.account.round_trips import ExitCause, RoundTrip, round_trip
from bot.core.account.valuation import Mark, equity, mark, marks, unrealised
from bot.core.events import (
    Event,
    MarketSettled,
    OrderEnded,
    OrderFilled,
    PnlMarked,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
)
from bot.core.market.fees import USUAL, FeeSchedule
from bot.core.market.market import Market
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.orderbook import Books, OrderBook
from bot.core.market.orders import Aim, Execution, Fill, Life, Order
from bot.core.market.working import WorkingOrder
from bot.core.risk.checks import Place
from bot.ports.persistence import Checkpoint

log = logging.getLogger("main")

MARK = "mark"
PLACE = "place"

#: Fills remembered by their ids: more than are ever booked between two commits.
_LATE_FILLS: Final = 10_000

T = TypeVar("T")


class TradingAccount:
    """Keeps the account; `marks` are by ticker of what is held."""

    def __init__(self, cash: Dollars) -> None:
        self.portfolio = Portfolio.of_cash(cash)
        self.marks: Mapping[str, Mark] = {}
        self._places: dict[str, Place] = {}
        # Of late: the older ones are in the database.
        self._fill_ids: deque[str] = deque(maxlen=_LATE_FILLS)
        # Marked at what they cost because no price was seen of them since.
        self._assumed: set[str] = set()
        self._valued: tuple[Portfolio, Mapping[str, Mark], Dollars] | None = None

    @property
    def sound_equity(self) -> Dollars | None:
        """The equity if all of it comes from prices that were seen; None otherwise."""
        return None if self.assumed else self.equity

    @property
    def equity(self) -> Dollars:
        """Cash, and what closing everything would fetch as last seen."""
        # Asked several times an order. Portfolio and marks are replaced, never changed in place.
        known = self._valued
        if known is None or known[0] is not self.portfolio or known[1] is not self.marks:
            worth = equity(self.portfolio, self.marks)
            known = self._valued = (self.portfolio, self.marks, worth)
        return known[2]

    @property
    def assumed(self) -> frozenset[str]:
        """What is held and counted at its cost, because no price of it was seen yet."""
        return frozenset(self._assumed & self.portfolio.positions.keys())

    @property
    def fill_ids(self) -> frozenset[str]:
        """The fills booked last, written down or not."""
        return frozenset(self._fill_ids)

    @property
    def places(self) -> Mapping[str, Place]:
        """Where the markets belong that are held, or were bought in last."""
        return self._places

    def belongs(self, market: Market, cause: ExitCause | None = None) -> None:
        """A market that is traded belongs here; `cause` is why its position is to end, if it is."""
        last = self._places.get(market.ticker)
        known = last.exit if last else ""
        self._places[market.ticker] = Place(
            market.event_ticker,
            market.category,
            market.title,
            cause.value if cause else known,
            market.is_exclusive,
            market.fees,
        )

    def exit_cause(self, ticker: str) -> ExitCause:
        """Why an order was sent to end the position of a market, as far as that is known."""
        place = self._places.get(ticker)
        known = place.exit if place else ""
        return ExitCause(known) if known in set(ExitCause) else ExitCause.ORDER

    def at_worst(self, unresolved: Iterable[Order]) -> Portfolio:
        """The portfolio if of these orders all traded that open a position.

        At their limits, and at the most that their markets charge for that.
        """
        portfolio = self.portfolio
        for order in unresolved:
            if opens(portfolio, order):
                portfolio = portfolio.after(_whole(order, self._fees(order.ticker)))
        return portfolio

    def book(self, at: datetime, execution: Execution, book: OrderBook | None) -> list[Event]:
        """Book what an order came to, and mark it against the book it met, if that is at hand."""
        ticker = execution.order.ticker
        before = self.portfolio
        self._fill(execution.fills)
        ended: list[Event] = [OrderEnded(at, execution)]
        if not execution.fills:
            return ended
        self._mark_one(ticker, book)
        turned = self._turned(at, before, ticker, self.exit_cause(ticker))
        return [*ended, *turned, self._marked(at, ticker, before)]

    def book_part(
        self, at: datetime, working: WorkingOrder, fills: Sequence[Fill], book: OrderBook | None
    ) -> list[Event]:
        """Book what traded of an order that rests on, and mark what is left against the book."""
        ticker, before = working.order.ticker, self.portfolio
        self._fill(fills)
        self._mark_one(ticker, book)
        filled = OrderFilled(at, working.order, working.order_id, tuple(fills), working.left)
        turned = self._turned(at, before, ticker, self.exit_cause(ticker))
        return [filled, *turned, self._marked(at, ticker, before)]

    def apply_adoption(self, at: datetime, found: Adoption) -> list[Event]:
        """Book what explains the account at the exchange, and take over the positions left."""
        events: list[Event] = []
        for execution in found.executions:
            events += self.book(at, execution, None)
        events += self.settle(at, {}, found.payouts)
        for one in found.adjustments:
            before = self.portfolio.size(one.ticker)
            self.portfolio = self.portfolio.adjusted(one.ticker, one.size, one.cost, at)
            self._mark_one(one.ticker, None)
            events.append(PositionAdjusted(at, one.ticker, before, one.size, one.cost))
        return events

    def move_cash(self, amount: Dollars) -> None:
        """Cash came from outside, or went if below 0."""
        self.portfolio = self.portfolio.moved(amount)

    def settle(
        self,
        at: datetime,
        markets: Mapping[str, Market],
        payouts: Mapping[str, Dollars] | None = None,
    ) -> list[Event]:
        """Take what finalized markets pay for what is held of them.

        `payouts` are those that the account at the exchange was paid: for markets nobody lists.
        """
        events: list[Event] = []
        for ticker in tuple(self.portfolio.positions):
            market, payout = markets.get(ticker), (payouts or {}).get(ticker)
            if market is not None:
                self.belongs(market)
                payout = payout if market.payout is None else market.payout
            if payout is not None:
                events += self._settled(at, ticker, payout)
        return events

    def mark(
        self,
        at: datetime,
        books: Books,
        markets: Mapping[str, Market],
        asked: Collection[str] | None = None,
    ) -> PnlMarked:
        """What everything is worth against these books, as one profit and loss row.

        Only the `asked` are marked anew if they are named: the others stand as they are.
        """
        portfolio = self.portfolio
        of = {t: p for t, p in portfolio.positions.items() if asked is None or t in asked}
        held = {t: markets[t] for t in of if t in markets}
        closed = {t: market.outcome for t, market in held.items() if not market.is_open(at)}
        unasked = {t: self.marks[t] for t in portfolio.positions if t not in of}
        self.marks = unasked | marks(of, books, self.marks, closed)
        self._assumed = {t for t in self._assumed & self.marks.keys() if self.marks[t].stale}
        positions = portfolio.positions.items()
        return PnlMarked(
            at=at,
            ticker=None,
            unrealised=sum((unrealised(p, self.marks[ticker]) for ticker, p in positions), ZERO),
            realised=portfolio.net,
            cash=portfolio.cash,
            position=Contracts(len(portfolio.positions)),
            exposure=portfolio.exposure,
            fees=portfolio.fees,
            assumed=bool(self.assumed),
        )

    def forget(self, unresolved: Iterable[Order]) -> None:
        """Places of markets that are neither held nor traded in any more are not needed."""
        needed = {*self.portfolio.positions, *(order.ticker for order in unresolved)}
        self._places = {t: place for t, place in self._places.items() if t in needed}

    def bodies(self) -> dict[tuple[str, str], bytes]:
        """What has to be remembered besides the portfolio, by kind and ticker."""
        encode = msgspec.json.encode
        # One that was assumed is left out: after a restart it would pass for a price.
        known = {t: mark for t, mark in self.marks.items() if t not in self._assumed}
        seen = {(MARK, ticker): encode(mark) for ticker, mark in known.items()}
        return seen | {(PLACE, ticker): encode(place) for ticker, place in self._places.items()}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of this checkpoint."""
        self.portfolio = checkpoint.portfolio
        known = decoded(checkpoint.state_records.get(MARK, {}), Mark)
        self._places = decoded(checkpoint.state_records.get(PLACE, {}), Place)
        positions = checkpoint.portfolio.positions
        last = {t: _resized(known.get(t), one) for t, one in positions.items()}
        self.marks = {t: last[t] or mark(one, None) for t, one in positions.items()}
        self._assumed = {t for t, known_mark in last.items() if known_mark is None}

    def _fees(self, ticker: str) -> FeeSchedule:
        """What a market charges; what nearly all do, if it is not known here."""
        place = self._places.get(ticker)
        return USUAL if place is None or place.fees is None else place.fees.bound

    def _fill(self, fills: Sequence[Fill]) -> None:
        for fill in fills:
            self.portfolio = self.portfolio.after(fill)
            self._fill_ids.append(fill.fill_id)

    def _mark_one(self, ticker: str, book: OrderBook | None) -> None:
        position, last = self.portfolio.positions.get(ticker), self.marks.get(ticker)
        others = self._marks_without(ticker)
        if position is not None:
            side = position.side
            levels, rivals = (
                (None, ()) if book is None else (book.against(side.opposite), book.against(side))
            )
            others[ticker] = mark(position, levels, _resized(last, position), rivals)
        self.marks = others

    def _marks_without(self, ticker: str) -> dict[str, Mark]:
        return {name: mark for name, mark in self.marks.items() if name != ticker}

    def _settled(self, at: datetime, ticker: str, payout: Dollars) -> list[Event]:
        before = self.portfolio
        size = before.size(ticker)
        self.portfolio = before.settle(ticker, payout)
        self.marks = self._marks_without(ticker)
        gain = earned(before, self.portfolio, ticker) or ZERO
        settled = MarketSettled(at, ticker, payout, size, gain)
        turned = self._turned(at, before, ticker, ExitCause.SETTLEMENT)
        return [settled, *turned, self._marked(at, ticker, before)]

    def _turned(
        self, at: datetime, before: Portfolio, ticker: str, cause: ExitCause
    ) -> list[PositionOpened | PositionClosed]:
        trip = round_trip(before, self.portfolio, ticker)
        position = self.portfolio.positions.get(ticker)
        turned: list[PositionOpened | PositionClosed] = []
        if trip is not None:
            turned.append(self._closed(at, ticker, trip, cause))
        if position is not None and (trip is not None or not before.size(ticker)):
            turned.append(PositionOpened(at, ticker, position.size, position.average_price))
        return turned

    def _closed(
        self, at: datetime, ticker: str, trip: RoundTrip, cause: ExitCause
    ) -> PositionClosed:
        place = self._places.get(ticker, Place("", None))
        where = (place.title, place.event_ticker, place.category)
        return PositionClosed(at, ticker, trip.net, cause.value, trip, *where)

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


def opens(portfolio: Portfolio, order: Order) -> bool:
    """Whether an order would open or enlarge a position; one that leaves never does."""
    return order.aim is Aim.ENTER and bool(
        split(portfolio.size(order.ticker), order.side, order.size)[1]
    )


def _resized(last: Mark | None, position: Position) -> Mark | None:
    """The last mark as one of this position, if it can be."""
    return None if last is None else last.resized(position.size)


def _whole(order: Order, fees: FeeSchedule) -> Fill:
    """All of an order at its worst: each contract a fill of its own, for each may be rounded up."""
    fills, is_taker = ceil(order.size), order.life is Life.TAKE
    return Fill(
        fill_id=order.client_order_id,
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        size=order.size,
        price=order.limit,
        fee=fees.most(order.size, order.limit, fills, is_taker=is_taker),
        at=order.at,
    )


def decoded(bodies: Mapping[str, bytes], kind: type[T]) -> dict[str, T]:
    """State of markets; what cannot be read is named and skipped: it is computed again."""
    found = {}
    for key, body in bodies.items():
        try:
            found[key] = msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            log.warning(
                "State record %s of %s cannot be read (%s): skipped", kind.__name__, key, error
            )
    return found
