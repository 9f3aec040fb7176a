"""The gateway: what is being sent is not asked about, what is stopped enters nothing more."""

import asyncio
from dataclasses import replace

from bot.core.events import OrderEnded, OrderRefused
from bot.core.market.orders import Execution, Order, Unresolved
from bot.core.risk.review import Approved
from bot.trading.entry_guard import Safety
from tests.support.trading import Desk, only


async def test_a_stop_that_comes_amid_a_pass_lets_nothing_more_be_entered():
    desk = Desk("A", "B", "C")
    await desk.run({"C": 0.9})
    stopped = False

    def stop(_order) -> None:
        nonlocal stopped
        stopped = True

    desk.venue.before = stop
    desk.trader._gateway._safety = replace(Safety(desk.store), stopping=lambda: stopped)

    events = await desk.run({"A": 0.9, "B": 0.9, "C": 0.5})

    assert [order.ticker for order in desk.venue.sent[1:]] == ["C"]
    assert {no.rule for no in only(events, OrderRefused)} == {"stopped"}


async def test_an_order_on_its_way_is_not_asked_about():
    desk = Desk()
    asked = []

    async def ask() -> None:
        asked.append(await desk.trader.poll_in_doubt(desk.at))

    tasks: list[asyncio.Task[None]] = []
    desk.venue.before = lambda _: tasks.append(asyncio.ensure_future(ask()))

    await desk.run(0.9)
    await asyncio.gather(*tasks)

    assert asked == [False]
    assert desk.position() == 100


async def test_an_order_in_doubt_is_booked_once_however_many_ask():
    desk = Desk()
    desk.venue.silent["A"] = 1
    await desk.run(0.9)
    assert desk.trader.orders_in_doubt == "what became of order o1 of A is not known"

    await asyncio.gather(*(desk.trader.poll_in_doubt(desk.at) for _ in range(3)))

    assert desk.position() == 100
    assert desk.trader.orders_in_doubt is None


async def test_an_end_found_after_a_pass_took_its_events_needs_no_other_pass():
    desk = Desk("A", "B", "C", "D")
    desk.venue.silent["A"] = 1
    await desk.run({"A": 0.9})
    asked, answered, resolve = asyncio.Event(), asyncio.Event(), desk.venue.resolve
    submit, asking = desk.venue.submit, []

    async def slow(order: Order) -> Execution | Unresolved:
        asked.set()
        await answered.wait()
        return await resolve(order)

    async def asks_amid(approved: Approved) -> Execution | Unresolved:
        if approved.order.ticker == "D":
            asking.append(asyncio.create_task(desk.trader.poll_in_doubt(desk.at)))
            await asked.wait()
        return await submit(approved)

    desk.venue.resolve = slow  # type: ignore[method-assign]
    desk.venue.submit = asks_amid  # type: ignore[method-assign]
    await desk.act({"B": 0.9, "C": 0.9, "D": 0.9})
    answered.set()

    assert await asking[0]
    assert only(desk.trader.take_pending(desk.at), OrderEnded)
