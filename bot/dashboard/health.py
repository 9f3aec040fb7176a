"""What can be wrong with the service, in one table: for `/health`, `/ready` and the documents.

A condition is read from the status, says what is wrong in a sentence, and has a remedy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.core.staleness import fresh_for, hangs_after
from bot.dashboard.snapshot import BotStatus
from bot.ports.views import Check


class Stops(StrEnum):
    """What a condition keeps the bot from doing."""

    ALL = "all trading"
    ORDERS = "orders"
    ENTRIES = "entries"
    SOME = "orders of the markets named"
    SIGNALS = "signals, and with them entries and exits by score"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Observed:
    """The status at a moment, and seconds since the state it goes with was made."""

    status: BotStatus
    age: float


@dataclass(frozen=True, slots=True)
class Condition:
    """A row of the table: `found` is the sentence that stands in `/health`, None if all is well."""

    name: str
    stops: Stops
    found: Callable[[Observed], str | None]
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """A check of `/ready`, from the status, the time, and whether the stream must be there."""

    name: str
    check: Callable[[BotStatus, datetime, bool], Check]
    meaning: str


def reasons(status: BotStatus, now: datetime, shown_at: datetime) -> tuple[str, ...]:
    """What is wrong, a sentence each; empty if all is well. A bot that was stopped is well."""
    seen = Observed(status, (now - (status.last_update or shown_at)).total_seconds())
    found = (condition.found(seen) for condition in CONDITIONS)
    return tuple(fault for fault in found if fault)


def readiness(
    status: BotStatus, now: datetime, *, stream_required: bool = False
) -> Mapping[str, Check]:
    """What must hold for requests to be sent here, by name.

    With `stream_required` a service that polls meanwhile is not ready.
    """
    return {one.name: one.check(status, now, stream_required) for one in REQUIREMENTS}


def seconds_since_cycle(status: BotStatus, now: datetime) -> float | None:
    """Seconds since a cycle last ended; None before the first."""
    return None if status.last_update is None else (now - status.last_update).total_seconds()


def _data(status: BotStatus, now: datetime, _: bool) -> Check:
    age = seconds_since_cycle(status, now)
    if status.leads and not status.running:
        return Check(ok=status.loop_fault is None, detail=status.loop_fault or "the bot is stopped")
    if age is None:
        return Check(ok=False, detail="no cycle has ended yet")
    if status.stale_markets >= status.watched_markets:
        return Check(ok=False, detail="no market has a fresh book")
    is_fresh = age <= fresh_for(status.interval_seconds)
    return Check(ok=is_fresh, detail=f"the state is {age:.1f} s old")


def _database(status: BotStatus, _: datetime, __: bool) -> Check:
    fault = status.store_fault
    return Check(ok=fault is None, detail=fault or "all writes succeed")


def _lease(status: BotStatus, _: datetime, __: bool) -> Check:
    if status.leads is None:
        return Check(ok=False, detail="no leader")
    who = "this process" if status.leader else status.leads
    return Check(ok=True, detail=f"{who} leads, term {status.epoch}")


def _feed(status: BotStatus, _: datetime, required: bool) -> Check:
    feed = status.feed
    if feed is None:
        return Check(ok=not required, detail="no order book has been asked for yet")
    if feed.source == "stream":
        return Check(ok=True, detail=f"{feed.subscriptions} order books are streamed")
    return Check(ok=not required, detail=f"order books are polled: {feed.reason}")


def _store_fault(seen: Observed) -> str | None:
    status = seen.status
    return _unsaid(status.store_fault, status.error, status.entries_stopped)


def _leaderless(seen: Observed) -> str | None:
    # Without the database it is not known who leads.
    known = seen.status.store_fault is None
    return "No leader: nothing trades" if known and not seen.status.leads else None


def _killed(seen: Observed) -> str | None:
    # The loop says so after its next pass only, which may be a minute away.
    unsaid = _unsaid(seen.status.killed, seen.status.entries_stopped)
    return f"killed ({unsaid})" if unsaid else None


def _hanging(seen: Observed) -> str | None:
    if not seen.status.running or seen.age <= hangs_after(seen.status.interval_seconds):
        return None
    why = "the loop may hang"
    if seen.status.store_fault is not None:
        why = "a newer one is shown once it can be kept"
    return f"The state is {seen.age:.0f} s old; {why}"


def _blind(seen: Observed) -> str | None:
    # A few may be quiet or closing.
    stale, watched = seen.status.stale_markets, seen.status.watched_markets
    if not seen.status.running or stale * 2 <= watched:
        return None
    return f"{stale} of {watched} markets have stale books"


def _unsaid(fault: str | None, *said: str | None) -> str | None:
    """The fault, unless it has been told within other words already."""
    return None if fault and any(fault in one for one in said if one) else fault


CONDITIONS: Final = (
    Condition(
        *("store_fault", Stops.ORDERS, _store_fault),
        "The database cannot be written, so no order could be booked",
        "Give the disk room, or bring the database back; what happened meanwhile is kept and "
        "written then",
    ),
    Condition(
        *("leads", Stops.ALL, _leaderless),
        "No process holds the lease",
        "Wait for `LEASE_SECONDS`; then look whether any process runs and reaches the database",
    ),
    Condition(
        *("loop_fault", Stops.ALL, lambda seen: seen.status.loop_fault),
        "The loop ended on a fault of the program",
        "Look at its trace in the log; `POST /bot/start` starts it again",
    ),
    Condition(
        *("error", Stops.NOTHING, lambda seen: seen.status.error),
        "The last cycle failed at something; the next one tries again",
        "If it stays: the exchange's status page, the network, the key",
    ),
    Condition(
        *("model_fault", Stops.SIGNALS, lambda seen: seen.status.model_fault),
        "There is no usable model: every signal is HOLD",
        "`MODEL_PATH`, its card beside it, and the pinned versions of requirements.txt",
    ),
    Condition(
        *("journal_fault", Stops.NOTHING, lambda seen: seen.status.journal_fault),
        "Rows of the CSV logs are being lost; the database has all of it",
        "Room and rights of `LOG_DIR`",
    ),
    Condition(
        "universe_fault",
        Stops.NOTHING,
        lambda seen: _unsaid(seen.status.universe_fault, seen.status.error),
        "The list of markets, or the fees of some, are not those of now; no market is entered "
        "whose fees are not known",
        "They are asked for again within a minute",
    ),
    Condition(
        *("entries_stopped", Stops.ENTRIES, lambda seen: seen.status.entries_stopped),
        "A limit, the kill switch, or a position that differs from the exchange's",
        "As it says: see [Risk](risk.md); `GET /limits` shows what is used up",
    ),
    Condition(
        "trading_halted",
        Stops.SOME,
        lambda seen: seen.status.trading_halted if seen.status.running else None,
        "The exchange pauses trading, in all markets or on a shard",
        "Wait: it is asked again each cycle",
    ),
    Condition(
        *("orders_in_doubt", Stops.SOME, lambda seen: seen.status.orders_in_doubt),
        "An order was sent and its answer lost: it may have traded",
        "It is asked for each half second; see [Live trading](live-trading.md) if it stays",
    ),
    Condition(
        *("account_note", Stops.NOTHING, lambda seen: seen.status.account_note),
        "The account at the exchange has cash or orders that are not the bot's, or a position that "
        "cannot be read (no entries there)",
        "`GET /audit` shows both sides",
    ),
    Condition(
        *("feed.fault", Stops.NOTHING, lambda seen: seen.status.feed and seen.status.feed.fault),
        "Books are polled because a setting of the stream is wrong",
        "As it says: `KALSHI_API_KEY`, `KALSHI_SECRET` and `KALSHI_ENV` belong together",
    ),
    Condition(
        *("killed", Stops.ENTRIES, _killed),
        "The kill switch is on",
        "What `killed_until` says: `POST /bot/resume`, or remove the file",
    ),
    Condition(
        "disk_low",
        Stops.NOTHING,
        lambda seen: _unsaid(seen.status.disk_low, seen.status.killed),
        "A disk of database or logs has less than 1 GB left; below 100 MB entries stop",
        "Give it room: `KEEP_DAYS`, `LOG_KEEP_DAYS`, `LOG_MAX_TOTAL_MB`, `RECORD_MAX_MB`",
    ),
    Condition(
        *("odd_entries", Stops.NOTHING, lambda seen: seen.status.odd_entries),
        "Entries of the exchange's answers that could not be read in the last ten minutes are "
        "left out",
        "Update, if there is a newer version: the exchange may have changed a field",
    ),
    Condition(
        *("last_update", Stops.ALL, _hanging),
        "No cycle has ended for three intervals (15 s at least)",
        "The log says what it does; restart it if nothing",
    ),
    Condition(
        *("stale_markets", Stops.SOME, _blind),
        "More than half of the watched markets have no sound book of now",
        "`reason` in `/state/markets` says why for each",
    ),
)

REQUIREMENTS: Final = (
    Requirement(
        *("data", _data),
        "A cycle has ended within two intervals (10 s at least) and a market has a fresh book; or "
        "the bot was stopped on purpose",
    ),
    Requirement("database", _database, "All that happened could be written"),
    Requirement("lease", _lease, "Somebody leads: this process or another"),
    Requirement("feed", _feed, "With `FEED=stream`: books are streamed, not polled meanwhile"),
)
