"""Many markets in few requests: cutting into batches, and sending them at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

from bot.ports.exchange import ExchangeError

#: What one request may ask for: markets, and characters of tickers in its address.
BATCH = 100
ADDRESS_ROOM = 6_000

AnswerT = TypeVar("AnswerT")
Batch: TypeAlias = tuple[str, ...]


def in_batches(tickers: Sequence[str]) -> Iterator[Batch]:
    """The distinct tickers in the order given, as many to a batch as one request can hold."""
    batch: list[str] = []
    room = ADDRESS_ROOM
    for ticker in dict.fromkeys(tickers):
        room -= len(ticker)
        if batch and (len(batch) == BATCH or room < 0):
            yield tuple(batch)
            batch, room = [], ADDRESS_ROOM - len(ticker)
        batch.append(ticker)
    if batch:
        yield tuple(batch)


async def together(
    call: Callable[[Batch], Awaitable[AnswerT]], batches: Sequence[Batch]
) -> list[AnswerT | ExchangeError]:
    """What the call answered for each batch, in their order; a failure is an answer too."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_or_error(call, batch), name=f"batch from {batch[0]}")
            for batch in batches
        ]
    return [task.result() for task in tasks]


async def _or_error(
    call: Callable[[Batch], Awaitable[AnswerT]], batch: Batch
) -> AnswerT | ExchangeError:
    # A task group cancels the siblings of a task that raises.
    try:
        return await call(batch)
    except ExchangeError as error:
        return error
