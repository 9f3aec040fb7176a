"""What every venue promises, whatever exchange is behind it.

A venue joins by a `Stage`: something that can make its exchange show a given book. Each promise
is played against each scene of `SCENES` on a stage of its own; all are checks of what `submit`
and `resolve` answer, so that nothing here knows how a venue works. A stage whose exchange answers
everything leaves no order unresolved.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Execution, Order, OrderStatus, Unresolved
from bot.ports.exchange import Venue
from tests.support.strategies import SEEN_AT, approved, ladder, order

TICKER = "A"


class Stage(Protocol):
    """A venue on an exchange where TICKER is open, taker fees are plain, and we have cash."""

    @property
    def venue(self) -> Venue:
        """The venue under test."""
        ...

    async def show(self, book: OrderBook) -> None:
        """Make the exchange show this book of TICKER, made of other people's orders."""
        ...


#: Opens a stage; each promise gets a new one.
StageMaker = Callable[[], AbstractAsyncContextManager[Stage]]


@dataclass(frozen=True, slots=True)
class Scene:
    """An order that meets a book, and how much of it can trade."""

    name: str
    book: OrderBook
    side: Side
    size: Decimal
    limit: Decimal
    tradable: Decimal

    def order(self, name: str = "contract-1") -> Order:
        """The order of the scene, under this client order id."""
        return order(self.side, self.size, self.limit, name=name, ticker=TICKER)


BOOK = OrderBook(
    bids=ladder(("0.48", 10), ("0.47", 20)),
    asks=ladder(("0.50", "10.5"), ("0.52", 30)),
)


def _scene(name: str, side: Side, size: str, limit: str, tradable: str) -> Scene:
    return Scene(name, BOOK, side, Decimal(size), Decimal(limit), Decimal(tradable))


SCENES = (
    _scene("a buy within the best level", Side.BUY, "4", "0.50", "4"),
    _scene("a buy over two levels", Side.BUY, "20", "0.52", "20"),
    _scene("a buy larger than the book", Side.BUY, "100", "0.60", "40.5"),
    _scene("a buy that its limit cuts", Side.BUY, "20", "0.51", "10.5"),
    _scene("a buy below the book", Side.BUY, "5", "0.49", "0"),
    _scene("a buy of part of a contract", Side.BUY, "0.25", "0.50", "0.25"),
    _scene("a sell over two levels", Side.SELL, "15", "0.47", "15"),
    _scene("a sell that its limit cuts", Side.SELL, "15", "0.48", "10"),
    _scene("a sell above the book", Side.SELL, "5", "0.49", "0"),
    Scene(
        "a buy without asks",
        OrderBook(BOOK.bids, ()),
        Side.BUY,
        Decimal(5),
        Decimal("0.90"),
        ZERO,
    ),
    Scene(
        "a sell in an empty book", OrderBook((), ()), Side.SELL, Decimal(5), Decimal("0.10"), ZERO
    ),
)


async def what_can_trade_trades_and_no_more(stage: Stage, scene: Scene) -> None:
    """Fills are at most the order, and all that was shown within the limit."""
    execution = await _played(stage, scene)

    assert execution.filled == scene.tradable <= scene.size


async def no_fill_breaks_the_limit(stage: Stage, scene: Scene) -> None:
    """A buy never pays more than its limit, a sell never gets less."""
    execution = await _played(stage, scene)

    for fill in execution.fills:
        assert (scene.limit - fill.price) * scene.side.sign >= 0


async def the_best_levels_are_taken_first(stage: Stage, scene: Scene) -> None:
    """What is paid is the price of the levels shown, from the best one on."""
    execution = await _played(stage, scene)

    left, paid = scene.tradable, ZERO
    for price, shown in scene.book.against(scene.side):
        paid += price * min(left, shown)
        left -= min(left, shown)
    assert sum((fill.price * fill.size for fill in execution.fills), ZERO) == paid


async def every_fill_names_its_order(stage: Stage, scene: Scene) -> None:
    """Fills carry the market, the side and the client order id; their own ids are distinct."""
    execution = await _played(stage, scene)

    for fill in execution.fills:
        assert (fill.client_order_id, fill.ticker) == ("contract-1", TICKER)
        assert fill.side is scene.side
    assert len({fill.fill_id for fill in execution.fills}) == len(execution.fills)


async def every_fill_pays_its_fee(stage: Stage, scene: Scene) -> None:
    """Fees are never negative, and together at least what the formula says."""
    execution = await _played(stage, scene)

    rate = Decimal("0.07")
    model = sum((rate * f.size * f.price * (ONE - f.price) for f in execution.fills), ZERO)
    assert all(fill.fee >= 0 for fill in execution.fills)
    assert model <= execution.fees <= model + Decimal("0.0002") * len(execution.fills)


async def the_status_says_how_it_ended(stage: Stage, scene: Scene) -> None:
    """Filled, filled in part or canceled; whatever did not trade is explained."""
    execution = await _played(stage, scene)

    expected = OrderStatus.PARTIALLY_FILLED if scene.tradable else OrderStatus.CANCELED
    if scene.tradable == scene.size:
        expected = OrderStatus.FILLED
    assert execution.status is expected
    assert bool(execution.error) is (expected is not OrderStatus.FILLED)
    assert execution.order == scene.order()
    assert execution.order_id


async def the_same_client_order_id_twice_trades_once(stage: Stage, scene: Scene) -> None:
    """A repeated order has no fills of its own, and says why."""
    await _played(stage, scene)

    again = _ended(await stage.venue.submit(approved(scene.order(), scene.book)))

    assert again.fills == ()
    assert again.error
    assert again.order == scene.order()


async def a_repeated_order_changes_nothing(stage: Stage, scene: Scene) -> None:
    """What it does not trade is still there for the next one, and its first end stands."""
    first = await _played(stage, scene)
    await stage.venue.submit(approved(scene.order(), scene.book))

    second = _ended(await stage.venue.submit(approved(scene.order("contract-2"), scene.book)))
    found = _ended(await stage.venue.resolve(scene.order()))

    assert first.filled + second.filled == min(_within(scene), 2 * scene.size)
    assert found.fills == first.fills


async def an_order_that_never_arrived_was_cancelled(stage: Stage, scene: Scene) -> None:
    """Whoever asks for the fate of an order that nobody sent hears that nothing traded."""
    await stage.show(scene.book)

    found = _ended(await stage.venue.resolve(scene.order("never sent")))

    assert found.order == scene.order("never sent")
    assert (found.status, found.fills) == (OrderStatus.CANCELED, ())
    assert found.error


async def to_ask_for_a_fate_trades_nothing(stage: Stage, scene: Scene) -> None:
    """However often it was asked before, another order finds the whole book."""
    await stage.show(scene.book)
    for _ in range(2):
        await stage.venue.resolve(scene.order("never sent"))

    execution = _ended(
        await stage.venue.submit(approved(scene.order(), scene.book, seen_at=SEEN_AT))
    )

    assert execution.filled == scene.tradable


async def the_fate_of_an_order_is_how_it_ended(stage: Stage, scene: Scene) -> None:
    """Asked again, also twice, the same fills come back: the same ids, amounts, prices, fees."""
    execution = await _played(stage, scene)

    for _ in range(2):
        found = _ended(await stage.venue.resolve(scene.order()))
        assert found.order == scene.order()
        assert found.fills == execution.fills
        assert found.status is execution.status
        assert found.order_id == execution.order_id


async def nothing_rests_after_an_order(stage: Stage, scene: Scene) -> None:
    """What an order took is gone, and what it did not get is not waiting there."""
    first = await _played(stage, scene)

    second = _ended(await stage.venue.submit(approved(scene.order("contract-2"), scene.book)))

    assert first.filled + second.filled == min(_within(scene), 2 * scene.size)


Promise = Callable[[Stage, Scene], Coroutine[Any, Any, None]]
PROMISES: tuple[Promise, ...] = (
    what_can_trade_trades_and_no_more,
    no_fill_breaks_the_limit,
    the_best_levels_are_taken_first,
    every_fill_names_its_order,
    every_fill_pays_its_fee,
    the_status_says_how_it_ended,
    the_same_client_order_id_twice_trades_once,
    a_repeated_order_changes_nothing,
    nothing_rests_after_an_order,
    an_order_that_never_arrived_was_cancelled,
    to_ask_for_a_fate_trades_nothing,
    the_fate_of_an_order_is_how_it_ended,
)


async def _played(stage: Stage, scene: Scene) -> Execution:
    await stage.show(scene.book)
    return _ended(await stage.venue.submit(approved(scene.order(), scene.book, seen_at=SEEN_AT)))


def _ended(answer: Execution | Unresolved) -> Execution:
    assert isinstance(answer, Execution), answer
    return answer


def _within(scene: Scene) -> Decimal:
    """Contracts that the book of a scene shows within the limit."""
    levels = scene.book.against(scene.side)
    return sum((v.size for v in levels if (scene.limit - v.price) * scene.side.sign >= 0), ZERO)
