"""Writes that name a shard draw on a bucket of that shard, at the exchange and here."""

import asyncio

from bot.clock import stopwatch
from bot.kalshi.auth import Signer
from bot.kalshi.calls import Calls, Write
from bot.kalshi.limits import TokenBudget
from bot.ports.exchange import ExchangeError
from tests.support.kalshi_stand import FAR_SHARD, KEY, PEM, stand


def cancel(shard: int) -> Write:
    where = [("exchange_index", str(shard))]
    return Write("DELETE", "/portfolio/order_groups/none", params=where, shard=shard)


async def refusals(calls: Calls, shard: int, count: int) -> list[int | None]:
    found = []
    for _ in range(count):
        try:
            await calls.write(cancel(shard), bytes)
        except ExchangeError as error:
            found.append(error.status)
    return found


async def test_the_exchange_counts_writes_by_the_shard_they_name():
    async with stand() as live:
        live.faults._service.limiter._is_on = True

        assert (await refusals(live.calls, 0, 12))[-1] == 429
        assert await refusals(live.calls, FAR_SHARD, 3) == [404] * 3


async def test_what_waits_on_one_shard_keeps_no_other_waiting():
    async with stand() as live:
        signer = Signer(KEY.key_id, PEM, live.clock)
        slow = TokenBudget(stopwatch, rate=0.001, capacity=1)
        calls = Calls(live.calls._http, slow, signer.headers)
        await refusals(calls, 0, 1)
        waits = asyncio.create_task(refusals(calls, 0, 1))

        assert await refusals(calls, FAR_SHARD, 1) == [404]

        assert not waits.done()
        waits.cancel()
