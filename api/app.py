"""The FastAPI app: routes, errors, the edge around them. It opens the service while it lives."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.routing import Match
from starlette.types import Lifespan, Receive, Scope, Send

from api import errors, openapi
from api.deps import OpenServices, ServiceFacts, Services
from api.middleware import EdgeMiddleware
from api.routes import (
    account,
    bot,
    config,
    dashboard,
    decisions,
    demo,
    docs,
    events,
    exits,
    history,
    logs,
    markets,
    model,
    reconcile,
    root,
    state,
    whales,
)
from api.schemas.common import FAILED
from api.security.auth import AccessPolicy
from api.security.cors import Cors
from api.serving.events import Listeners
from api.serving.holds import LET_GO, USUAL, Holds, LongPollLimits
from bot.clock import stopwatch

log = logging.getLogger("main")

_DESCRIPTION: Final = """What the Kalshi whale-watching bot sees and does.

Prices are in cents, money in dollars, sizes in contracts; times are ISO 8601, UTC.
What has a lock wants a token: `Authorization: Bearer TOKEN`.
"""
_TAGS: Final = [
    {"name": "service", "description": "What this is and how it is doing"},
    {"name": "state", "description": "What the bot sees: made once a cycle"},
    {"name": "account", "description": "What is held, what it came to, what may be risked"},
    {"name": "bot", "description": "The loop's switches, its status, its decisions"},
    {"name": "whales", "description": "Every detection, and what detections came to"},
    {"name": "model", "description": "The model, its card and its track record"},
    {"name": "logs", "description": "The CSV logs"},
    {"name": "demo", "description": "Exercise the logs; no trading state is touched"},
]
#: The environment must not make this service report to anybody.
_NO_TELEMETRY: Final[Any] = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)


def _routes() -> APIRouter:
    about_trading = (state, events, account, history, decisions, whales, markets, model)
    router = APIRouter(responses=FAILED)
    for part in (root, docs, dashboard, bot, exits, reconcile, *about_trading, logs, config, demo):
        router.include_router(part.router)
    return router


#: The same for every app: what FastAPI works out of them at a first request is worked out once.
_ROUTES: Final = _routes()


class BotService(FastAPI):
    """FastAPI with the edge outside of all its own layers, error answers included."""

    def __init__(
        self, facts: ServiceFacts, access_policy: AccessPolicy, lifespan: Lifespan["BotService"]
    ) -> None:
        super().__init__(
            title=facts.name,
            version=facts.version,
            description=_DESCRIPTION,
            openapi_tags=_TAGS,
            lifespan=lifespan,
            telemetry=_NO_TELEMETRY,
            responses=FAILED,
            openapi_url=None,  # made once, not for each who asks: see `docs` as well
            docs_url=None,  # their viewers would come from elsewhere: see `docs`
            redoc_url=None,
        )
        # To an address made of whatever host a request names: the edge does it, relatively.
        self.router.redirect_slashes = False
        self.state.facts = facts
        self.state.documents = {}
        self._access_policy = access_policy
        cors, scrubber = Cors(facts.cors_origins), facts.scrubber
        self._edge = EdgeMiddleware(super().__call__, cors, access_policy, self._knows, scrubber)

    def show(self, services: Services, patience: LongPollLimits = USUAL) -> Holds:
        """Answer from this open service; returns the long polls that wait for news."""
        self.state.services = services
        facts = self.state.facts
        health = partial(root.health_body, services, facts)
        holds = self._edge.open(services.snapshot_holder, health, patience)
        self.state.listeners = Listeners(services.snapshot_holder, holds.ended)
        return holds

    def _knows(self, path: str) -> bool:
        asked = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
        return any(route.matches(asked)[0] is not Match.NONE for route in self.routes)

    def openapi(self) -> dict[str, Any]:
        """The document of this API, with locks on what wants a token."""
        if self.openapi_schema is None:
            document = openapi.sendable(openapi.described(super().openapi()))
            self.openapi_schema = openapi.locked(document, self._access_policy.wants_token)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the edge sees it first."""
        await self._edge(scope, receive, send)


def create_app(
    open_services: OpenServices,
    facts: ServiceFacts,
    seconds: Callable[[], float] = stopwatch,
    patience: LongPollLimits = USUAL,
) -> BotService:
    """The app; it enters `open_services()` when it starts and leaves it when it stops.

    `seconds` is a clock that never jumps, for the limit of failed attempts; `patience` is how long
    pages are kept waiting.
    """
    access_policy = AccessPolicy(facts, seconds)

    @asynccontextmanager
    async def lifespan(app: BotService) -> AsyncIterator[Mapping[str, Any]]:
        for warning in access_policy.warnings():
            log.warning("%s", warning)
        async with open_services() as services:
            holds = app.show(services, patience)
            yield {LET_GO: holds.let_go}

    app = BotService(facts, access_policy, lifespan)
    errors.install(app)
    app.router.routes.extend(_ROUTES.routes)
    return app
