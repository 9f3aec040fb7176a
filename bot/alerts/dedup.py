"""What keeps alerts from becoming noise: repeats wait, and a flood is summed up.

Nothing is passed over in silence. Of news about one thing the first goes out at once and the
latest when its time has come, with the count of those between; a summary says what a flood held.
Reads no clock; memory is bounded.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.alerts.alert import Alert, AlertKind, Severity

#: About one thing there is one alert in this time.
WINDOW: Final = timedelta(minutes=10)
#: Alerts in any minute at most. What is urgent has room that the rest cannot take.
A_MINUTE: Final[Mapping[Severity, int]] = MappingProxyType(
    {Severity.INFO: 10, Severity.WARNING: 15, Severity.CRITICAL: 20}
)
MINUTE: Final = timedelta(minutes=1)
#: Things remembered.
MOST: Final = 1_000


@dataclass(slots=True)
class _Said:
    """When a thing was last told of, how much news came since, and the latest of it."""

    at: datetime
    more: int = 0
    latest: Alert | None = None


class Gate:
    """Passes alerts on, delays them, or counts them as `suppressed`."""

    def __init__(self) -> None:
        self.suppressed = 0
        self._said: OrderedDict[str, _Said] = OrderedDict()
        self._lately: deque[datetime] = deque(maxlen=max(A_MINUTE.values()))
        self._held: Counter[AlertKind] = Counter()
        self._held_since: datetime | None = None

    @property
    def waiting(self) -> int:
        """Alerts that wait for their time."""
        return sum(said.latest is not None for said in self._said.values())

    def passed(self, alert: Alert) -> Alert | None:
        """The alert as it may go out now; None if it has to wait, or is one too many."""
        said = self._said.get(alert.about) if alert.about is not None else None
        if said is None:
            return self._let_through(alert, alert.at)
        self.suppressed += said.latest is not None
        said.more += 1
        if alert.at - said.at < WINDOW:
            said.latest = alert
            return None
        said.latest = None
        return self._let_through(_counting(alert, said), alert.at)

    def due(self, at: datetime) -> list[Alert]:
        """What has waited long enough, and the summary of a flood; to be asked now and then."""
        over = [(about, said) for about, said in self._said.items() if at - said.at >= WINDOW]
        for about, said in over:
            if said.latest is None:
                del self._said[about]
        waited = [
            self._let_through(_counting(said.latest, said), at) for _, said in over if said.latest
        ]
        return [alert for alert in (*waited, self._summary(at)) if alert is not None]

    def _summary(self, at: datetime) -> Alert | None:
        if self._held_since is None or at - self._held_since < MINUTE:
            return None
        if not self._has_room(Severity.WARNING, at):
            return None
        kinds = ", ".join(f"{count} {kind}" for kind, count in self._held.most_common())
        message = f"Too many alerts at once; {self._held.total()} were held back: {kinds}"
        self._held.clear()
        self._held_since = None
        return self._let_through(Alert(AlertKind.HELD_BACK, Severity.WARNING, message, at), at)

    def _has_room(self, severity: Severity, at: datetime) -> bool:
        return sum(at - sent < MINUTE for sent in self._lately) < A_MINUTE[severity]

    def _hold(self, alert: Alert, at: datetime) -> None:
        self.suppressed += 1
        self._held[alert.kind] += 1
        self._held_since = self._held_since or at
        if alert.about is not None:
            self._said.pop(alert.about, None)

    def _let_through(self, alert: Alert, at: datetime) -> Alert | None:
        if not self._has_room(alert.severity, at):
            self._hold(alert, at)
            return None
        self._lately.append(at)
        if alert.about is not None:
            self._remember(alert.about, at)
        return alert

    def _remember(self, about: str, at: datetime) -> None:
        self._said[about] = _Said(at)
        self._said.move_to_end(about)
        if len(self._said) > MOST:
            _, forgotten = self._said.popitem(last=False)
            self.suppressed += forgotten.latest is not None


def _counting(alert: Alert, said: _Said) -> Alert:
    """The alert with the count of those about the same thing that it stands for."""
    others = said.more - 1
    if not others:
        return alert
    return replace(alert, message=f"{alert.message} (and {others} more since {said.at:%H:%M} UTC)")
