"""The live venue against the simulated exchange, whatever goes wrong between them."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, differences
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Execution, Order, OrderStatus, Unresolved
from bot.core.risk.refusals import OTHER, consequence
from bot.kalshi.trading.order_lookup import REMEMBERED_ORDERS, RENEWED_GROUP, SEND_WITHIN
from bot.kalshi.trading.requests import KalshiTrading
from bot.ports.exchange import ExchangeError
from bot.sim.engine.orders import TimeInForce
from bot.sim.faults.kinds import KINDS
from bot.sim.rest.keys import KeyKind, made_key
from tests.support.kalshi_stand import (
    BOOK,
    FAR,
    FAR_SHARD,
    TICKER,
    buying,
    patient_venue_on,
    reported,
    stand,
    venue_on,
)
from tests.support.sim_exchanges import request
from tests.support.strategies import NOON, ladder, order
from tests.support.venue_contract import PROMISES, SCENES, Promise, Scene
from tests.support.virtual_time import LoopClock, run_virtually

CREATE = "POST /portfolio/events/orders"
GROUPS = "/portfolio/order_groups"


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_the_live_venue_keeps_the_promises_of_every_venue(promise: Promise, scene: Scene):
    async with stand() as live:
        live.venue = patient_venue_on(live.trading, live.clock)
        await live.venue.open_term(None)
        await promise(live, scene)


async def test_a_fill_carries_what_the_exchange_booked_to_the_last_digit():
    async with stand() as live:
        execution = await live.trade(buying("12.25", "0.52"))

        assert execution.status is OrderStatus.FILLED
        assert reported(execution) == live.truth(buying())
        assert [(f.price, f.size, f.side, f.at) for f in execution.fills] == [
            (Decimal("0.50"), Decimal("10.5"), Side.BUY, NOON),
            (Decimal("0.52"), Decimal("1.75"), Side.BUY, NOON),
        ]
        assert execution.order_id in live.ann.orders


# Faults on the way of a write


def _parameters(kind):
    """Every way in which that kind of fault can be set up."""
    if kind == "garbage":
        return [{"body": body} for body in ("html", "truncated", "empty", "binary")]
    if kind == "rate_limited":
        return [{"body": body} for body in ("nested", "plain")]
    if kind in {"missing_field", "unknown_enum"}:
        names = ("order_id", "fill_count", "remaining_count", "ts_ms", "client_order_id")
        return [{"field": name} for name in names]
    if kind in {"error", "error_after"}:
        return [{"status": status} for status in (408, 499, 500, 503, 504)]
    if kind == "arrives_late":
        # Before and after it was given up, and after its order group was stopped.
        return [{"delay": delay} for delay in (0, 1, 5, 25)]
    return [{"delay": 0}] if kind in {"slow", "hang", "late_after"} else [{}]


WRITE_FAULTS = [
    pytest.param(
        {"kind": kind, "route": CREATE, **terms}, id=f"{kind} {' '.join(map(str, terms.values()))}"
    )
    for kind, described in KINDS.items()
    if described.strikes(CREATE)
    for terms in _parameters(kind)
]


@pytest.mark.parametrize("fault", WRITE_FAULTS)
async def test_after_any_fault_of_a_write_the_venue_has_the_true_fills(fault):
    async with stand() as live:
        wish = buying()
        live.fail(count=1, **fault)

        at_once = await live.submit(wish)
        later = await live.resolve_later(wish)

        assert live.faults.listing() == []
        assert isinstance(later, Execution)
        assert reported(later) == live.truth(wish)
        if isinstance(at_once, Execution):
            assert reported(at_once) == live.truth(wish)
        assert live.orders() <= 1


@pytest.mark.parametrize("kind", ["error_after", "cut_after"])
async def test_an_order_that_traded_unheard_is_found_at_once(kind):
    async with stand() as live:
        live.fail(kind=kind, route=CREATE, count=1)

        execution = await live.trade(buying())

        assert execution.status is OrderStatus.FILLED
        assert reported(execution) == live.truth(buying())


async def test_a_fill_that_is_reported_twice_counts_once_and_at_once():
    async with stand() as live:
        live.fail(kind="duplicate_fill", duration=60)

        execution = await live.trade(buying())

        assert execution.status is OrderStatus.FILLED
        assert reported(execution) == live.truth(buying())


@pytest.mark.parametrize("kind", ["error", "cut"])
async def test_an_order_that_may_have_arrived_stays_open_until_it_certainly_did_not(kind):
    async with stand() as live:
        wish = buying()
        live.fail(kind=kind, route=CREATE, count=1)

        found = await live.submit(wish)
        assert isinstance(found, Unresolved)
        assert "POST /portfolio/events/orders" in found.reason
        assert "certain after 12:01:20 UTC" in found.reason

        gone, _ = await _resolved_in(live, wish)
        assert isinstance(gone, Execution)
        assert (gone.status, gone.fills) == (OrderStatus.CANCELED, ())
        assert gone.error == "it never arrived at the exchange"


class Held(httpx.AsyncBaseTransport):
    """Holds orders up on their way until they are let go."""

    def __init__(self):
        self.arrived = asyncio.Event()
        self.let_go = asyncio.Event()

    def to(self, good):
        self._good = good
        return self

    async def handle_async_request(self, request):
        if request.url.path.endswith("/events/orders"):
            self.arrived.set()
            await self.let_go.wait()
        return await self._good.handle_async_request(request)


async def _resolved_in(live, wish) -> tuple[Execution, float]:
    """What became of an order that is asked about each half second, and how long that took."""
    began = live.clock.now()
    for _ in range(40):
        found = await live.venue.resolve(wish)
        if isinstance(found, Execution):
            return found, (live.clock.now() - began).total_seconds()
        live.clock.pass_by(0.5)
    raise AssertionError(found)


@pytest.mark.parametrize("kind", ["error", "cut", "error_after", "cut_after"])
async def test_what_became_of_an_order_is_certain_within_seconds(kind):
    async with stand() as live:
        wish = buying()
        live.fail(kind=kind, route=CREATE, count=1)
        live.fail(kind="error", route="GET /portfolio/orders", count=1)
        assert isinstance(await live.submit(wish), Unresolved | Execution)

        ended, seconds = await _resolved_in(live, wish)

        assert reported(ended) == live.truth(wish)
        assert seconds <= 5


async def test_an_order_that_arrives_after_it_was_given_up_is_refused():
    line = Held()
    async with stand(wrap=line.to) as live:
        wish = buying()
        sending = asyncio.ensure_future(live.submit(wish))
        await line.arrived.wait()

        ended, seconds = await _resolved_in(live, wish)
        line.let_go.set()
        late = await sending

        assert (ended.status, ended.fills) == (OrderStatus.CANCELED, ())
        assert seconds <= 5
        assert isinstance(late, Execution)
        assert late.code == RENEWED_GROUP
        assert live.orders() == 0
        # Its group is another by then: what comes next is taken.
        assert (await live.trade(buying(name="c-9", at=live.clock.now()))).filled == 20


async def test_a_group_that_was_stopped_for_another_order_is_not_taken_for_a_runaway():
    """One that waits to be sent while the group of an order in doubt is stopped."""
    line = Held()
    async with stand(wrap=line.to) as live:
        line.let_go.set()
        live.fail(kind="cut", route=CREATE, count=1)
        lost = buying(name="c-0")
        await live.submit(lost)
        line.let_go.clear()
        line.arrived.clear()
        sending = asyncio.ensure_future(live.submit(buying(name="c-1")))
        await line.arrived.wait()

        await _resolved_in(live, lost)
        line.let_go.set()
        late = await sending

        assert isinstance(late, Execution)
        assert (late.code, late.fills) == (RENEWED_GROUP, ())
        assert consequence(late) == OTHER


def test_an_order_that_hangs_is_in_doubt_after_two_seconds_and_nobody_waits_longer():
    async def hangs(clock: LoopClock) -> None:
        async with stand(time=clock) as live:
            live.faults.sleep = asyncio.sleep
            live.fail(kind="hang", route="* /portfolio/*", delay=60)
            wish = buying()

            found = await live.submit(wish)

            assert isinstance(found, Unresolved)
            assert clock.passed == 2
            live.faults.clear()
            ended, seconds = await _resolved_in(live, wish)
            assert ended.status is OrderStatus.CANCELED
            assert seconds <= 3

    run_virtually(hangs)


async def test_doubt_about_an_entry_stops_the_group_of_no_exit():
    async with stand() as live:
        await live.trade(buying("20", name="c-0"))
        live.put(BOOK, TICKER)
        before = live.venue._fence.group(0, Aim.LEAVE)
        live.fail(kind="cut", route=CREATE, count=1)
        wish = buying()
        await live.submit(wish)

        await _resolved_in(live, wish)

        assert live.venue._fence.group(0, Aim.LEAVE) == before
        assert (await live.trade(leaving("20", at=live.clock.now()))).filled == 20


async def test_orders_of_an_earlier_term_are_certain_as_soon_as_the_next_one_began():
    async with stand() as live:
        live.fail(kind="cut", route=CREATE, count=1)
        wish = buying()
        await live.submit(wish)
        live.venue = venue_on(live.trading, live.clock)
        await live.venue.open_term(None)

        ended, seconds = await _resolved_in(live, wish)

        assert ended.status is OrderStatus.CANCELED
        assert seconds <= 3


async def test_a_term_stops_the_groups_that_another_database_began():
    async with stand() as live:
        other = venue_on(live.trading, live.clock)
        await other.open_term(None)

        refused = await live.trade(buying())

        assert refused.code == "order_group_triggered"
        assert len(await live.venue._fence.rivals()) == 2 * len(live.exchange.state.shards)
        assert await other._fence.rivals() == []


async def test_an_order_that_was_archived_meanwhile_is_found_with_its_fills():
    """A service that was off for a month asks what became of its last order."""
    async with stand() as live:
        wish = buying()
        live.fail(kind="cut_after", route=CREATE, count=1)
        live.fail(kind="cut", route="GET *", count=99)
        assert isinstance(await live.submit(wish), Unresolved)
        live.faults.clear()
        live.clock.pass_by(30 * 86_400)

        ended = await live.venue.resolve(wish)

        assert await live.trading.order(wish) is None
        assert isinstance(ended, Execution)
        assert reported(ended) == live.truth(wish) != []


async def test_fills_may_be_archived_before_their_order_is():
    async with stand() as live:
        wish = buying()
        await live.trade(wish)
        listed = await live.trading.order(wish)
        live.clock.pass_by(30 * 86_400)
        assert listed is not None

        ended = await live.venue._lookup.ended(wish, listed)

        assert await live.trading.fills(listed.order_id) == []
        assert isinstance(ended, Execution)
        assert reported(ended) == live.truth(wish)


async def test_groups_of_the_owner_are_left_alone():
    async with stand(opened=False) as live:
        own = live.exchange.groups.create(live.ann, 100, 0)

        await live.venue.open_term(None)

        assert not own.is_triggered
        assert await live.venue._fence.rivals() == []


_READS = st.sampled_from(
    ["GET /portfolio/orders", "GET /portfolio/fills", "GET /exchange/user_data_timestamp", "GET *"]
)
_SPOILING = st.one_of(
    st.builds(
        lambda kind, route, count: {"kind": kind, "route": route, "count": count},
        st.sampled_from(
            [
                *("rate_limited", "error", "error_after", "cut", "cut_after"),
                *("garbage", "missing_field", "extra_field", "null_list"),
            ]
        ),
        _READS | st.just(CREATE),
        st.integers(1, 4),
    ),
    st.builds(
        lambda seconds, kind: {"kind": kind[0], kind[1]: seconds, "duration": 60},
        st.sampled_from([0.2, 1.0, 30.0]),
        st.sampled_from([("late_fill", "delay"), ("stale_orders", "age")]),
    ),
    st.builds(lambda count: {"kind": "duplicate_fill", "count": count}, st.integers(1, 9)),
    st.just({"kind": "unknown_enum", "field": "status", "count": 2}),
)


#: What breaks the shape of an answer: nothing can change it further.
_BREAKING = ("garbage", "missing_field", "null_list", "unknown_enum")
_WHOLE = ("rate_limited", "error", "error_after", "cut", "cut_after", "slow")


def _combined(faults):
    """Faults that can strike together."""
    breaking = [fault for fault in faults if fault["kind"] in _BREAKING]
    others = [fault for fault in faults if fault["kind"] in _WHOLE]
    return [*breaking[:1], *others] if breaking else faults


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    spoiling=st.lists(_SPOILING, min_size=1, max_size=5).map(_combined),
    wish=st.builds(
        lambda side, size, cents: order(side, Decimal(size) / 100, Decimal(cents) / 100),
        st.sampled_from(Side),
        st.integers(1, 6_000),
        st.integers(44, 56),
    ),
)
def test_whatever_fails_the_venue_never_tells_an_untruth(spoiling, wish):
    async def played():
        async with stand() as live:
            for fault in spoiling:
                live.fail(**fault)
            heard = [await live.submit(wish), await live.venue.resolve(wish)]
            heard.append(await live.resolve_later(wish))

            assert isinstance(heard[-1], Execution)
            for outcome in heard:
                if isinstance(outcome, Execution):
                    assert reported(outcome) == live.truth(wish)
            assert live.orders() <= 1

    asyncio.run(played())


async def test_an_exchange_that_hangs_costs_only_so_much_patience():
    async with stand() as live:
        live.fail(kind="hang", route="GET /portfolio/*", delay=60)
        live.fail(kind="error_after", route=CREATE, count=1)
        live.venue._lookup._polling = replace(live.venue._lookup._polling, total=0.05)

        found = await live.submit(buying())

        assert isinstance(found, Unresolved)
        assert "no answer within 0.05 s" in found.reason


# Refusals


def _broke(live):
    live.ann.cash[0] = 0


REFUSALS = {
    "no cash": (_broke, "insufficient_balance"),
    "a trading pause": (lambda live: live.exchange.pause_trading(True), "trading_is_paused"),
    "an exchange pause": (lambda live: live.exchange.pause_exchange(True), "exchange_is_paused"),
    "a halted market": (lambda live: live.exchange.deactivate(TICKER), "MARKET_NOT_ACTIVE"),
    "a closed market": (
        lambda live: live.exchange.set_close_time(TICKER, NOON),
        "MARKET_NOT_ACTIVE",
    ),
    "too many requests": (
        lambda live: live.fail(kind="rate_limited", route=CREATE),
        "too_many_requests",
    ),
    "a wrong clock": (
        lambda live: live.fail(kind="clock_skew", seconds=100),
        "header_timestamp_expired (set the clock of this machine)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_an_end_with_the_words_of_the_exchange(name):
    arrange, words = REFUSALS[name]
    async with stand() as live:
        arrange(live)

        ended = await live.trade(buying())

        assert (ended.status, ended.fills) == (OrderStatus.ERROR, ())
        assert words in ended.error
        assert live.orders() == 0


async def test_a_price_off_the_grid_is_refused():
    async with stand() as live:
        ended = await live.trade(buying(limit="0.505"))

        assert ended.status is OrderStatus.ERROR
        assert "invalid_price" in ended.error


async def test_a_key_without_the_scope_to_trade_opens_no_term():
    async with stand(scopes=["read"], opened=False) as live:
        with pytest.raises(ExchangeError, match="HTTP 403, insufficient_scope"):
            await live.venue.open_term(None)


async def test_a_wrong_key_opens_no_term():
    _, stranger = made_key("ann", KeyKind.RSA)
    async with stand(pem=stranger, opened=False) as live:
        with pytest.raises(ExchangeError, match="HTTP 401, authentication_error"):
            await live.venue.open_term(None)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (buying(name="two words"), "is no client order id"),
        (buying(name="x" * 65), "is no client order id"),
        (buying(name=""), "is no client order id"),
        (replace(buying(), limit=Decimal("0.50001")), "finer than 4 decimals"),
    ],
)
async def test_an_order_that_cannot_be_said_is_not_sent(wish, why):
    async with stand() as live:
        ended = await live.venue._lookup.after(wish, await _refusal(live, wish))

        assert isinstance(ended, Execution)
        assert ended.status is OrderStatus.ERROR
        assert ended.error.startswith("not sent: ")
        assert why in ended.error
        assert live.orders() == 0


async def _refusal(live, wish):
    with pytest.raises(ExchangeError) as refused:
        await live.trading.create(wish, "group", 0, lambda: None)
    return refused.value


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_an_order_is_certainly_not_sent_without_a_connection(failure):
    line = Unplugged()
    async with stand(wrap=line.to) as live:
        line.failure = failure

        ended = await live.trade(buying())

        assert ended.status is OrderStatus.ERROR
        assert ended.error.startswith(f"not sent: {CREATE}: {failure.__name__}")
        assert live.orders() == 0


class Unplugged(httpx.AsyncBaseTransport):
    """A way to the exchange that breaks before anything is sent, while `failure` is set."""

    def __init__(self):
        self.failure = None

    def to(self, good):
        self._good = good
        return self

    async def handle_async_request(self, request):
        if self.failure is not None:
            raise self.failure("injected", request=request)
        return await self._good.handle_async_request(request)


async def test_an_order_that_waited_too_long_is_not_sent():
    async with stand() as live:
        live.clock.pass_by(SEND_WITHIN.total_seconds())
        assert (await live.trade(buying(name="c-1"))).status is OrderStatus.FILLED

        live.clock.pass_by(1)
        late = await live.trade(buying(name="c-2"))

        assert late.status is OrderStatus.ERROR
        assert late.error == "not sent: it is 16 s old, more than 15 s"
        assert live.orders() == 1


# Names


async def test_a_client_order_id_of_an_earlier_process_gives_the_fills_it_had():
    async with stand() as live:
        first = await live.trade(buying())
        heir = venue_on(live.trading, live.clock)
        await heir.open_term(None)
        live.venue = heir

        again = await live.trade(buying())

        assert (again.fills, again.order_id) == (first.fills, first.order_id)
        assert live.orders() == 1


@pytest.mark.parametrize(
    "changed",
    [{"side": Side.SELL}, {"size": Decimal(3)}],
)
async def test_another_order_of_that_client_order_id_is_not_taken_for_it(changed):
    async with stand() as live:
        await live.trade(buying())

        found = await live.venue.resolve(replace(buying(), **changed))

        assert isinstance(found, Unresolved)
        assert "is another order" in found.reason


async def test_only_so_many_names_are_remembered(monkeypatch):
    monkeypatch.setattr("bot.kalshi.trading.order_lookup.REMEMBERED_ORDERS", 2)
    async with stand() as live:
        for name in ("c-1", "c-2", "c-3"):
            await live.trade(buying("1", name=name))

        assert (await live.trade(buying("1", name="c-3"))).error.endswith("nothing traded")
        # Forgotten here, but not there: it is found instead of sent again.
        assert (await live.trade(buying("1", name="c-1"))).filled == 1
        assert live.orders() == 3
    assert REMEMBERED_ORDERS >= 10_000


# Exits, whatever other hands do on the account


def leaving(size: str = "20", **terms: Any) -> Order:
    return order(Side.SELL, size, "0.47", name="c-2", aim=Aim.LEAVE, **terms)


@pytest.mark.parametrize("fault", [None, "error_after", "cut_after"])
async def test_an_exit_closes_what_the_exchange_holds_and_never_more(fault):
    async with stand() as live:
        await live.trade(buying("20"))
        live.put(BOOK, TICKER)
        live.exchange.place(live.ann, request(Side.SELL, 8, 47, ticker=TICKER))
        if fault:
            live.fail(kind=fault, route=CREATE, count=1)

        ended = await live.trade(leaving("20"))

        assert ended.status is OrderStatus.PARTIALLY_FILLED
        assert ended.filled == 12
        assert "or no more of the position to close" in ended.error
        assert reported(ended) == live.truth(leaving())
        assert live.ann.position(TICKER) == 0


async def test_an_exit_from_what_is_gone_trades_nothing():
    async with stand() as live:
        ended = await live.trade(leaving("20"))

        assert (ended.status, ended.fills) == (OrderStatus.ERROR, ())
        assert live.ann.position(TICKER) == 0


async def test_an_order_of_the_owner_at_the_best_price_does_not_stop_an_exit():
    async with stand() as live:
        await live.trade(buying("10"))
        own = request(Side.BUY, 5, 49, ticker=TICKER, time_in_force=TimeInForce.GTC)
        live.exchange.place(live.ann, own)

        ended = await live.trade(leaving("10"))

        assert ended.status is OrderStatus.FILLED
        assert {fill.price for fill in ended.fills} == {Decimal("0.48")}
        assert not live.ann.open_orders


async def test_an_order_that_rests_stays_open():
    async with stand() as live:
        wish = buying("5", "0.49")
        terms = request(Side.BUY, 5, 49, ticker=TICKER, time_in_force=TimeInForce.GTC)
        live.exchange.place(live.ann, replace(terms, client_order_id=wish.client_order_id))

        found = await live.resolve_later(wish)

        assert isinstance(found, Unresolved)
        assert "is 'resting' at the exchange" in found.reason


async def test_an_order_older_than_the_listing_is_left_to_a_human():
    async with stand() as live:
        wish = buying()
        live.clock.pass_by(timedelta(days=20).total_seconds())

        found = await live.venue.resolve(wish)

        assert isinstance(found, Unresolved)
        assert "not in its archive" in found.reason


# The fence


@asynccontextmanager
async def two_terms():
    """A stand whose orders are held up, what its first term hands on, and the heir's venue."""
    line = Held()
    async with stand(wrap=line.to, opened=False) as live:
        handed_on = await live.venue.open_term(None)
        yield live, line, handed_on, venue_on(live.trading, live.clock)


async def test_an_order_sent_before_the_next_term_is_refused_when_it_arrives_after():
    async with two_terms() as (live, line, handed_on, heir):
        sending = asyncio.ensure_future(live.trade(buying()))
        await line.arrived.wait()

        await heir.open_term(handed_on)
        line.let_go.set()
        ended = await sending

        assert (ended.status, ended.fills) == (OrderStatus.ERROR, ())
        assert "order_group_triggered" in ended.error
        assert live.orders() == 0


@pytest.mark.parametrize("terms", [1, 2, 3])
async def test_a_process_of_an_earlier_term_can_trade_nothing_more(terms):
    async with two_terms() as (live, line, first, heir):
        line.let_go.set()
        handed_on = first
        for _ in range(terms):
            handed_on = await heir.open_term(handed_on)

        assert (await live.trade(buying(name="c-old"))).status is OrderStatus.ERROR
        live.venue = heir
        assert (await live.trade(buying(name="c-new"))).status is OrderStatus.FILLED


async def test_the_groups_of_old_terms_do_not_pile_up():
    async with stand(opened=False) as live:
        handed_on = None
        for _ in range(5):
            handed_on = await live.venue.open_term(handed_on)
        groups = live.exchange.groups.of(live.ann)

        shards = len(live.exchange.state.shards)
        of_a_term = 2 * shards
        assert [g.is_triggered for g in groups] == [True] * of_a_term + [False] * of_a_term
        assert {group.shard for group in groups} == set(range(shards))


async def test_entries_stopped_by_the_exchange_stop_no_exit():
    async with stand(limit=25) as live:
        await live.trade(buying("20"))
        live.put(BOOK, TICKER)

        await live.trade(buying("10", name="c-3"))
        refused = await live.trade(buying("1", name="c-4"))
        closed = await live.trade(leaving("20"))

        assert refused.code == "order_group_triggered"
        assert closed.status is OrderStatus.FILLED


async def test_a_term_begins_in_a_pause_that_is_told_with_the_status_of_an_error():
    def in_a_pause(good: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        return Unavailable(good)

    async with stand(wrap=in_a_pause, opened=False) as live:
        assert await live.venue.open_term(None)


class Unavailable(httpx.AsyncBaseTransport):
    """Tells its status with a 503, body and all."""

    def __init__(self, good):
        self._good = good

    async def handle_async_request(self, request):
        answer = await self._good.handle_async_request(request)
        if request.url.path.endswith("/exchange/status"):
            answer.status_code = 503
        return answer


@pytest.mark.parametrize("status", [400, 409])
async def test_a_group_that_cannot_be_stopped_twice_keeps_no_term_from_beginning(status):
    async with stand(opened=False) as live:
        handed_on = await live.venue.open_term(None)
        live.fail(kind="error", route="PUT *", status=status)

        assert await live.venue.open_term(handed_on)


async def test_groups_that_are_gone_already_are_no_hindrance():
    async with stand(opened=False) as live:
        handed_on = await live.venue.open_term(None)
        second = await live.venue.open_term(handed_on)
        for group in live.exchange.groups.of(live.ann):
            live.exchange.groups.delete(group)

        assert await live.venue.open_term(handed_on)
        assert await live.venue.open_term(second)
        assert (await live.trade(buying())).status is OrderStatus.FILLED


async def test_a_term_does_not_open_while_the_one_before_may_still_trade():
    async with stand(opened=False) as live:
        handed_on = await live.venue.open_term(None)
        live.fail(kind="error", route="PUT *")

        with pytest.raises(ExchangeError, match="503"):
            await live.venue.open_term(handed_on)
        ended = await live.trade(buying())

        assert ended.error == "not sent: this term has no order group on shard 0"


async def test_an_old_group_that_cannot_be_deleted_now_is_deleted_later():
    async with stand(opened=False) as live:
        handed_on = None
        live.fail(kind="error", route="DELETE *")
        for _ in range(3):
            handed_on = await live.venue.open_term(handed_on)
        piled_up = len(live.exchange.groups.of(live.ann))
        live.faults.clear()
        await live.venue.open_term(handed_on)

        shards = len(live.exchange.state.shards)
        assert (piled_up, len(live.exchange.groups.of(live.ann))) == (6 * shards, 4 * shards)


@pytest.mark.parametrize("kind", ["cut_after", "error_after", "rate_limited", "garbage"])
async def test_a_term_that_does_not_know_its_groups_does_not_open(kind):
    async with stand(opened=False) as live:
        live.fail(kind=kind, route=f"POST {GROUPS}/create", count=1)

        with pytest.raises(ExchangeError, match=GROUPS):
            await live.venue.open_term(None)


async def test_a_term_that_opened_in_part_has_no_group_at_all():
    class SecondShardIsDown(KalshiTrading):
        async def create_group(self, limit: int, shard: int) -> str:
            if shard:
                raise ExchangeError("no answer")
            return await super().create_group(limit, shard)

    async with stand(opened=False) as live:
        live.venue = venue_on(SecondShardIsDown(live.calls, live.calls), live.clock)

        with pytest.raises(ExchangeError, match="no answer"):
            await live.venue.open_term(None)
        ended = await live.trade(buying())

        assert live.exchange.groups.of(live.ann) == []
        assert ended.error == "not sent: this term has no order group on shard 0"


async def test_a_shard_that_gives_no_group_is_the_only_one_without_trade():
    async with stand(opened=False) as live:
        live.fail(kind="error", status=400, route=f"POST {GROUPS}/create", count=1)
        await live.venue.open_term(None)

        near, far = await live.trade(buying()), await live.trade(buying(name="c-2", ticker=FAR))

        assert near.error == "not sent: this term has no order group on shard 0"
        assert far.status is OrderStatus.FILLED


@pytest.mark.parametrize("handed_on", ["", "{}", "5", '{"open":{"x":"y"},"stopped":[]}'])
async def test_what_no_term_handed_on_is_refused(handed_on):
    async with stand(opened=False) as live:
        with pytest.raises(ValueError, match="cannot be read"):
            await live.venue.open_term(handed_on)


@pytest.mark.parametrize("limit", [0, -1, 1_000_001])
async def test_a_limit_that_no_group_can_have_is_refused(limit):
    with pytest.raises(ValueError, match="needs 1 to 999999"):
        async with stand(limit=limit):
            pass


async def test_more_trade_than_the_limit_stops_the_term():
    async with stand(limit=20) as live:
        at_limit = await live.trade(buying("20", name="c-1"))
        above = await live.trade(buying("1", name="c-2"))
        stopped = await live.trade(buying("1", name="c-3"))

        assert at_limit.filled == 20
        assert above.filled == 1
        assert stopped.status is OrderStatus.ERROR
        assert "restart once you know why" in stopped.error


# Shards


async def test_an_order_carries_the_group_of_the_shard_of_its_market():
    async with stand() as live:
        for name, ticker in (("c-1", TICKER), ("c-2", FAR)):
            assert (await live.trade(buying(name=name, ticker=ticker))).filled == 20

        shards = {
            live.exchange.state.groups[one.request.group_id].shard: one.ticker
            for one in live.ann.orders.values()
        }
        assert shards == {0: TICKER, FAR_SHARD: FAR}


async def test_the_cash_of_another_shard_pays_nothing():
    async with stand() as live:
        live.ann.cash[FAR_SHARD] = 0

        ended = await live.trade(buying(ticker=FAR))

        assert "insufficient_balance" in ended.error
        assert "move cash to the shard of this market" in ended.error


async def test_a_market_of_an_unknown_shard_is_not_traded():
    async with stand() as live:
        ended = await live.trade(buying(ticker="NOBODY-KNOWS"))

        assert ended.error == "not sent: nobody knows on which shard NOBODY-KNOWS trades"


# The account


async def test_fills_booked_from_executions_agree_with_the_account():
    async with stand() as live:
        shards = {0: Decimal(1_000), 2: Decimal(500)}
        start = AccountNow(Decimal(1_500), {}, shards=shards)
        assert await live.venue.account() == start
        portfolio = Portfolio.of_cash(start.cash)
        wishes = [
            buying("12.5", name="c-1"),
            order(Side.SELL, "25", "0.47", name="c-2"),
            buying("7", ticker=FAR, name="c-3"),
            order(Side.SELL, "7", "0.40", ticker=FAR, name="c-4"),
        ]
        for wish in wishes:
            for fill in (await live.trade(wish)).fills:
                portfolio = portfolio.after(fill)

        account = await live.venue.account()
        assert account.positions == {TICKER: Decimal("-12.5")}
        assert account.cash == portfolio.cash
        assert differences(portfolio, account) == []


async def test_a_fill_that_was_not_booked_shows_as_a_difference():
    async with stand() as live:
        before = Portfolio.of_cash((await live.venue.account()).cash)
        await live.trade(buying("2", "0.50"))

        position, cash = differences(before, await live.venue.account())

        assert position == "A: 0 contracts booked, 2 at the exchange"
        assert cash == "cash: $1500 booked, $1498.965 at the exchange (-1.035)"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "null_list", "route": "GET /portfolio/positions"},
        {"kind": "garbage", "route": "GET /portfolio/positions"},
        {"kind": "error", "route": "GET /portfolio/positions"},
        {"kind": "error", "route": "GET /portfolio/balance"},
        {"kind": "missing_field", "route": "GET /portfolio/balance", "field": "balance_dollars"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault['route']}",
)
async def test_an_account_that_cannot_be_read_whole_is_an_error_and_never_flat(fault):
    async with stand() as live:
        await live.trade(buying("2", "0.50"))
        live.fail(**fault)

        with pytest.raises(ExchangeError):
            await live.venue.account()


async def test_a_market_whose_position_cannot_be_read_is_not_known_and_never_flat():
    async with stand() as live:
        await live.trade(buying("2", "0.50"))
        await live.trade(buying("3", "0.50", ticker=FAR, name="c-2"))
        route = "GET /portfolio/positions"
        live.fail(kind="missing_field", route=route, field="position_fp")

        account = await live.venue.account()

        assert account.positions == {}
        assert account.unreadable.markets.keys() == {TICKER, FAR}


async def test_a_passing_failure_does_not_keep_the_account_from_being_read():
    async with stand() as live:
        live.fail(kind="rate_limited", route="GET /portfolio/positions", count=1)

        assert (await live.venue.account()).positions == {}


async def test_an_empty_book_leaves_the_account_as_it_was():
    async with stand() as live:
        await live.show(OrderBook((), ladder(("0.60", 5))))

        ended = await live.trade(buying("5", "0.55"))

        assert (ended.status, ended.filled) == (OrderStatus.CANCELED, ZERO)
        assert ended.error == "the exchange had no more asks within 55 c from anybody else"
        assert (await live.venue.account()).positions == {}
