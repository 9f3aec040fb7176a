"""Conditions that last: alerted once they have lasted long enough, and again once they are over.

Each is a row of a table: how it is found in the state of the service, how long it may last before
an alert, and what is said once it is over. Only the leader alerts of trading; the others would say
the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.alerts.alert import Alert, AlertKind, Severity, spoken
from bot.core.staleness import late_after

#: Errors and drift may last this long unsaid.
PERSISTING: Final = timedelta(minutes=5)
#: Nobody may lead for this long: a takeover takes a part of it.
LEADERLESS: Final = timedelta(minutes=1)
#: A trouble is over when it has not been seen for this long: one that comes and goes is one.
CALM: Final = timedelta(minutes=1)
_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCondition:
    """How the service stands; a fault is a sentence, None where all is well.

    `leads` names whoever leads. `error` is what the last cycle failed at. `cycle_age` is seconds
    since a cycle last ended, None before the first; `interval` those from one start to the next.
    `drifted` are the features that drifted.
    """

    leader: bool
    running: bool
    leads: str | None = None
    loop_fault: str | None = None
    killed: str | None = None
    store_fault: str | None = None
    journal_fault: str | None = None
    model_fault: str | None = None
    error: str | None = None
    cycle_age: float | None = None
    interval: float = 60.0
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """The condition now, whether this process ever led, and whether it has run since it leads."""

    now: NodeCondition
    led: bool
    ran: bool


def _never(_: _Seen) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of trouble; `found` says what is wrong now, `over` what is said after it.

    While it is `unclear` whether there is one, it neither begins nor ends.
    """

    kind: AlertKind
    severity: Severity
    patience: timedelta
    found: Callable[[_Seen], str | None]
    over: str
    anywhere: bool = False
    unclear: Callable[[_Seen], bool] = _never


@dataclass(slots=True)
class _Case:
    """A trouble in progress: since when, whether it was alerted, since when it is not seen."""

    since: datetime | None = None
    reported: bool = False
    calm: datetime | None = None


class Troubles:
    """Watches the condition of the service."""

    def __init__(self) -> None:
        self._led = False
        self._ran = False
        self._cases = {trouble.kind: _Case() for trouble in TROUBLES}

    def after(self, condition: NodeCondition, at: datetime) -> list[Alert]:
        """The alerts that are due now."""
        self._led = self._led or condition.leader
        self._ran = condition.leader and (self._ran or condition.running)
        seen = _Seen(condition, self._led, self._ran)
        alerts = [self._evaluate(trouble, seen, at) for trouble in TROUBLES]
        return [alert for alert in alerts if alert is not None]

    def _evaluate(self, trouble: Trouble, seen: _Seen, at: datetime) -> Alert | None:
        case = self._cases[trouble.kind]
        if not (trouble.anywhere or seen.now.leader):
            # Whoever leads now finds it, if it is still there.
            self._cases[trouble.kind] = _Case()
            return None
        if trouble.unclear(seen):
            return None
        if (message := trouble.found(seen)) is not None:
            return _lasting(trouble, case, message, at)
        if not case.reported:
            self._cases[trouble.kind] = _Case()
            return None
        case.calm = case.calm or at
        if at - case.calm < CALM:
            return None
        self._cases[trouble.kind] = _Case()
        lasted = spoken(case.calm - (case.since or case.calm))
        return Alert(AlertKind.RECOVERED, Severity.INFO, f"{trouble.over}, after {lasted}", at)


def _lasting(trouble: Trouble, case: _Case, message: str, at: datetime) -> Alert | None:
    case.since = case.since or at
    case.calm = None
    if case.reported or at - case.since < trouble.patience:
        return None
    case.reported = True
    return Alert(trouble.kind, trouble.severity, message, at)


def _unknown_leader(seen: _Seen) -> bool:
    # Without the database nobody knows who leads: that is a trouble of its own.
    return seen.now.store_fault is not None


def _lease_lost(seen: _Seen) -> str | None:
    if seen.now.leader or not seen.led:
        return None
    return f"This process no longer leads; {seen.now.leads or 'nobody'} does"


def _no_leader(seen: _Seen) -> str | None:
    return None if seen.now.leader or seen.now.leads else "No leader: nothing trades"


def _stopped(seen: _Seen) -> str | None:
    if seen.now.loop_fault:
        return f"Trading stopped: {seen.now.loop_fault}"
    return "Trading stopped: the bot was stopped" if seen.ran and not seen.now.running else None


def _late(seen: _Seen) -> str | None:
    now = seen.now
    if now.cycle_age is None or now.cycle_age <= late_after(now.interval):
        return None
    return f"No cycle has ended for {now.cycle_age:.0f} s, one is due every {now.interval:g} s"


def _is_stopped(seen: _Seen) -> bool:
    return not seen.now.running


def _drifted(seen: _Seen) -> str | None:
    names = seen.now.drifted
    return f"Feature drift from the training data: {', '.join(names)}" if names else None


def _fault(what: str, read: Callable[[NodeCondition], str | None]) -> Callable[[_Seen], str | None]:
    def found(seen: _Seen) -> str | None:
        fault = read(seen.now)
        return f"{what}: {fault}" if fault else None

    return found


_KILLED: Final = _fault("Kill switch on, no entries", lambda now: now.killed)
_STORE: Final = _fault("The database cannot be written", lambda now: now.store_fault)
_ERRORS: Final = _fault("Cycles have been failing for 5 minutes", lambda now: now.error)
_MODEL: Final = _fault("No usable model, every signal is HOLD", lambda now: now.model_fault)
_LOGS: Final = _fault("Rows of the CSV logs are being lost", lambda now: now.journal_fault)

TROUBLES: Final[tuple[Trouble, ...]] = (
    Trouble(
        *(AlertKind.LEASE_LOST, Severity.CRITICAL, _NOW, _lease_lost),
        over="This process leads again",
        anywhere=True,
        unclear=_unknown_leader,
    ),
    Trouble(
        *(AlertKind.NO_LEADER, Severity.CRITICAL, LEADERLESS, _no_leader),
        over="There is a leader again",
        anywhere=True,
        unclear=_unknown_leader,
    ),
    Trouble(
        *(AlertKind.DATABASE, Severity.CRITICAL, _NOW, _STORE),
        over="The database can be written again",
        anywhere=True,
    ),
    Trouble(AlertKind.TRADING_STOPPED, Severity.CRITICAL, _NOW, _stopped, "The bot runs again"),
    Trouble(AlertKind.KILLED, Severity.CRITICAL, _NOW, _KILLED, "The kill switch is off again"),
    Trouble(
        *(AlertKind.LATE, Severity.CRITICAL, _NOW, _late),
        over="Cycles complete again",
        unclear=_is_stopped,
    ),
    Trouble(AlertKind.ERRORS, Severity.WARNING, PERSISTING, _ERRORS, "Cycles succeed again"),
    Trouble(
        AlertKind.DRIFT,
        Severity.WARNING,
        PERSISTING,
        _drifted,
        "No feature drifts any more",
    ),
    Trouble(AlertKind.MODEL, Severity.WARNING, _NOW, _MODEL, "A usable model is loaded again"),
    Trouble(AlertKind.LOGS, Severity.WARNING, _NOW, _LOGS, "The logs are written again"),
)
