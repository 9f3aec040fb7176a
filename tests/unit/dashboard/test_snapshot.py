"""The snapshot: finite, tagged by its bytes, complete; and what lately happened."""

import gzip
import json
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from bot.core.account.portfolio import Portfolio
from bot.core.events import (
    CycleStarted,
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    MarketSettled,
    Noted,
    NoteKind,
    OrderEnded,
    OrderRefused,
    OrderUnresolved,
    PositionClosed,
    PositionOpened,
    RegimeChanged,
    WhaleSeen,
)
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.signals.regime import RegimeName
from bot.core.whales.detector import SideBias, Source, Whale, WhaleType
from bot.dashboard.activity_feed import NOTICES, TIMELINE, WHALES, ActivityFeed
from bot.dashboard.notices import NoticeBuffer
from bot.dashboard.snapshot import (
    BotStatus,
    SnapshotHolder,
    bot_view,
    decoded,
    first_state,
    packed,
    regime_view,
    snapshot,
)
from bot.dashboard.timeline import TimelineBuffer, fairly
from bot.ports.persistence import Checkpoint, CommittedChanges
from bot.ports.views import BotState, MarketView, NoticeView, TimelineView

NOW = datetime(2026, 1, 18, 22, 15, tzinfo=UTC)
STATUS = BotStatus(running=False, bot_enabled=True, mode="paper", interval_seconds=60)
ORDER = Order("c-1", "KXRAIN", Side.BUY, Decimal(100), Decimal("0.525"), NOW)
HINTS = get_type_hints(MarketView)
NUMBERS = [name for name, kind in HINTS.items() if kind is float]


def a_market(**changes: Any) -> MarketView:
    kinds: dict[Any, Any] = {str: "x", float: 0.5, int: 1, bool: False}
    fields = {name: kinds.get(kind, "HOLD") for name, kind in HINTS.items()}
    return MarketView(**{**fields, **changes})


def a_state(*markets: MarketView) -> BotState:
    return changed(first_state(10_000.0, STATUS), markets=tuple(markets))


def a_whale(number: int = 0, size: str = "6500") -> WhaleSeen:
    return WhaleSeen(
        NOW + timedelta(seconds=number),
        Whale(
            ticker=f"KX{number % 2}",
            type=WhaleType.LARGE_BID,
            size=Decimal(size),
            price=Decimal("0.485"),
            notional=Decimal(3120),
            depth_share=0.4,
            imbalance_strength=0.325,
            max_bid_size=6500.0,
            max_ask_size=10.0,
            side_bias=SideBias.BUY,
            why="6,500 contracts at one price",
        ),
    )


def test_before_the_first_cycle_equity_is_the_cash_and_nothing_is_open():
    state = first_state(10_000.0, STATUS)

    assert state.overview.mode == "PAPER"
    assert (state.overview.equity, state.overview.open_positions) == (10_000.0, 0)
    assert (state.markets, state.whales, state.timeline, state.notices) == ((), (), (), ())
    assert first_state(1.0, replace(STATUS, mode="live")).overview.mode == "LIVE"


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_number_that_is_none_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=rf"markets\[1\]\.{name}"):
        snapshot(a_state(a_market(), a_market(**{name: value})), NOW)


def test_a_word_the_dashboard_does_not_know_is_refused():
    with pytest.raises(ValueError, match="signal_direction"):
        snapshot(a_state(a_market(signal_direction="MAYBE")), NOW)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_what_is_sent_is_what_was_seen(numbers):
    state = a_state(*[a_market(volume_24h=number) for number in numbers])

    assert msgspec.json.decode(snapshot(state, NOW).body, type=BotState) == state


def test_the_tag_follows_the_bytes():
    one, same, other = (snapshot(a_state(a_market(ticker=t)), NOW) for t in ("A", "A", "B"))

    assert one.etag == same.etag != other.etag
    assert one.etag.startswith('"')
    assert one.etag.endswith('"')


def test_the_compressed_form_is_the_same_bytes():
    plain = snapshot(a_state(a_market()), NOW)

    assert plain.gzip is None
    assert gzip.decompress(packed(plain).gzip or b"") == plain.body
    assert packed(plain) == packed(plain)


def test_an_optional_word_is_left_out_and_a_nullable_one_is_null():
    body = snapshot(a_state(a_market(category=None)), NOW).body

    assert b'"category"' not in body
    assert b'"last_error":null' in body


def test_a_status_shows_its_times_with_offset():
    view = bot_view(replace(STATUS, last_update=NOW, error="boom"))

    assert (view.last_update, view.last_loop_start) == ("2026-01-18T22:15:00+00:00", None)
    assert view.error == "boom"


def test_regimes_have_distinct_numbers():
    views = [regime_view(name) for name in RegimeName]

    assert len({view.id for view in views}) == len(views)
    assert [view.name for view in views] == list(RegimeName)


TIMELINE_CASES: list[tuple[Event, str, str]] = [
    (PositionOpened(NOW, "KX", Decimal(100), Decimal("0.525")), "OPEN", "long 100 @ 52.5c"),
    (PositionOpened(NOW, "KX", Decimal(-1), Decimal("0.5")), "OPEN", "short 1 @ 50c"),
    (PositionClosed(NOW, "KX", Decimal("1.5"), "exit"), "CLOSE", "exit, realised +1.50 dollars"),
    (a_whale(), "WHALE", "large_bid 6,500 @ 48.5c"),
    (
        RegimeChanged(NOW, RegimeName.CALM, RegimeName.CHAOTIC),
        "REGIME_CHANGE",
        "calm to chaotic",
    ),
]


@pytest.mark.parametrize(("event", "type_", "details"), TIMELINE_CASES)
def test_the_timeline_has_the_four_types_of_the_dashboard(event, type_, details):
    recent = ActivityFeed()
    recent.add(event)

    (entry,) = recent.timeline
    assert (entry.type, entry.details) == (type_, details)
    assert entry.timestamp == NOW.isoformat()
    assert recent.notices == ()


FILL = Fill("f", "c-1", "KXRAIN", Side.BUY, Decimal(40), Decimal("0.52"), Decimal("0.7"), NOW)
NOTICE_CASES: list[tuple[Event, str, str]] = [
    (
        OrderRefused(NOW, ORDER, "exposure 210 of 200"),
        "REFUSED",
        "buy 100 @ 52.5c refused: exposure 210 of 200",
    ),
    (EntriesStopped(NOW, "$201 lost"), "ENTRIES_STOPPED", "$201 lost"),
    (EntriesResumed(NOW, "a new day", "daily_loss"), "ENTRIES_RESUMED", "a new day"),
    (Noted(NOW, NoteKind.STOPPED, "by hand"), "STOPPED", "by hand"),
    (
        OrderUnresolved(NOW, ORDER, "no answer"),
        "ORDER_UNRESOLVED",
        "buy 100 @ 52.5c may have traded: no answer",
    ),
    (FetchFailed(NOW, "books", "timeout"), "FETCH_FAILED", "books: timeout"),
    (
        MarketSettled(NOW, "KX", Decimal(1), Decimal(-5), Decimal("-2.5")),
        "SETTLED",
        "-5 contracts paid 1 dollars each, realised -2.50 dollars",
    ),
    (
        OrderEnded(NOW, Execution(ORDER, "o-1", OrderStatus.PARTIALLY_FILLED, (FILL,))),
        "PARTLY_FILLED",
        "buy 100 @ 52.5c partially_filled, 40 filled",
    ),
    (
        OrderEnded(NOW, Execution(ORDER, "o-1", OrderStatus.ERROR, error="no book")),
        "ORDER_FAILED",
        "buy 100 @ 52.5c error, 0 filled: no book",
    ),
]


@pytest.mark.parametrize(("event", "kind", "message"), NOTICE_CASES)
def test_everything_else_is_a_notice(event, kind, message):
    recent = ActivityFeed()
    recent.add(event)

    (notice,) = recent.notices
    assert (notice.kind, notice.message) == (kind, message)
    assert recent.timeline == ()


def test_what_went_as_wished_or_says_nothing_leaves_no_trace():
    recent = ActivityFeed()
    recent.add(CycleStarted(NOW, 1))
    recent.add(OrderEnded(NOW, Execution(ORDER, "o-1", OrderStatus.FILLED, (FILL,))))

    assert (recent.timeline, recent.notices, recent.whales) == ((), (), ())


def test_memory_is_bounded_and_newest_first():
    recent = ActivityFeed()
    for number in range(TIMELINE + 10):
        recent.add(a_whale(number))
        recent.add(FetchFailed(NOW, str(number), "timeout"))

    newest = NOW + timedelta(seconds=TIMELINE + 9)
    lengths = (len(recent.whales), len(recent.timeline), len(recent.notices))
    assert lengths == (WHALES, TIMELINE, NOTICES)
    assert recent.whales[0].timestamp == recent.timeline[0].timestamp == newest.isoformat()
    assert recent.notices[0].message == f"{TIMELINE + 9}: timeout"


def refused(second, reason="100 a minute", rule="orders_per_minute"):
    return OrderRefused(NOW + timedelta(seconds=second), ORDER, reason, rule)


def test_refusals_by_one_rule_are_one_notice_with_their_count():
    recent = ActivityFeed()
    for second in range(83):
        recent.add(refused(second, f"{second} of 100 a minute"))
        recent.add(FetchFailed(NOW + timedelta(seconds=second), "order books", "timeout"))
    recent.add(refused(83, rule="max_exposure"))

    other, failed, flood = recent.notices
    assert (other.kind, other.count) == ("REFUSED", 1)
    assert (failed.kind, failed.count) == ("FETCH_FAILED", 83)
    assert (flood.count, flood.first_timestamp) == (83, NOW.isoformat())
    assert flood.timestamp == (NOW + timedelta(seconds=82)).isoformat()
    assert flood.message.endswith("refused: 82 of 100 a minute")


def test_a_refusal_long_after_the_last_begins_another_notice():
    recent = ActivityFeed()
    for second in (0, 600, 1_201):
        recent.add(refused(second))

    assert [notice.count for notice in recent.notices] == [1, 2]


def test_what_stands_for_itself_is_never_folded():
    recent = ActivityFeed()
    for _ in range(2):
        recent.add(MarketSettled(NOW, "KX", Decimal(1), Decimal(-5), Decimal("-2.5")))
        recent.add(OrderEnded(NOW, Execution(ORDER, "o", OrderStatus.PARTIALLY_FILLED, (FILL,))))

    assert [notice.count for notice in recent.notices] == [1, 1, 1, 1]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-2, 900)), max_size=60))
def test_notices_lose_no_count_and_keep_the_order_of_time(story):
    notices, at = NoticeBuffer(30), NOW
    for about, seconds in story:
        at += timedelta(seconds=seconds)
        when = at.isoformat()
        view = NoticeView(
            timestamp=when, kind="REFUSED", message=about, count=1, first_timestamp=when
        )
        notices.add(view, at, about)

    listed = notices.listed()
    assert len(listed) <= 30
    assert len(listed) == 30 or sum(notice.count for notice in listed) == len(story)
    assert [notice.timestamp for notice in listed] == sorted(
        (notice.timestamp for notice in listed), reverse=True
    )


def test_many_trades_bury_no_whale():
    recent = ActivityFeed()
    for number in range(10):
        recent.add(a_whale(number))
    for second in range(TIMELINE):
        at = NOW + timedelta(seconds=60 + second)
        recent.add(PositionOpened(at, "KX", Decimal(1), Decimal("0.5")))
        recent.add(PositionClosed(at, "KX", Decimal(1), "exit"))

    shown = fairly(recent.timeline, 100)
    assert len(recent.timeline) == TIMELINE
    assert Counter(entry.type for entry in shown) == {"WHALE": 10, "OPEN": 45, "CLOSE": 45}
    times = [entry.timestamp for entry in shown]
    assert times == sorted(times, reverse=True)


@given(st.lists(st.sampled_from(["OPEN", "CLOSE", "WHALE", "REGIME_CHANGE"])), st.integers(1, 50))
def test_each_type_gets_its_share_of_the_timeline_and_no_room_is_wasted(kinds, room):
    entries = [TimelineView(timestamp=str(n), type=kind) for n, kind in enumerate(kinds)]
    timeline = TimelineBuffer(room)
    for entry in reversed(entries):
        timeline.add(entry)

    for shown in (fairly(entries, room), timeline.listed()):
        assert len(shown) == min(room, len(kinds))
        assert list(shown) == [entry for entry in entries if entry in shown]
        for kind, count in Counter(kinds).items():
            found = [entry for entry in shown if entry.type == kind]
            assert len(found) >= min(count, room // len(set(kinds)))
            assert found == [entry for entry in entries if entry.type == kind][: len(found)]


@pytest.mark.parametrize("source", Source)
def test_a_whale_says_whether_books_or_trades_showed_it(source):
    seen, recent = a_whale(), ActivityFeed()
    recent.add(replace(seen, whale=replace(seen.whale, source=source)))

    assert recent.whales[0].source == source.value


def test_a_state_from_before_whales_had_a_source_can_be_read():
    recent = ActivityFeed()
    recent.add(a_whale())
    body = snapshot(changed(a_state(), whales=recent.whales), NOW).body
    earlier = json.loads(body)
    del earlier["whales"][0]["source"]

    assert decoded(json.dumps(earlier).encode()).whales == recent.whales


EVENTS: list[Event] = [event for event, _, _ in [*TIMELINE_CASES, *NOTICE_CASES]]


@given(st.lists(st.sampled_from(EVENTS), max_size=40), st.data())
def test_what_lately_happened_comes_back_from_events_in_its_order(story, data):
    stop = data.draw(st.integers(0, len(story)))
    nobody = Portfolio.of_cash(Decimal(1))
    one, again, standby = ActivityFeed(), ActivityFeed(), ActivityFeed()
    for event in story:
        one.add(event)
    again.add(a_whale(7))

    again.restore(Checkpoint(1, nobody, events=tuple(story[:stop])))
    standby.restore(Checkpoint(1, nobody, events=tuple(story[:stop])))
    for event in story[stop:]:
        again.add(event)
    standby.catch_up(CommittedChanges(2, tuple(story[stop:])))

    assert [(each.whales, each.timeline, each.notices) for each in (again, standby)] == [
        (one.whales, one.timeline, one.notices)
    ] * 2


def test_a_whale_without_bias_says_so():
    recent = ActivityFeed()
    seen = a_whale()
    recent.add(replace(seen, whale=replace(seen.whale, side_bias=None)))

    assert recent.whales[0].side_bias is None
    assert recent.whales[0].price == 48.5


def test_everything_recent_can_be_shown():
    recent = ActivityFeed()
    for event, _, _ in [*TIMELINE_CASES, *NOTICE_CASES]:
        recent.add(event)
    state = changed(
        a_state(), whales=recent.whales, timeline=recent.timeline, notices=recent.notices
    )

    assert msgspec.json.decode(snapshot(state, NOW).body, type=BotState) == state


def test_the_board_shows_what_was_put_there_last():
    snapshot_holder = SnapshotHolder(snapshot(a_state(), NOW), STATUS)
    snapshot_holder.snapshot = newer = snapshot(a_state(a_market()), NOW)

    assert (snapshot_holder.snapshot, snapshot_holder.status) == (newer, STATUS)
