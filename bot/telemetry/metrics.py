"""Metrics for Prometheus: counters and durations as views of events, gauges read at a scrape.

Each `Metrics` has a registry of its own, so two of them in one process know nothing of each
other. What is counted is in `counters`, what is read in `gauges`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot.core.events import CycleFinished, CycleStarted, Event
from bot.telemetry import loop_lag
from bot.telemetry.counters import COUNTERS, EventCounters, counts
from bot.telemetry.gauges import PREFIX, READINGS, GaugeReader, Gauges
from bot.telemetry.loop_lag import LoopLag

__all__ = ["Gauges", "LoopLag", "Metrics", "described"]

#: From a cycle over a few books in this process to one that waits for a slow exchange.
_DURATIONS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DURATION: Final = ("cycle_duration_seconds", "Time from the start of a cycle to its end, seconds")


class Metrics:
    """Counts events, and renders them and the gauges as Prometheus text."""

    def __init__(self, read: Callable[[], Gauges], lag: LoopLag | None = None) -> None:
        """`read` is asked at each scrape; `lag` is exposed, too, and watched by the owner."""
        self._registry = CollectorRegistry()
        self._counters = {event_counters: _counter(event_counters) for event_counters in COUNTERS}
        self._duration = Histogram(
            PREFIX + _DURATION[0], _DURATION[1], registry=None, buckets=_DURATIONS
        )
        self._began: CycleStarted | None = None
        collectors = (*self._counters.values(), self._duration, GaugeReader(read), lag)
        for collector in collectors:
            if collector is not None:
                self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def on_events(self, events: Sequence[Event]) -> None:
        # Summed up first: a cycle over a thousand markets is a thousand signals of four kinds.
        sums: defaultdict[tuple[EventCounters, tuple[str, ...]], float] = defaultdict(float)
        for event in events:
            self._time(event)
            for event_counters, values, amount in counts(event):
                sums[event_counters, values] += amount
        for (event_counters, values), amount in sums.items():
            counter = self._counters[event_counters]
            (counter.labels(*values) if values else counter).inc(amount)

    def render(self) -> tuple[bytes, str]:
        """All metrics as text, and its content type."""
        return generate_latest(_Plain(self._registry)), CONTENT_TYPE_PLAIN_0_0_4

    def _time(self, event: Event) -> None:
        match event:
            case CycleStarted():
                self._began = event
            case CycleFinished() if self._began and self._began.number == event.number:
                self._duration.observe((event.at - self._began.at).total_seconds())


def described() -> list[tuple[str, str, str]]:
    """Name, kind and meaning of each metric of ours, labels in braces, for the README."""
    counted = [(_labelled(one.name, *one.labels), "counter", one.help) for one in COUNTERS]
    read = [(_labelled(one.name, one.label), one.kind, one.help) for one in READINGS]
    timed = [(PREFIX + name, "histogram", text) for name, text in (_DURATION, loop_lag.LAG)]
    return sorted(
        [*counted, *read, *timed, (PREFIX + loop_lag.LONGEST[0], "gauge", loop_lag.LONGEST[1])]
    )


class _Plain:
    """A registry without the creation times of counters, which would double the answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


def _counter(counts: EventCounters) -> Counter:
    """A counter that has all its series, at 0: a rate over the first event needs the 0."""
    counter = Counter(PREFIX + counts.name, counts.help, tuple(counts.labels), registry=None)
    for values in filter(None, counts.all_values()):
        counter.labels(*values)
    return counter


def _labelled(name: str, *labels: str) -> str:
    named = ", ".join(filter(None, labels))
    return PREFIX + name + (f"{{{named}}}" if named else "")
