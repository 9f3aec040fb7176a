"""What is read at the moment of a scrape: a frozen value of the owner, exposed line by line.

A figure that is not known (None, or not a number) is not exposed at all: absence is never 0.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PREFIX: Final = "kalshiproto_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Current readings: dollars, seconds, counts; None is not known and not exposed.

    `daily_pnl` is since 00:00 UTC, `realised` after fees. Ages are seconds since a book was seen
    and since a cycle last ended. `budget_used` is the share of the outbound budget that is spent
    now, in [0, 1]; `budget_rate` what it allows, requests a second; `requests` what it let pass
    since the start. `alerts` and `events_dropped` are counts since the start.
    """

    equity: float | None = None
    cash: float | None = None
    exposure: float | None = None
    daily_pnl: float | None = None
    realised: float | None = None
    open_positions: int | None = None
    cycle_age: float | None = None
    book_age_max: float | None = None
    book_age_median: float | None = None
    markets_watched: int | None = None
    markets_stale: int | None = None
    requests: int | None = None
    budget_used: float | None = None
    budget_rate: float | None = None
    leader: bool | None = None
    lease_epoch: int | None = None
    lease_seconds_left: float | None = None
    store_fault: bool | None = None
    journal_fault: bool | None = None
    model_fault: bool | None = None
    features_drifted: int | None = None
    running: bool | None = None
    killed: bool | None = None
    entries_stopped: bool | None = None
    orders_waiting: int | None = None
    events_pending: int | None = None
    events_dropped: int | None = None
    alerts_queued: int | None = None
    alerts: Mapping[str, int] | None = None
    feed_streamed: bool | None = None
    feed_subscriptions: int | None = None
    feed_gaps: int | None = None
    feed_resyncs: int | None = None
    feed_dropped: int | None = None
    feed_age: float | None = None


Figure: TypeAlias = float | Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of `Gauges`: its name without the prefix, what it is, where it is read.

    With a `label` it is several figures by the values of that label.
    """

    name: str
    help: str
    read: Callable[[Gauges], Figure]
    kind: Literal["gauge", "counter"] = "gauge"
    label: str = ""


READINGS: Final[tuple[Reading, ...]] = (
    Reading(
        "equity_dollars",
        "Cash and what closing everything would fetch, dollars",
        lambda g: g.equity,
    ),
    Reading("cash_dollars", "Cash, dollars", lambda g: g.cash),
    Reading("exposure_dollars", "The most that can still be lost, dollars", lambda g: g.exposure),
    Reading(
        "daily_pnl_dollars",
        "Profit or loss since 00:00 UTC, fees included, dollars",
        lambda g: g.daily_pnl,
    ),
    Reading(
        "realised_pnl_dollars",
        "Profit or loss of all that is closed, after fees, dollars",
        lambda g: g.realised,
    ),
    Reading("open_positions", "Open positions", lambda g: g.open_positions),
    Reading("cycle_age_seconds", "Seconds since a cycle last ended", lambda g: g.cycle_age),
    Reading(
        "book_age_max_seconds", "Age of the oldest book watched, seconds", lambda g: g.book_age_max
    ),
    Reading(
        "book_age_median_seconds", "Age of the median book, seconds", lambda g: g.book_age_median
    ),
    Reading("markets_watched", "Markets watched", lambda g: g.markets_watched),
    Reading("markets_stale", "Watched markets without a sound book", lambda g: g.markets_stale),
    Reading(
        "exchange_requests_total",
        "Requests admitted by the outbound budget",
        lambda g: g.requests,
        "counter",
    ),
    Reading(
        "exchange_budget_used_ratio",
        "Share of the outbound budget spent now, 0 to 1",
        lambda g: g.budget_used,
    ),
    Reading(
        "exchange_budget_requests_per_second",
        "Requests a second that the budget allows",
        lambda g: g.budget_rate,
    ),
    Reading("leader", "1 if this process leads, 0 if it stands by", lambda g: g.leader),
    Reading("lease_epoch", "The term of the lease", lambda g: g.lease_epoch),
    Reading(
        "lease_left_seconds",
        "Seconds for which this process is still sure of the lease",
        lambda g: g.lease_seconds_left,
    ),
    Reading("store_fault", "1 if the database cannot be written", lambda g: g.store_fault),
    Reading("journal_fault", "1 if rows of the CSV logs are being lost", lambda g: g.journal_fault),
    Reading("model_fault", "1 if there is no usable model", lambda g: g.model_fault),
    Reading(
        "features_drifted",
        "Features that drifted from the training data",
        lambda g: g.features_drifted,
    ),
    Reading("running", "1 if the loop runs", lambda g: g.running),
    Reading("killed", "1 if the kill switch is on", lambda g: g.killed),
    Reading("entries_stopped", "1 while entries are stopped", lambda g: g.entries_stopped),
    Reading("orders_waiting", "Orders in doubt", lambda g: g.orders_waiting),
    Reading("events_pending", "Events not yet committed", lambda g: g.events_pending),
    Reading(
        "events_dropped_total",
        "Events dropped while the database was unavailable",
        lambda g: g.events_dropped,
        "counter",
    ),
    Reading(
        "feed_streamed",
        "1 while order books are streamed, 0 while they are polled",
        lambda g: g.feed_streamed,
    ),
    Reading(
        "feed_subscriptions",
        "Markets whose order books are streamed",
        lambda g: g.feed_subscriptions,
    ),
    Reading(
        "feed_age_seconds",
        "Age of the books that cycles read, 99th percentile, seconds",
        lambda g: g.feed_age,
    ),
    Reading(
        "feed_gaps_total",
        "Times that frames of the stream were missed",
        lambda g: g.feed_gaps,
        "counter",
    ),
    Reading(
        "feed_resyncs_total",
        "Snapshots asked for because a book could not be trusted",
        lambda g: g.feed_resyncs,
        "counter",
    ),
    Reading(
        "feed_dropped_total",
        "What the stream had no room for, or could not read",
        lambda g: g.feed_dropped,
        "counter",
    ),
    Reading("alerts_queued", "Alerts that wait to be sent", lambda g: g.alerts_queued),
    Reading(
        "alerts_total",
        "Alerts by outcome",
        lambda g: g.alerts,
        "counter",
        label="result",
    ),
)


class GaugeReader:
    """Reads the current values for each scrape."""

    def __init__(self, read: Callable[[], Gauges]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The figures that are known."""
        gauges = self._read()
        for reading in READINGS:
            known = _known(reading.read(gauges))
            if known:
                yield _family(reading, known)


def _known(figure: Figure) -> dict[str, float]:
    """The figures that are numbers, by label value; "" without a label."""
    if figure is None:
        return {}
    readings = figure if isinstance(figure, Mapping) else {"": figure}
    return {value: float(one) for value, one in readings.items() if isfinite(one)}


def _family(reading: Reading, known: Mapping[str, float]) -> Metric:
    kind = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
    family = kind(
        PREFIX + reading.name, reading.help, labels=[reading.label][: bool(reading.label)]
    )
    for value, figure in known.items():
        family.add_metric([value][: bool(reading.label)], figure)
    return family
