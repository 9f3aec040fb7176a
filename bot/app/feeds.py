"""Which way order books come: chosen by the settings, joined to the exchange that they name."""

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bot.app.execution_backends import key_holder
from bot.config import Settings
from bot.core.market.book_store import BookStore
from bot.kalshi.auth import Signer
from bot.kalshi.client import KalshiClient
from bot.kalshi.feed import PolledFeed, StreamedFeed
from bot.kalshi.stream.connection import Opener, StreamConnection, websocket
from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.stream.rules import StreamRules
from bot.ports.account_hints import AccountHints
from bot.ports.exchange import Clock

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from bot.tape.stream_recorder import StreamRecorder

#: Why books are polled although nobody asked for that.
NO_KEY: Final = "the exchange streams to keys only: set KALSHI_API_KEY and KALSHI_SECRET"
ASKED_FOR: Final = "FEED=poll"
#: Who reads the stream of the embedded exchange.
READER: Final = "stream"


@dataclass(frozen=True, slots=True)
class EmbeddedExchange:
    """One that lives and ends with this process; its key was made for it alone."""

    app: "Starlette"
    signer: Signer


def embedded(settings: Settings, clock: Clock) -> EmbeddedExchange:
    """The exchange that the settings ask for inside this process."""
    # Who trades on Kalshi should not wait for an exchange of our own to be imported.
    from bot.sim.rest.auth import KeyRing  # noqa: PLC0415
    from bot.sim.rest.keys import KeyKind, made_key  # noqa: PLC0415
    from bot.sim.rest.server import create_exchange_app  # noqa: PLC0415
    from bot.sim.world.demo import demo_exchange  # noqa: PLC0415

    place, driver = demo_exchange(clock, settings.sim_seed, settings.sim_speed)
    place.open_account(READER, {})
    key, pem = made_key(READER, KeyKind.ED25519, frozenset({"read"}))
    app = create_exchange_app(place, driver, clock, KeyRing({key.key_id: key}))
    return EmbeddedExchange(app, Signer(key.key_id, pem, clock))


@dataclass(frozen=True, slots=True)
class FeedParts:
    """A feed that is to be run, what records it, if that is asked for, and what it hints at."""

    feed: PolledFeed | StreamedFeed
    recorder: "StreamRecorder | None" = None
    hints: AccountHints = field(default_factory=AccountHints)


def feed_of(
    settings: Settings, rest: KalshiClient, clock: Clock, inside: EmbeddedExchange | None
) -> FeedParts:
    """The feed that the settings ask for. Raises ValueError for a needed key that cannot sign."""
    if settings.feed == "poll":
        return _polled(settings, rest, clock, ASKED_FOR)
    try:
        signer = inside.signer if inside else key_holder(settings, clock)
    except ValueError as error:
        if needs_key(settings):
            raise
        return _polled(settings, rest, clock, f"the key cannot sign: {error}", is_fault=True)
    if signer is None:
        return _polled(settings, rest, clock, NO_KEY)
    hints = AccountHints()
    # On paper nothing that happens to the account of the key is the bot's.
    on_account = hints.note if settings.bot_mode == "live" else None
    protocol = StreamProtocol(BookStore(), _rules(settings), on_account)
    recorder = _recorder(settings, protocol.store, clock)
    if recorder is not None:
        protocol.listeners.append(recorder)
    opener = _opener(settings, inside)
    connection = StreamConnection(protocol, opener, signer.headers, clock, random.random)
    return FeedParts(StreamedFeed(rest, protocol, connection, clock, recorder), recorder, hints)


def needs_key(settings: Settings) -> bool:
    """Whether the service cannot do what it is asked to without a key that signs."""
    return settings.bot_mode == "live" or (settings.feed == "stream" and not settings.is_embedded)


def _polled(
    settings: Settings, rest: KalshiClient, clock: Clock, reason: str, *, is_fault: bool = False
) -> FeedParts:
    recorder = _recorder(settings, None, clock)
    return FeedParts(PolledFeed(rest, clock, reason, recorder, is_fault=is_fault), recorder)


def _recorder(settings: Settings, store: BookStore | None, clock: Clock) -> "StreamRecorder | None":
    if not settings.record:
        return None
    # Whoever records nothing should not wait for pyarrow.
    from bot.tape.stream_recorder import StreamRecorder  # noqa: PLC0415

    return StreamRecorder(settings.record_dir, store, clock, settings.record_max_mb)


def _opener(settings: Settings, inside: EmbeddedExchange | None) -> Opener:
    if inside is None:
        return websocket(settings.stream_url, settings.outbound)
    from bot.sim.stream.in_process import InProcessStream  # noqa: PLC0415  # as above

    return InProcessStream(inside.app)


def _rules(settings: Settings) -> StreamRules:
    # Where a second takes more or less than one, the times of events say nothing about lateness.
    return StreamRules(checks_lag=settings.sim_speed == 1.0 or not settings.is_embedded)
