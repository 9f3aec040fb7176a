"""The service's own app as the bench asks it: with its bot stopped, and with it always at work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.deps import BotControl, ServiceFacts, Services
from api.serving.server import serve_within_bounds
from bench import sample
from bench.bot import joined
from bench.exchange import Canned
from bot.clock import SystemClock
from bot.core.events import Event
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.snapshot import SnapshotHolder
from bot.engine.loop import BotLoop, Pace
from bot.ports.loop_status import LoopStatus
from bot.ports.view_faults import ViewFaults
from logging_utils import LogStats

#: Seconds between the starts of two cycles: less than one takes, so that one is always running.
PAUSE = 0.01
#: Without one, this machine may act, and no visitor from here would be refused.
API_TOKEN: Final = "the-token-of-the-owner"
#: What lets one act.
AUTHORIZATION: Final = f"Bearer {API_TOKEN}"


def ours() -> FastAPI:
    """The app as it is served; only answers are asked of it, the bot and the journal are idle."""
    app = unbounded()
    serve_within_bounds(app)
    return app


def unbounded() -> FastAPI:
    """The same, served by plain uvicorn."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield _all(_Services())

    return create_app(opened, ServiceFacts(version="0", environment="test", mode="paper"))


def at_work(markets: str) -> FastAPI:
    """The app with its bot, that many markets, and hardly a pause between cycles once started."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        with TemporaryDirectory() as folder:
            async with joined(Canned(int(markets)), Path(folder)) as bot:
                runner = BotLoop(bot.cycle.run, _alone, SystemClock(), Pace(PAUSE), _unheard)
                try:
                    yield _all(_Services(bot.snapshot_holder, runner, decisions=bot.decisions))
                finally:
                    await runner.stop()

    facts = ServiceFacts(
        version="0", environment="test", mode="paper", api_token=SecretStr(API_TOKEN)
    )
    app = create_app(opened, facts)
    serve_within_bounds(app)
    return app


async def _alone(stopping: asyncio.Event) -> None:
    await stopping.wait()


def _unheard(_beat: LoopStatus) -> None:
    """Nobody is shown the loop's own state."""


class _Idle:
    """A bot that is stopped and a journal that gets nothing."""

    fault = None

    async def start(self) -> bool:
        return False

    async def stop(self) -> bool:
        return False

    def record(self, events: Sequence[Event]) -> None:
        pass

    def flush(self) -> None:
        pass


def _all(some: "_Services") -> Services:
    # What is not there, no question of a bench needs.
    return cast("Services", some)


def services(snapshot_holder: SnapshotHolder) -> "_Services":
    """What the app needs to answer from there."""
    return _Services(snapshot_holder=snapshot_holder)


@dataclass(frozen=True, slots=True)
class _Services:
    snapshot_holder: SnapshotHolder = field(default_factory=sample.snapshot_holder)
    control: BotControl = field(default_factory=_Idle)
    journal: _Idle = field(default_factory=_Idle)
    decisions: DecisionLog = field(default_factory=lambda: DecisionLog(ViewFaults()))
    log_stats: LogStats = field(default_factory=lambda: LogStats(Path("logs")))
    clock: SystemClock = field(default_factory=SystemClock)
