"""What the routes need of the service, and how they ask for it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeAlias

from fastapi import Depends, HTTPException, Request
from pydantic import SecretStr

from api.security.headers import HEAD_ONLY
from api.security.hosts import Hosts, is_fixed
from bot.config import VERSION, Settings
from bot.dashboard.snapshot import Snapshot, SnapshotHolder
from bot.market_data.trade_feed import Coverage
from bot.model.monitor import ModelMonitor
from bot.ports.account_history import AccountHistory
from bot.ports.account_views import AccountView, AuditView, QueueView
from bot.ports.exchange import Clock, Journal
from bot.ports.market_views import MarketDetail
from bot.ports.twin_views import TwinView
from bot.ports.views import Check, DecisionView
from bot.scrub import NOTHING, Scrubber
from bot.whales.views import Scoreboard, WhaleEnding, WhaleRecord
from logging_utils import LogStats


class BotControl(Protocol):
    """The loop's switch, wherever the loop runs. Raises StoreError if nobody can be told."""

    async def start(self) -> bool:
        """Start the loop; False if it was running already."""
        ...

    async def stop(self) -> bool:
        """Stop the loop after its running cycle; False if it was not running."""
        ...


class KillControl(Protocol):
    """The kill switch, for all processes. Raises StoreError if nobody can be told."""

    async def kill(self, reason: str) -> bool:
        """Enter nothing until `resume`; False if that was so already."""
        ...

    async def resume(self) -> bool:
        """Enter again; False if nothing kept it from that."""
        ...


class HandExits(Protocol):
    """Closes positions by hand, for all processes. Raises StoreError if nobody can be told."""

    async def close(self, ticker: str) -> None:
        """Have the position of a market closed."""
        ...

    async def flatten(self) -> None:
        """Have all positions closed, and nothing entered."""
        ...


class AccountControl(Protocol):
    """Takes an operator's word on the account, for all processes. Raises StoreError likewise."""

    async def request_adoption(self) -> datetime:
        """Have the account taken over as the exchange has it; when that was asked."""
        ...

    async def resolve(self, client_order_id: str, *, traded: bool) -> datetime:
        """Say what became of an order in doubt; when that was said."""
        ...


class DecisionSource(Protocol):
    """Why there was a trade, or none."""

    def of(self, ticker: str | None, limit: int) -> tuple[DecisionView, ...]:
        """The last decisions, of one market or all, newest first, so many at most."""
        ...


class MetricsSource(Protocol):
    """The figures that a Prometheus collects."""

    def render(self) -> tuple[bytes, str]:
        """All of them as text, and the content type of that text."""
        ...


class Readiness(Protocol):
    """Whether requests may be sent here."""

    def checks(self) -> Mapping[str, Check]:
        """What must hold for that, by name: data, database, lease."""
        ...


class WhaleSource(Protocol):
    """What was detected, how it ended, and what it came to."""

    def history(
        self, ticker: str | None, kind: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleRecord, ...]:
        """The matching detections, newest first, so many at most."""
        ...

    def endings(
        self, ticker: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleEnding, ...]:
        """The ends of announced orders that fit, newest first, so many at most."""
        ...

    def scores(self) -> Scoreboard:
        """What detections came to so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What is known of the service before it opens.

    `cors_origins` are web origins (scheme://host[:port]); '*' lets every page read, but none
    but the listed ones act. `allowed_hosts` are the names this service answers to; '*' is any.
    The two scores are what a demo signal is judged by.
    """

    version: str
    environment: str
    mode: Literal["paper", "live"]
    name: str = "KalshiProto"
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ("*",)
    api_token: SecretStr | None = None
    api_read_token: SecretStr | None = None
    enter_above: float = 0.60
    enter_below: float = 0.40
    scrubber: Scrubber = NOTHING


def facts_of(settings: Settings) -> ServiceFacts:
    """The facts that the settings decide."""
    return ServiceFacts(
        version=VERSION,
        environment=settings.environment,
        mode=settings.bot_mode,
        cors_origins=settings.cors_origins,
        allowed_hosts=settings.allowed_hosts,
        api_token=settings.api_token,
        api_read_token=settings.api_read_token,
        enter_above=settings.thresholds.enter_above,
        enter_below=settings.thresholds.enter_below,
        scrubber=Scrubber(settings.secrets()),
    )


class Services(Protocol):
    """The open service: what bot there is, its switches, and where events are written."""

    @property
    def snapshot_holder(self) -> SnapshotHolder:
        """Where the bot puts what it sees."""
        ...

    @property
    def control(self) -> BotControl:
        """The loop's switch."""
        ...

    @property
    def kill(self) -> KillControl:
        """The switch that stops entries."""
        ...

    @property
    def exits(self) -> HandExits:
        """Who closes positions by hand."""
        ...

    @property
    def account_control(self) -> AccountControl:
        """Who takes an operator's word on the account."""
        ...

    @property
    def readiness(self) -> Readiness:
        """Whether requests may be sent here."""
        ...

    @property
    def metrics(self) -> MetricsSource:
        """The figures that a Prometheus collects."""
        ...

    @property
    def decisions(self) -> DecisionSource:
        """Why there was a trade, or none, of late."""
        ...

    def market_detail(self, ticker: str) -> MarketDetail:
        """What this process knows of one market."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    @property
    def past(self) -> AccountHistory:
        """The past of the account. Raises StoreError while the database is not open."""
        ...

    @property
    def audit(self) -> AuditView:
        """Our account against the exchange's, as compared last."""
        ...

    @property
    def queue(self) -> Mapping[str, QueueView]:
        """The places of the orders that rest, by client order id; of the leader's alone."""
        ...

    @property
    def twin(self) -> TwinView:
        """How live orders compare with their paper twins."""
        ...

    @property
    def account(self) -> AccountView:
        """The account as it was once the last cycle was over."""
        ...

    @property
    def journal(self) -> Journal:
        """Where demo events are written."""
        ...

    @property
    def model(self) -> ModelMonitor:
        """The model's card, drift and track record."""
        ...

    @property
    def log_stats(self) -> LogStats:
        """Figures of the CSV logs."""
        ...

    @property
    def log_folder(self) -> Path:
        """Where the CSV logs are."""
        ...

    @property
    def whales(self) -> WhaleSource:
        """The detections of late, and what detections came to."""
        ...

    @property
    def coverage(self) -> Coverage | None:
        """How completely trades are known; None unless this process polls them."""
        ...

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...


OpenServices: TypeAlias = Callable[[], AbstractAsyncContextManager[Services]]


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _facts(request: Request) -> ServiceFacts:
    facts: ServiceFacts = request.app.state.facts
    return facts


async def _snapshot(request: Request) -> Snapshot:
    return (await _services(request)).snapshot_holder.snapshot


async def _wants_body(request: Request) -> bool:
    return not request.scope.get(HEAD_ONLY, False)


CurrentServices = Annotated[Services, Depends(_services)]
CurrentFacts = Annotated[ServiceFacts, Depends(_facts)]
CurrentSnapshot = Annotated[Snapshot, Depends(_snapshot)]
#: False if only the headers of the answer will be sent.
BodyWanted = Annotated[bool, Depends(_wants_body)]


async def refuse_foreign_pages(request: Request, facts: CurrentFacts) -> None:
    """Let no web page act but our own and the listed ones; clients without an Origin may.

    Raises a 403. A browser names the page's origin in every POST; curl and scripts do not.
    """
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is None:
        site = request.headers.get("sec-fetch-site", "none")
        own = site == "none" or (site == "same-origin" and _is_surely_ours(host, facts))
    else:
        # TLS may end before the service, so a page of ours may be either.
        ours = origin in {f"http://{host}", f"https://{host}"}
        own = origin in facts.cors_origins or (ours and _is_surely_ours(host, facts))
    if not own:
        raise HTTPException(
            403,
            "This page's origin may not act on the bot: list it in CORS_ORIGINS to allow it",
        )


def _is_surely_ours(host: str, facts: ServiceFacts) -> bool:
    """Whether a page that has our name is ours: see `hosts`. With a token it is what it brings."""
    return facts.api_token is not None or is_fixed(host) or Hosts(facts.allowed_hosts).lists(host)
