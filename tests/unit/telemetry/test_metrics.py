"""Metrics as Prometheus reads them: parsed with its own parser."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from bot.core.events import (
    Action,
    CycleFinished,
    CycleStarted,
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    FillMarkedOut,
    MarketSettled,
    MarketsFetched,
    Noted,
    NoteKind,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    OrderUnresolved,
    PnlMarked,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    RegimeChanged,
    SignalMade,
    WhaleEnded,
    WhaleSeen,
)
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.model.fill_markouts import FillKind
from bot.core.risk.limits import Stop
from bot.core.signals.regime import RegimeName
from bot.core.whales.detector import SideBias, Whale, WhaleType
from bot.core.whales.endings import Ending, EndingKind
from bot.kalshi.wire.books import TOO_FINE
from bot.ports.exchange import NOT_ANSWERED
from bot.telemetry import counters
from bot.telemetry.counters import failure_kind
from bot.telemetry.gauges import READINGS
from bot.telemetry.metrics import Gauges, LoopLag, Metrics, described
from tests.support.strategies import NOON

ORDER = Order("id-1", "KXA", Side.BUY, Decimal(10), Decimal("0.40"), NOON)
FILLS = tuple(
    Fill(f"f{n}", "id-1", "KXA", Side.BUY, Decimal("2.5"), Decimal("0.4"), Decimal("0.07"), NOON)
    for n in range(2)
)
WHALE = Whale(
    ticker="KXA",
    type=WhaleType.LARGE_BID,
    size=Decimal(9_000),
    price=Decimal("0.4"),
    notional=Decimal(3_600),
    depth_share=0.9,
    imbalance_strength=0.4,
    max_bid_size=9_000.0,
    max_ask_size=10.0,
    side_bias=SideBias.BUY,
    why="large",
)
ENDING = Ending(
    "KXA", Side.BUY, Decimal("0.4"), Decimal(9_000), 1.0, 9.0, 2.0, None, EndingKind.MOVED
)


def signal(action):
    return SignalMade(
        *(NOON, "KXA", "gbm_v1", 0.4, 0.7, (), ()), action, "", Decimal(0), Decimal(0)
    )


def grade(score, change):
    return PredictionGraded(NOON, "sim", "KXA", "KX", "v1", NOON, score, 60.0, change, None)


def nothing():
    return Gauges()


def samples(metrics):
    """Every line of the answer: {(name, labels): value}."""
    text = metrics.render()[0].decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics, name, **labels):
    return samples(metrics).get((f"kalshiproto_{name}", frozenset(labels.items())))


@pytest.mark.parametrize(
    ("event", "name", "labels", "expected"),
    [
        (CycleStarted(NOON, 1), "cycles_started_total", {}, 1),
        (CycleFinished(NOON, 1, 20, 0, 0), "cycles_total", {}, 1),
        (MarketsFetched(NOON, 18, 20), "books_total", {"result": "sound"}, 18),
        (MarketsFetched(NOON, 18, 20), "books_total", {"result": "missing"}, 2),
        (
            FetchFailed(NOON, "order books", "GET /markets/orderbooks: HTTP 429, too_many"),
            "fetch_errors_total",
            {"what": "order_books", "kind": "rate_limited"},
            1,
        ),
        (signal(Action.ENTER_SHORT), "signals_total", {"action": "enter_short"}, 1),
        (OrderSubmitted(NOON, ORDER), "orders_submitted_total", {}, 1),
        (
            FillMarkedOut(NOON, "f", "A", "C", FillKind.ENTRY_LONG, Decimal(1), NOON, ()),
            "fills_marked_out_total",
            {"kind": "entry_long"},
            1,
        ),
        (OrderRested(NOON, ORDER, "o1", ORDER.size), "orders_rested_total", {}, 1),
        (OrderFilled(NOON, ORDER, "o1", FILLS, ORDER.size), "fills_total", {}, 2),
        (
            OrderEnded(NOON, Execution(ORDER, "o1", OrderStatus.PARTIALLY_FILLED, FILLS)),
            "orders_total",
            {"status": "partially_filled"},
            1,
        ),
        (
            OrderEnded(NOON, Execution(ORDER, "o1", OrderStatus.FILLED, FILLS)),
            "filled_contracts_total",
            {},
            5,
        ),
        (
            OrderEnded(NOON, Execution(ORDER, "o1", OrderStatus.FILLED, FILLS)),
            "fees_dollars_total",
            {},
            0.14,
        ),
        (OrderEnded(NOON, Execution(ORDER, "o1", OrderStatus.FILLED, FILLS)), "fills_total", {}, 2),
        (
            OrderEnded(NOON, Execution(ORDER, "o1", OrderStatus.CANCELED)),
            "filled_contracts_total",
            {},
            0,
        ),
        (OrderUnresolved(NOON, ORDER, "timeout"), "orders_unresolved_total", {}, 1),
        (OrderRefused(NOON, ORDER, "", "cash"), "refusals_total", {"rule": "cash"}, 1),
        (OrderRefused(NOON, ORDER, "", "KXA"), "refusals_total", {"rule": "other"}, 1),
        (EntriesStopped(NOON, "", "killed"), "entry_stops_total", {"rule": "killed"}, 1),
        (Noted(NOON, NoteKind.KILLED, "so"), "notes_total", {"kind": "killed"}, 1),
        (EntriesResumed(NOON, "", "killed"), "entry_resumes_total", {"rule": "killed"}, 1),
        (PositionOpened(NOON, "KXA", Decimal(1), Decimal(1)), "positions_opened_total", {}, 1),
        (
            PositionClosed(NOON, "KXA", Decimal(1), "settlement"),
            "positions_closed_total",
            {"how": "settlement"},
            1,
        ),
        (
            MarketSettled(NOON, "KXA", Decimal(1), Decimal(1), Decimal(1)),
            "settlements_total",
            {},
            1,
        ),
        (WhaleSeen(NOON, WHALE), "whales_total", {"type": "large_bid"}, 1),
        (WhaleEnded(NOON, ENDING), "whales_ended_total", {"fate": "moved"}, 1),
        (
            RegimeChanged(NOON, RegimeName.CALM, RegimeName.CHAOTIC),
            "regime_changes_total",
            {"regime": "chaotic"},
            1,
        ),
        (grade(0.7, 1.0), "grades_total", {"result": "right"}, 1),
        (grade(0.7, -1.0), "grades_total", {"result": "wrong"}, 1),
        (grade(0.3, -1.0), "grades_total", {"result": "right"}, 1),
        (grade(0.3, 0.0), "grades_total", {"result": "unmoved"}, 1),
    ],
)
def test_an_event_is_counted_where_it_belongs(event, name, labels, expected):
    metrics = Metrics(nothing)
    assert value(metrics, name, **labels) == 0.0

    metrics.on_events([event])

    assert value(metrics, name, **labels) == pytest.approx(expected)


def test_every_event_is_counted_or_left_out_on_purpose():
    left_out = {PnlMarked}  # the gauges say it, whenever they are read

    assert set(counters._VIEWS) | left_out == set(get_args(Event))


@settings(max_examples=30)
@given(st.text(), st.text(), st.text())
def test_no_text_from_outside_makes_a_new_series(what, reason, how):
    metrics = Metrics(nothing)
    before = samples(metrics).keys()

    metrics.on_events(
        [FetchFailed(NOON, what, reason), PositionClosed(NOON, what, Decimal(0), how)]
    )

    assert {name for name in before if "kalshiproto" in name[0]} == {
        name for name in samples(metrics) if "kalshiproto" in name[0]
    }


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*Action]), max_size=30), st.integers(0, 30))
def test_counts_add_up_however_events_are_bundled(actions, cut):
    whole, parts = Metrics(nothing), Metrics(nothing)
    events = [signal(action) for action in actions]

    whole.on_events(events)
    parts.on_events(events[:cut])
    parts.on_events(events[cut:])

    for counted in (samples(whole), samples(parts)):
        for action in Action:
            name = ("kalshiproto_signals_total", frozenset({("action", action.value)}))
            assert counted[name] == actions.count(action)


@pytest.mark.parametrize("rule", ["min_edge", "exit_before_close", "stop_loss"])
def test_an_entry_that_is_held_back_is_counted_by_its_rule(rule):
    metrics = Metrics(nothing)
    stop = Stop(rule, "expected to earn 0.1 c", 0.1, 1.0)

    metrics.on_events([replace(signal(Action.HOLD), stop=stop), signal(Action.HOLD)])

    assert value(metrics, "entries_held_back_total", rule=rule) == 1


def test_every_rule_that_stops_or_refuses_has_its_label():
    root = Path(__file__).parents[3] / "bot"
    sources = "".join(path.read_text() for path in sorted(root.rglob("*.py")))
    rules = set(re.findall(r'(?:\bStop|_above)\(\s*"([a-z_]+)"', sources))

    assert len(rules) > 15
    known = (counters.REFUSED.labels["rule"], counters.HELD.labels["rule"])
    assert rules <= {rule for labels in known for rule in labels}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("GET /markets: HTTP 429, too_many_requests", "rate_limited"),
        ("GET /markets: HTTP 503, no reason given", "server_error"),
        ("GET /markets: HTTP 404, not_found", "refused"),
        ("GET /markets: ReadTimeout", "timeout"),
        ("GET /markets: TimeoutError", "timeout"),
        ("GET /markets: ConnectError: all attempts failed", "unreachable"),
        ("GET /markets: RemoteProtocolError: server disconnected", "unreachable"),
        ("GET /markets: not the expected JSON: missing `cursor`", "malformed"),
        (f"KXA: {NOT_ANSWERED}, and 3 more", "missing"),
        (f"KXA: {TOO_FINE}", "malformed"),
        ("KXA: crossed: bid 0.5, ask 0.4", "malformed"),
        ("the moon is full", "other"),
    ],
)
def test_a_failure_is_of_a_kind(reason, kind):
    assert failure_kind(reason) == kind


def test_a_cycle_is_timed_from_its_start_to_its_end():
    metrics = Metrics(nothing)

    metrics.on_events([CycleStarted(NOON, 7)])
    metrics.on_events([CycleFinished(NOON + timedelta(seconds=0.2), 7, 20, 0, 0)])

    assert value(metrics, "cycle_duration_seconds_sum") == pytest.approx(0.2)
    assert value(metrics, "cycle_duration_seconds_bucket", le="0.1") == 0
    assert value(metrics, "cycle_duration_seconds_bucket", le="0.25") == 1


def test_an_end_without_its_start_is_not_timed():
    metrics = Metrics(nothing)

    metrics.on_events([CycleFinished(NOON, 6, 0, 0, 0), CycleStarted(NOON, 7)])
    metrics.on_events([CycleFinished(NOON, 6, 0, 0, 0)])

    assert value(metrics, "cycle_duration_seconds_count") == 0


def test_what_is_not_known_is_not_exposed():
    names = {name for name, _ in samples(Metrics(nothing))}

    assert {f"kalshiproto_{reading.name}" for reading in READINGS} & names == set()


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_not_known(unknown):
    assert value(Metrics(lambda: Gauges(equity=unknown, cash=1.0)), "equity_dollars") is None


def test_every_gauge_is_read_anew_at_each_scrape():
    equity = iter([100.0, 90.0])
    metrics = Metrics(lambda: Gauges(equity=next(equity)))

    assert value(metrics, "equity_dollars") == 100.0
    assert value(metrics, "equity_dollars") == 90.0


def test_every_figure_of_the_owner_has_its_line():
    figures = {name: number for number, name in enumerate(Gauges.__dataclass_fields__, start=1)}
    alerts = {"sent": 3, "failed": 4}
    metrics = Metrics(lambda: Gauges(**(figures | {"alerts": alerts})))  # type: ignore[arg-type]  # numbers all

    shown = [value(metrics, one.name) for one in READINGS if not one.label]

    assert sorted(filter(None, shown)) == sorted(set(figures.values()) - {figures["alerts"]})
    assert value(metrics, "alerts_total", result="failed") == 4


def test_yes_and_no_are_1_and_0():
    metrics = Metrics(lambda: Gauges(leader=True, killed=False))

    assert (value(metrics, "leader"), value(metrics, "killed")) == (1, 0)


def test_two_of_them_know_nothing_of_each_other_nor_of_the_process_at_large():
    one, other = Metrics(nothing), Metrics(nothing)

    one.on_events([CycleStarted(NOON, 1)])

    assert value(other, "cycles_started_total") == 0
    assert not any("kalshiproto" in family.name for family in REGISTRY.collect())


def test_memory_files_and_processor_time_of_the_process_are_there():
    names = {name for name, _ in samples(Metrics(nothing))}

    assert {
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_cpu_seconds_total",
    } < names


def test_the_answer_is_prometheus_text_without_birthdays():
    body, kind = Metrics(nothing).render()

    assert kind.startswith("text/plain; version=0.0.4")
    assert b"_created" not in body


def test_every_metric_of_ours_is_described_once_with_its_kind():
    async def all_there():
        time = FakeTime(asyncio.Event(), [0.0])
        lag = LoopLag(time.stopwatch, time.sleep)
        await lag.watch(time.stopping)
        return lag

    figures = dict.fromkeys(Gauges.__dataclass_fields__, 1.0) | {"alerts": {"sent": 1}}
    metrics = Metrics(lambda: Gauges(**figures), asyncio.run(all_there()))  # type: ignore[arg-type]  # numbers all

    shown = {}
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        if family.name.startswith("kalshiproto_"):
            shown[family.name] = (family.type, family.documentation, labels)

    reported = {}
    for name, kind, text in described():
        bare, _, inside = name.partition("{")
        plain = bare.removesuffix("_total") if kind == "counter" else bare
        reported[plain] = (kind, text, set(filter(None, inside.rstrip("}").split(", "))))
    assert reported == shown
    assert len(reported) == len(described())


class FakeTime:
    """A stopwatch that only sleeping moves, each time by some seconds more than asked."""

    def __init__(self, stopping, late):
        self.now = 0.0
        self.stopping = stopping
        self.late = list(late)

    def stopwatch(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds + self.late.pop(0)
        if not self.late:
            self.stopping.set()


async def test_the_lag_is_how_much_later_than_due_the_loop_woke_up():
    time = FakeTime(asyncio.Event(), [0.0, 0.3, 0.002])
    lag = LoopLag(time.stopwatch, time.sleep)
    metrics = Metrics(nothing, lag)
    assert value(metrics, "event_loop_lag_seconds_count") is None
    assert value(metrics, "event_loop_lag_max_seconds") is None

    await lag.watch(time.stopping)

    assert lag.longest == pytest.approx(0.3)
    assert value(metrics, "event_loop_lag_max_seconds") == pytest.approx(0.3)
    assert value(metrics, "event_loop_lag_seconds_count") == 3
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.25") == 2


async def test_a_lag_is_forgotten_after_a_minute_but_stays_counted():
    time = FakeTime(asyncio.Event(), [2.0] + [0.0] * 120)
    lag = LoopLag(time.stopwatch, time.sleep)

    await lag.watch(time.stopping)

    assert lag.longest == pytest.approx(0.0)
    assert value(Metrics(nothing, lag), "event_loop_lag_seconds_sum") == pytest.approx(2.0)
