"""The place of a resting order in the queue of its price, as books and trades tell it.

Nobody shows where in a level an order stands. Two readings bound it. The *conservative* one moves
up only by trades: whoever withdrew stood behind us. The *expected* one also shares withdrawals
between those before and those behind us by how many there are, after the queue model of hftbacktest
with a power of 1 (docs.rs/hftbacktest, `ProbQueueModel`). Money follows the conservative one; the
other is a measurement beside it.

Our own order is never in the books: on paper nobody else sees it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars, measured
from bot.core.market.orderbook import Level, OrderBook


class TakerTrade(NamedTuple):
    """Contracts that takers of a side traded at a YES price, None where only the count is told.

    `at` in seconds UTC.
    """

    at: float
    taker: Side
    size: Contracts
    price: Dollars | None


class MarketUpdate(NamedTuple):
    """A book, when it was seen (seconds UTC), and what traded before; None where nobody knows."""

    book: OrderBook
    seen_at: float
    trades: Sequence[TakerTrade] | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected reading: contracts before us, and of ours left; measurements."""

    front: float
    left: float


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """An order that rests: its price (YES), what of it is `left`, and how many stand in `front`.

    `since` (seconds UTC) is the book up to which it is known what happened. Of that book are
    `displayed`, all that others showed at our price, and `is_best`: nobody showed a better one.
    """

    side: Side
    price: Dollars
    left: Contracts
    front: Contracts
    since: float
    displayed: Contracts
    is_best: bool
    expected: Expected

    @classmethod
    def joined(
        cls, side: Side, price: Dollars, size: Contracts, update: MarketUpdate
    ) -> Self | None:
        """The place behind all that this book shows at the price; None if it would trade at once.

        That is what an exchange does with a post-only order: it cancels one that would cross.
        """
        if _reaches(update.book.against(side), side, price):
            return None
        rivals = update.book.against(side.opposite)
        displayed = _displayed(rivals, side, price) or ZERO
        return cls(
            side=side,
            price=price,
            left=size,
            front=displayed,
            since=update.seen_at,
            displayed=displayed,
            is_best=_is_best(rivals, side, price),
            expected=Expected(measured(displayed), measured(size)),
        )

    def after(self, update: MarketUpdate) -> tuple[Self, Contracts]:
        """The place after another update, and how many contracts of ours traded up to it.

        An update that is not newer than the last one says nothing.
        """
        if update.seen_at <= self.since:
            return self, ZERO
        rivals = update.book.against(self.side.opposite)
        is_best = _is_best(rivals, self.side, self.price)
        reached, through = self._met(update, is_best=self.is_best and is_best)
        shown = _displayed(rivals, self.side, self.price)
        is_crossed = _reaches(update.book.against(self.side), self.side, self.price)
        filled = self.left if through or is_crossed else self._filled(reached)
        front = max(self.front - reached, ZERO)
        place = replace(
            self,
            left=self.left - filled,
            front=front if shown is None else min(front, shown),
            since=update.seen_at,
            displayed=self.displayed if shown is None else shown,
            is_best=is_best,
            expected=self._expected(reached, shown, is_through=through or is_crossed),
        )
        return place, filled

    def _filled(self, reached: Contracts) -> Contracts:
        return min(max(reached - self.front, ZERO), self.left)

    def _met(self, update: MarketUpdate, *, is_best: bool) -> tuple[Contracts, bool]:
        """Contracts that met our price since the last update, and whether any went through it."""
        reached, through = ZERO, False
        for trade in self._against(update):
            if trade.price is None:
                # Who stood before us met it first, so it counts only where nobody did.
                reached += trade.size if is_best else ZERO
            elif trade.price == self.price:
                reached += trade.size
            else:
                through = through or _is_beyond(trade.price, self.side, self.price)
        return reached, through

    def _against(self, update: MarketUpdate) -> Iterator[TakerTrade]:
        for trade in update.trades or ():
            if trade.taker is self.side.opposite and self.since < trade.at <= update.seen_at:
                yield trade

    def _expected(
        self, reached: Contracts, shown: Contracts | None, *, is_through: bool
    ) -> Expected:
        """The expected reading after these contracts met our price, and the level became this."""
        if is_through:
            return Expected(0.0, 0.0)
        traded, before = measured(reached), measured(self.displayed)
        front = self.expected.front - traded
        if shown is not None:
            front = min(_ahead(front, before, before - measured(shown) - traded), measured(shown))
        left = self.expected.left - min(max(-front, 0.0), self.expected.left)
        return Expected(max(front, 0.0), left)


def _ahead(front: float, before: float, withdrawn: float) -> float:
    """Who stands before us once so many of a level that showed `before` withdrew.

    Below 0 stays below 0: that is what traded of ours.
    """
    if withdrawn <= 0 or front <= 0:
        return front
    behind = max(before - front, 0.0)
    share = behind / (behind + front)
    return max(front - (1 - share) * withdrawn + min(behind - share * withdrawn, 0.0), 0.0)


def _is_beyond(price: Dollars, side: Side, ours: Dollars) -> bool:
    """Whether a taker at this price had already passed an order of this side at ours."""
    return price > ours if side is Side.SELL else price < ours


def _reaches(levels: Sequence[Level], side: Side, ours: Dollars) -> bool:
    """Whether the best of these would trade with an order of this side at our price."""
    if not levels:
        return False
    best = levels[0].price
    return best >= ours if side is Side.SELL else best <= ours


def _is_best(rivals: Sequence[Level], side: Side, ours: Dollars) -> bool:
    return not rivals or not _is_beyond(ours, side, rivals[0].price)


def _displayed(rivals: Sequence[Level], side: Side, ours: Dollars) -> Contracts | None:
    """What others show at our price; None where it lies past the deepest level that is told."""
    if not rivals or _is_beyond(ours, side, rivals[-1].price):
        return None
    return next((level.size for level in rivals if level.price == ours), ZERO)
