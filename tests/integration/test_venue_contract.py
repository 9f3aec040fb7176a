from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Execution, Order, OrderStatus
from bot.core.risk.review import Approved
from bot.ports.exchange import Venue
from bot.trading.paper_venue import PaperVenue
from tests.support.strategies import approved
from tests.support.venue_contract import BOOK, PROMISES, SCENES, Promise, Scene, Stage, StageMaker


class PaperStage:
    """The paper venue trades on the book that comes with the order: nothing has to be shown."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def show(self, book: OrderBook) -> None:
        pass


@asynccontextmanager
async def paper() -> AsyncIterator[Stage]:
    yield PaperStage(PaperVenue())


#: Every venue there is; a new one joins with one line.
STAGES: dict[str, StageMaker] = {"paper": paper}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("opened", STAGES.values(), ids=STAGES.keys())
async def test_every_venue_keeps_its_promises(
    opened: StageMaker, promise: Promise, scene: Scene
) -> None:
    async with opened() as stage:
        await promise(stage, scene)


class Liar:
    """A venue that breaks every promise, each in at least one scene."""

    resting = None
    at_once = 1

    async def submit(self, approved: Approved) -> Execution:
        # Each order meets a whole book, as if none had been there before.
        execution = await PaperVenue().submit(approved)
        worse = tuple(
            replace(
                fill,
                fill_id="always the same",
                client_order_id="another's",
                price=approved.order.limit.next_plus()
                if approved.order.side.sign > 0
                else approved.order.limit.next_minus(),
                size=fill.size * 2,
                fee=ZERO,
            )
            for fill in execution.fills
        )
        return replace(execution, fills=worse, status=OrderStatus.SUBMITTED)

    async def resolve(self, order: Order) -> Execution:
        return await self.submit(approved(order, BOOK))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_every_promise_catches_a_venue_that_breaks_it(promise: Promise) -> None:
    caught = 0
    for scene in SCENES:
        try:
            await promise(PaperStage(Liar()), scene)
        except AssertionError:
            caught += 1

    assert caught
