"""When the cycle runs: start, pace, survive faults, stop.

What a pass does is the cycle's business. The loop owns the one background task of the service and
keeps its handle.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.clock import pause
from bot.ports.exchange import Clock
from bot.ports.loop_status import LoopStatus

log = logging.getLogger("main")

#: How long a stop waits for the running cycle before it is cancelled.
STOP_PATIENCE = 10.0
#: Seconds between two attempts to resolve orders in doubt.
RESOLVE_EVERY = 0.5
#: Hints within this many seconds are one.
HINT_PAUSE = 0.05
#: Seconds before the next pass while there is no market at all; doubled each time.
FIRST_RETRY = 1.0


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from one pass to the next.

    While no market is watched yet (`watches`), the next pass comes after one second, then twice
    that, up to the interval.
    """

    interval: float
    watches: Callable[[], bool] = _always


class BotLoop:
    """Runs a cycle at its pace beside a companion that lives as long as the loop."""

    def __init__(
        self,
        cycle: Callable[[], Awaitable[str | None]],
        companion: Callable[[asyncio.Event], Awaitable[None]],
        clock: Clock,
        pace: Pace,
        on_beat: Callable[[LoopStatus], None],
    ) -> None:
        """`cycle` is one pass and returns what failed at the exchange, or None.

        `companion` runs beside the loop until its event is set. `on_beat` is called on every change
        of the loop's own state.
        """
        self._cycle = cycle
        self._companion = companion
        self._clock = clock
        self._pace = pace
        self._on_beat = on_beat
        self._beat = LoopStatus()
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._lock = asyncio.Lock()

    @property
    def beat(self) -> LoopStatus:
        """The loop's own state, now."""
        return self._beat

    async def start(self) -> bool:
        """Start the loop; False if it was running already."""
        async with self._lock:
            if self._task is not None and not self._task.done():
                return False
            # A new event each time: an old task must never be revived by clearing its event.
            self._stopping = asyncio.Event()
            self._task = asyncio.create_task(self._run(self._stopping), name="bot loop")
            self._say(running=True, fault=None)
            log.info("Bot loop started, every %s s", self._pace.interval)
            return True

    async def stop(self) -> bool:
        """Stop after the running cycle; False if nothing was running."""
        async with self._lock:
            task = self._task
            if task is None or task.done():
                return False
            # It stays ours until it has ended: whoever waits here may be cancelled.
            self._stopping.set()
            await self._ended(task)
            log.info("Bot loop stopped")
            return True

    async def between(self, work: Callable[[], Awaitable[str | None]]) -> str | None:
        """Do this between two cycles, also while the loop is stopped; what failed, or None."""
        return await self._guarded(work)

    async def _ended(self, task: asyncio.Task[None]) -> None:
        _, pending = await asyncio.wait({task}, timeout=STOP_PATIENCE)
        if pending:
            log.warning("The running cycle did not end within %s s and is cancelled", STOP_PATIENCE)
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, stopping: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._accompany(stopping), name="companion")
                await self._loop(stopping)
        finally:
            # However the loop ends, the status must not say that it runs.
            ended = None if stopping.is_set() else "the loop ended without being stopped"
            self._say(running=False, fault=ended)

    async def _accompany(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._companion(stopping)
            except Exception:  # its failure must not take the loop with it
                log.exception("The background work failed; restarting it")
            await pause(stopping, self._pace.interval)

    async def _loop(self, stopping: asyncio.Event) -> None:
        loop, sooner = asyncio.get_running_loop(), FIRST_RETRY
        while not stopping.is_set():
            began = loop.time()
            await self._pass()
            if self._pace.watches():
                sooner = FIRST_RETRY
                await pause(stopping, began + self._pace.interval - loop.time())
            else:
                await pause(stopping, min(sooner, self._pace.interval))
                sooner *= 2

    async def _pass(self) -> None:
        self._say(last_start=self._clock.now(), count=self._beat.count + 1)
        error = await self._guarded(self._cycle)
        self._say(last_finish=self._clock.now(), error=error)

    async def _guarded(self, work: Callable[[], Awaitable[str | None]]) -> str | None:
        try:
            return await work()
        except Exception as problem:  # the one place: a broken promise ends one cycle, not the bot
            log.exception("The cycle failed; the next one starts on schedule")
            return f"{type(problem).__name__}: {problem}"

    def _say(self, **changes: object) -> None:
        self._beat = replace(self._beat, **changes)  # type: ignore[arg-type]  # fields of Beat
        self._on_beat(self._beat)


async def resolve_until(
    stopping: asyncio.Event, look: Callable[[], Awaitable[object]], hint: asyncio.Event
) -> None:
    """Resolve orders in doubt until the event is set, whether or not the loop runs.

    A hint that something happened to them is acted on at once.
    """
    failure = "Orders in doubt could not be asked about"
    await repeat(stopping, look, RESOLVE_EVERY, failure, hint)


async def repeat(
    stopping: asyncio.Event,
    work: Callable[[], Awaitable[object]],
    every: float,
    failure: str,
    hint: asyncio.Event | None = None,
) -> None:
    """Repeat this every so many seconds, or sooner at a hint, until stopped.

    A hint is cleared before the work begins: one that comes meanwhile asks for another run.
    """
    while not stopping.is_set():
        if hint is not None:
            hint.clear()
        try:
            await work()
        except Exception:  # its failure must not end the process, and is not to be silent
            log.exception("%s; it is tried again", failure)
        if hint is None:
            await pause(stopping, every)
        else:
            await pause(stopping, min(HINT_PAUSE, every))
            await _first_of((stopping, hint), every - HINT_PAUSE)


async def _first_of(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Wait for either event, at most so many seconds."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(event.wait()) for event in events]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
