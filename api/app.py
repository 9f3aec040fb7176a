"""The FastAPI app: routes, errors, the edge around them. It opens the service while it lives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import bot, demo, errors, logs, root, state
from api.cors import Cors
from api.deps import OpenServices, ServiceFacts
from api.edge import Edge
from api.schemas import FAILED

_DESCRIPTION: Final = """What the Kalshi whale-watching bot sees and does.

Prices are in cents, money in dollars, sizes in contracts; times are ISO 8601, UTC.
"""
_TAGS: Final = [
    {"name": "service", "description": "What this is and how it is doing"},
    {"name": "state", "description": "What the bot sees: made once a cycle"},
    {"name": "bot", "description": "The loop's switch and its status"},
    {"name": "logs", "description": "The CSV logs"},
    {"name": "demo", "description": "Exercise the logs; no trading state is touched"},
]
#: The environment must not make this service report to anybody.
_NO_TELEMETRY: Final[Any] = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)


class Service(FastAPI):
    """FastAPI with the edge outside of all its own layers, error answers included."""

    def build_middleware_stack(self) -> ASGIApp:
        """The layers, outermost first: the edge, then FastAPI's own."""
        facts: ServiceFacts = self.state.facts
        return Edge(super().build_middleware_stack(), self.state, Cors(facts.cors_origins))


def create_app(open_services: OpenServices, facts: ServiceFacts) -> FastAPI:
    """The app; it enters `open_services()` when it starts and leaves it when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            app.state.services = services
            yield

    app = Service(
        title=facts.name,
        version=facts.version,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        lifespan=lifespan,
        telemetry=_NO_TELEMETRY,
        responses=FAILED,
    )
    app.state.facts = facts
    errors.install(app)
    for part in (root, state, bot, logs, demo):
        app.include_router(part.router)
    return app
