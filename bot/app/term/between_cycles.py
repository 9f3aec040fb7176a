"""What runs between two cycles, and how a pass ends that finds another leader."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from bot.app.node_context import NodeContext
from bot.dashboard.publisher import REFRESH_EVERY, Publisher
from bot.engine.cycle import Cycle
from bot.engine.event_decisions import DECIDE_EVERY
from bot.engine.loop import repeat
from bot.engine.stream_scan import SCAN_EVERY
from bot.kalshi.feed import StreamedFeed
from bot.market_data.universe import Universe
from bot.ports.persistence import LeaseLostError
from bot.ports.view_faults import ViewFaults

#: Ends the term: another process leads.
Lose: TypeAlias = Callable[[], None]
#: What is done again and again between two cycles, and how many seconds apart.
Between: TypeAlias = Mapping[str, tuple[Callable[[], Awaitable[object]], float]]


def between_cycles(
    world: NodeContext, publisher: Publisher, cycle: Cycle, faults: ViewFaults, lose: Lose
) -> Between:
    feed = world.feed
    if not isinstance(feed, StreamedFeed):
        return {}

    async def refresh() -> None:
        with faults.within("the state"):
            await publisher.refresh(feed, world.clock.now())

    between = {
        "the stream scan": (until_lost(cycle.scan_stream, lose), SCAN_EVERY),
        "the quotes": (refresh, REFRESH_EVERY),
    }
    if world.settings.bot_event_decisions:
        decide = until_lost(cycle.decide_on_changes, lose)
        between["the decisions on changes"] = decide, DECIDE_EVERY
    return between


def beside(universe: Universe, between: Between) -> Callable[[asyncio.Event], Awaitable[None]]:
    async def beside(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(universe.run(stopping), name="universe")
            for name, (work, every) in between.items():
                failure = f"Between two cycles, {name} failed"
                group.create_task(repeat(stopping, work, every, failure), name=name)

    return beside


def until_lost(
    run: Callable[[], Awaitable[str | None]], lose: Lose
) -> Callable[[], Awaitable[str | None]]:
    """The same pass; one that finds another leader says so and does nothing more."""

    async def guarded() -> str | None:
        try:
            return await run()
        except LeaseLostError as error:
            lose()
            return str(error)

    return guarded
