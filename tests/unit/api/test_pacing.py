"""Requests that come together are started a few at a time, in order."""

import asyncio

from api.serving.pacing import Pacing


async def _go():
    """Let the loop go round once."""
    await asyncio.sleep(0)


async def test_a_probe_gets_in_between_a_wave_that_comes_at_once():
    pacing, told = Pacing(2), []

    async def one(number):
        await pacing.passed()
        told.append(number)

    async def probe():
        await _go()
        told.append("probe")

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(one(number))
        group.create_task(probe())

    assert [one for one in told if one != "probe"] == list(range(100))
    assert told.index("probe") <= 6


async def test_who_gave_up_takes_nobodys_place():
    pacing, told = Pacing(1), []

    async def one(number):
        await pacing.passed()
        told.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(4)]
    await _go()
    tasks[1].cancel()
    await asyncio.wait(tasks)

    assert told == [0, 2, 3]


async def test_after_a_pause_nobody_waits():
    pacing = Pacing(2)
    for _ in range(10):
        for _ in range(3):
            await _go()
        started = asyncio.ensure_future(pacing.passed())
        await _go()
        assert started.done()
