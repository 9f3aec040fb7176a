"""The turns of markets in a pass: one after another, or several at once where a venue allows that.

What holds however many orders are under way, and in whatever order they are answered:

1. Review and reservation are one step of the event loop (`Trader._order`, `OrderGateway.send`): a
   review counts all that is under way as filled at its worst, in exposure, in the cash of a shard
   and among the entries of the minute. So no limit is passed, whoever is answered first. One
   decides at a time, until its row is written: nobody waits for the database with an old decision.
2. The answer and its booking are one step as well. Until then an order is in doubt: whatever cuts a
   pass off leaves it so, in memory and in the database, where its row lies before it is sent.
3. A market has one turn in a pass, and no other order while the fate of one is not known.
4. Exits go first; entries begin once all exits are answered, or have had `EXIT_WAIT` for that.
5. An order that hangs holds one place of several, and nobody else's turn.
6. Whatever fails in one turn, a lost lease above all, cuts off no order amid its sending and lets
   no other turn begin. Of a stop and the kill switch each order asks for itself (`OrderGateway`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeAlias

#: Seconds that entries wait for the answers of exits, whose room and cash they may use.
EXIT_WAIT: Final = 0.25

#: What is to be done in a market, not begun yet.
Turn: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


async def taken(at_once: int, *waves: Iterable[Turn]) -> None:
    """Take the turns of each wave, so many `at_once`; of one at a time each is made when due.

    Raises what a turn raised, once all that had begun came to their end.
    """
    if at_once == 1:
        for turn in (turn for wave in waves for turn in wave):
            await turn()
        return
    places = _Places(at_once)
    async with asyncio.TaskGroup() as group:
        for wave in waves:
            if not places.failures:
                await _begun(group, places, wave)
    if places.failures:
        raise places.failures[0]


async def _begun(group: asyncio.TaskGroup, places: "_Places", wave: Iterable[Turn]) -> None:
    tasks = [group.create_task(places.take(turn), name="market turn") for turn in wave]
    if tasks:
        await asyncio.wait(tasks, timeout=EXIT_WAIT)


class _Places:
    """So many turns at a time, first come, first served; none any more once one failed."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)
        self.failures: list[Exception] = []

    async def take(self, turn: Turn) -> None:
        """Wait for a place and take the turn."""
        async with self._free:
            if self.failures:
                return
            try:
                await turn()
            except Exception as error:  # noqa: BLE001  # a group would cut off the others
                self.failures.append(error)
