"""The service's own app over a made-up state, its bot stopped: what the bench asks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from api.app import create_app
from api.deps import ServiceFacts, Services
from bench import sample
from bot.clock import SystemClock
from bot.core.events import Event
from logging_utils import LogStats


def ours() -> FastAPI:
    """The app as it is served; only answers are asked of it, the bot and the journal are idle."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield Services(
            board=sample.board(),
            control=_Idle(),
            journal=_Idle(),
            log_stats=LogStats(Path("logs")),
            clock=SystemClock(),
        )

    return create_app(opened, ServiceFacts(version="0", environment="bench", mode="paper"))


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
