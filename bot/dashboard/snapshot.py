"""The state of the service as the API serves it.

The API never sees the engine. At the end of a cycle the bot makes one `Snapshot` of the views,
already serialised, and puts it into the `SnapshotHolder`. Leaves out the shapes (`views`) and what
is remembered between cycles (`activity_feed`).
"""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from bot.core.signals.regime import RegimeName
from bot.dashboard.timeline import fairly
from bot.ports.views import BotState, BotView, FeedView, Mode, Overview, RegimeView

#: How many of the newest the dashboard gets each time; the routes by kind give more.
SHOWN_WHALES: Final = 50
SHOWN_TIMELINE: Final = 100
SHOWN_NOTICES: Final = 50

#: The regime while no book is fresh.
UNKNOWN_REGIME: Final = RegimeView(id=-1, name="unknown")
_REGIME_IDS: Final = {RegimeName.CALM: 0, RegimeName.TRENDING: 1, RegimeName.CHAOTIC: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatus:
    """How the bot is doing. `error` is that of now, None once it works; `last_error` stays.

    The faults are sentences: why there is no model, why rows are lost, why the universe is not
    fresh, why a loop that should run is dead, why nothing can be committed. `closing` is the
    positions that operators want closed, by ticker, and why each is still open. The last six but
    that one are those of `Role`, of the very process that answers; the others are the leader's.
    """

    running: bool
    bot_enabled: bool
    mode: Literal["paper", "live"]
    interval_seconds: float
    loop_count: int = 0
    last_loop_start: datetime | None = None
    last_loop_finish: datetime | None = None
    last_update: datetime | None = None
    error: str | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    model_version: str = "none"
    model_fault: str | None = None
    journal_fault: str | None = None
    universe_fault: str | None = None
    loop_fault: str | None = None
    entries_stopped: str | None = None
    trading_halted: str | None = None
    next_pause: str | None = None
    orders_in_doubt: str | None = None
    account_note: str | None = None
    positions_count: int = 0
    total_exposure: float = 0.0
    watched_markets: int = 0
    stale_markets: int = 0
    leader: bool = False
    leads: str | None = None
    epoch: int | None = None
    killed: str | None = None
    disk_low: str | None = None
    odd_entries: str | None = None
    killed_until: str | None = None
    store_fault: str | None = None
    feed: FeedView | None = None
    closing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at a moment and its JSON; `gzip` None means not compressed (yet)."""

    state: BotState
    at: datetime
    body: bytes
    etag: str
    gzip: bytes | None = None


class SnapshotHolder:
    """The one cell that changes: the bot writes it, the API reads it."""

    __slots__ = ("_changed", "_snapshot", "status")

    def __init__(self, snapshot: Snapshot, status: BotStatus) -> None:
        self._changed = asyncio.Event()
        self._snapshot = snapshot
        self.status = status

    @property
    def snapshot(self) -> Snapshot:
        """What is shown."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def put_quietly(self, snapshot: Snapshot) -> None:
        """Show this to whoever asks, without waking long polls."""
        self._snapshot = snapshot

    async def newer(self) -> None:
        """Wait until another snapshot is shown."""
        await self._changed.wait()


def regime_view(name: RegimeName) -> RegimeView:
    """A regime with the number the dashboard knows it by."""
    return RegimeView(id=_REGIME_IDS[name], name=name.value)


def bot_view(status: BotStatus) -> BotView:
    """A status as JSON shows it."""
    fields = {name: getattr(status, name) for name in BotView.__struct_fields__}
    shown = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in fields.items()}
    return msgspec.convert(shown, BotView)


def status_of(view: BotView) -> BotStatus:
    """A status back from its JSON view."""
    return msgspec.convert(msgspec.to_builtins(view), BotStatus, strict=False)


def decoded(body: bytes) -> BotState:
    """A state that was published as JSON. Raises ValueError for what is none of this version."""
    try:
        return _reader.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"the published snapshot cannot be read: {error}") from error


def first_state(cash: float, status: BotStatus) -> BotState:
    """What is true before the first cycle: the cash is all there is."""
    mode: Mode = "LIVE" if status.mode == "live" else "PAPER"
    return BotState(
        overview=Overview(
            mode=mode, equity=cash, daily_pnl=0.0, total_exposure=0.0, open_positions=0
        ),
        regime=UNKNOWN_REGIME,
        markets=(),
        whales=(),
        timeline=(),
        notices=(),
        bot=bot_view(status),
    )


def snapshot(state: BotState, at: datetime) -> Snapshot:
    """The state with its JSON and a strong tag of it, not compressed; `packed` adds that.

    Raises ValueError naming the field if a number is NaN, infinite, missing or not a number.
    """
    body = msgspec.json.encode(_shown(state))
    _refuse_gaps(body)
    return Snapshot(state, at, body, etag=f'"{blake2b(body, digest_size=12).hexdigest()}"')


def packed(plain: Snapshot) -> Snapshot:
    """The same snapshot with its compressed form: pure, so a worker thread may do it."""
    return replace(plain, gzip=gzip.compress(plain.body, compresslevel=1, mtime=0))


def _shown(state: BotState) -> BotState:
    return msgspec.structs.replace(
        state,
        whales=state.whales[:SHOWN_WHALES],
        timeline=fairly(state.timeline, SHOWN_TIMELINE),
        notices=state.notices[:SHOWN_NOTICES],
    )


_reader: Final = msgspec.json.Decoder(BotState)


def _refuse_gaps(body: bytes) -> None:
    # NaN and infinity encode as null, which the dashboard crashes on. Reading the JSON back by
    # its types finds them all, wherever they are, for less than 1 µs a market.
    try:
        _reader.decode(body)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"the state cannot be shown: {error} (NaN and infinity read as null)"
        ) from error
