"""The runner: starts once, stops promptly, survives whatever a cycle does."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from bot.engine import loop as runner_module
from bot.engine.loop import BotLoop, Pace
from bot.ports.loop_status import LoopStatus


class StandingClock:
    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC)


class Loop:
    """A runner over a cycle that counts, may fail, and may be waited for."""

    def __init__(self, *, interval=0.0, cycle=None, companion=None):
        self.cycles = 0
        self.beats: list[LoopStatus] = []
        self._seen = asyncio.Event()
        self._cycle = cycle
        self.runner = BotLoop(
            self._pass, companion or self._idle, StandingClock(), Pace(interval), self.beats.append
        )

    async def _pass(self):
        self.cycles += 1
        self._seen.set()
        if self._cycle:
            await self._cycle(self.cycles)

    @staticmethod
    async def _idle(stopping):
        await stopping.wait()

    async def after(self, cycles):
        async with asyncio.timeout(5):
            while self.cycles < cycles:
                self._seen.clear()
                await self._seen.wait()


async def test_it_starts_once_and_stops_once():
    loop = Loop()

    assert await loop.runner.start() is True
    assert await loop.runner.start() is False
    assert await loop.runner.stop() is True
    assert await loop.runner.stop() is False


async def test_it_beats_until_it_is_stopped():
    loop = Loop()
    await loop.runner.start()
    await loop.after(3)

    await loop.runner.stop()
    seen = loop.cycles
    await asyncio.sleep(0)

    assert loop.cycles == seen >= 3
    assert loop.runner.beat.running is False
    assert loop.beats[-1].running is False


async def test_a_stop_during_the_pause_is_prompt():
    loop = Loop(interval=3600)
    await loop.runner.start()
    await loop.after(1)

    async with asyncio.timeout(2):
        assert await loop.runner.stop() is True


async def test_a_stop_lets_the_running_cycle_finish():
    inside, go_on, finished = asyncio.Event(), asyncio.Event(), []

    async def slow(_):
        inside.set()
        await go_on.wait()
        finished.append(True)

    loop = Loop(interval=3600, cycle=slow)
    await loop.runner.start()
    await inside.wait()
    stopping = asyncio.create_task(loop.runner.stop())
    await asyncio.sleep(0)
    go_on.set()

    assert await stopping is True
    assert finished == [True]


async def test_a_cycle_that_never_ends_is_cancelled_as_the_last_resort(monkeypatch):
    monkeypatch.setattr(runner_module, "STOP_PATIENCE", 0.01)
    inside = asyncio.Event()

    async def endless(_):
        inside.set()
        await asyncio.Event().wait()

    loop = Loop(cycle=endless)
    await loop.runner.start()
    await inside.wait()

    assert await loop.runner.stop() is True
    assert loop.runner.beat.running is False


async def test_a_broken_cycle_is_reported_and_the_next_one_clears_it(caplog):
    async def first_fails(number):
        if number == 1:
            raise RuntimeError("broken promise")

    caplog.set_level(logging.CRITICAL, "main")
    loop = Loop(cycle=first_fails)
    await loop.runner.start()
    await loop.after(3)
    await loop.runner.stop()

    errors = [beat.error for beat in loop.beats]
    assert "RuntimeError: broken promise" in errors
    assert loop.runner.beat.error is None


async def test_a_companion_that_breaks_does_not_take_the_loop_with_it(caplog):
    calls = 0

    async def breaks_once(stopping):
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("scan broke")
        await stopping.wait()

    caplog.set_level(logging.CRITICAL, "main")
    loop = Loop(companion=breaks_once)
    await loop.runner.start()
    await loop.after(3)
    await loop.runner.stop()

    assert calls == 2
    assert loop.cycles >= 3


async def test_it_can_be_started_again_after_a_stop():
    loop = Loop()
    for _ in range(3):
        assert await loop.runner.start() is True
        await loop.after(loop.cycles + 1)
        assert await loop.runner.stop() is True


async def test_many_starts_and_stops_at_once_leave_one_loop_or_none():
    loop = Loop(interval=3600)

    answers = await asyncio.gather(*(loop.runner.start() for _ in range(5)))
    assert sorted(answers) == [False] * 4 + [True]

    answers = await asyncio.gather(*(loop.runner.stop() for _ in range(5)))
    assert sorted(answers) == [False] * 4 + [True]


@pytest.mark.parametrize("error", [RuntimeError, ValueError, OSError])
async def test_no_error_of_a_cycle_ends_the_loop(error, caplog):
    async def always(_):
        raise error("no")

    caplog.set_level(logging.CRITICAL, "main")
    loop = Loop(cycle=always)
    await loop.runner.start()
    await loop.after(4)

    assert loop.runner.beat.running is True
    await loop.runner.stop()


async def test_between_two_cycles_something_else_is_done_also_while_the_loop_is_stopped():
    loop, done = Loop(interval=3600), []

    async def work():
        done.append(loop.runner.beat.running)

    await loop.runner.between(work)
    await loop.runner.start()
    await loop.after(1)
    await asyncio.sleep(0)
    await loop.runner.between(work)
    await loop.runner.stop()

    assert done == [False, True]


async def test_what_breaks_between_two_cycles_is_an_error_and_no_end(caplog):
    async def breaks():
        raise RuntimeError("broken promise")

    caplog.set_level(logging.CRITICAL, "main")

    assert await Loop().runner.between(breaks) == "RuntimeError: broken promise"


async def test_while_no_market_is_known_it_is_tried_again_sooner_up_to_the_interval(monkeypatch):
    pauses: list[float] = []
    done = asyncio.Event()

    async def paused(stopping, seconds):
        pauses.append(round(seconds))
        if len(pauses) == 6:
            stopping.set()
            done.set()
        await asyncio.sleep(0)

    monkeypatch.setattr(runner_module, "pause", paused)
    known = iter([False, False, False, False, True, False])
    pace = Pace(6, lambda: next(known))
    runner = BotLoop(_nothing_failed, _at_once, StandingClock(), pace, lambda _: None)

    await runner.start()
    await done.wait()
    await runner.stop()

    # The last one is that of the work beside the loop.
    assert pauses[:6] == [1, 2, 4, 6, 6, 1]


async def _nothing_failed():
    return None


async def _at_once(stopping):
    await stopping.wait()


async def test_a_hint_brings_work_forward_and_one_that_comes_meanwhile_is_not_lost():
    stopping, hint = asyncio.Event(), asyncio.Event()
    done: list[int] = []

    async def work():
        done.append(len(done))
        if len(done) == 2:
            # While it works: it has to look once more.
            hint.set()
        if len(done) == 3:
            stopping.set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(runner_module.repeat(stopping, work, 3_600.0, "it failed", hint))
        await asyncio.sleep(0)
        hint.set()

    assert done == [0, 1, 2]
