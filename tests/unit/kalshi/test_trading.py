"""The private API at the transport seam: what is sent, and every answer that is not whole."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
import stamina

from bot.core.account.set_aside import AtRest
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Execution, OrderStatus
from bot.kalshi.auth import Signer
from bot.kalshi.calls import Calls, Write
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading import outcome, requests
from bot.kalshi.trading.account_record import AccountRecords
from bot.kalshi.trading.requests import MARK, KalshiTrading
from bot.kalshi.wire import account
from bot.kalshi.wire.refusals import NOT_SENT
from bot.kalshi.wire.shapes import decode
from bot.ports.exchange import ExchangeError
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from tests.support.fakes import HandClock
from tests.support.kalshi_bodies import Json, dump, market, page
from tests.support.strategies import NOON, order

BASE = "https://exchange.invalid/trade-api/v2"
KEY, PEM = made_key("ann", KeyKind.ED25519)
ORDER = order(Side.SELL, Decimal("12.5"), Decimal("0.4"), name="bot-1", ticker="KXRAIN-A")
CREATED = {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00", "ts_ms": 1}

Say = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@dataclass
class Desk:
    """What was asked of an exchange that answers as told."""

    say: Say
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.say(request)

    @property
    def last(self) -> httpx.Request:
        return self.asked[-1]


@asynccontextmanager
async def backend(say: Say) -> AsyncIterator[tuple[KalshiTrading, Desk]]:
    reported = Desk(say)
    async with open_http(BASE, httpx.MockTransport(reported)) as http:
        signer = Signer(KEY.key_id, PEM, HandClock())
        calls = Calls(http, TokenBudget(lambda: 0.0, capacity=1e6), signer.headers)
        yield KalshiTrading(calls, calls), reported


def saying(*bodies: object, status: int = 200) -> Say:
    """These bodies one after the other; the last one again and again."""
    left = list(bodies)

    def say(_request: httpx.Request) -> httpx.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, content=body if isinstance(body, bytes) else dump(body))

    return say


def knowing(bodies: dict[str, Json]) -> Say:
    """These by path, and nothing else."""

    def say(request: httpx.Request) -> httpx.Response:
        found = bodies.get(request.url.path.removeprefix("/trade-api/v2"))
        return httpx.Response(404) if found is None else httpx.Response(200, content=dump(found))

    return say


def nothing_to_check() -> None:
    pass


def fill_told(number: int = 1, **changes: object) -> Json:
    whole = {
        "fill_id": f"f-{number}",
        "order_id": "o-1",
        "ticker": "KXRAIN-A",
        "book_side": "ask",
        "count_fp": "1.50",
        "yes_price_dollars": "0.4100",
        "fee_cost": "0.025400",
        "is_taker": True,
        "created_time": "2026-11-22T12:00:01.5Z",
    }
    return {**whole, **changes}


def order_told(name: str = "bot-1", **changes: object) -> Json:
    whole = {
        "order_id": f"o-{name}",
        "client_order_id": name,
        "ticker": "KXRAIN-A",
        "book_side": "ask",
        "status": "executed",
        "initial_count_fp": "12.50",
        "fill_count_fp": "12.50",
    }
    return {**whole, **changes}


# What is sent


async def test_an_order_is_said_in_strings_as_a_side_of_yes():
    async with backend(saying(CREATED, status=201)) as (trading, reported):
        created = await trading.create(ORDER, "g-1", 2, nothing_to_check)

    assert created.order_id == "o-1"
    assert (reported.last.method, reported.last.url.path) == (
        "POST",
        "/trade-api/v2/portfolio/events/orders",
    )
    assert json.loads(reported.last.content) == {
        "ticker": "KXRAIN-A",
        "side": "ask",
        "count": "12.50",
        "price": "0.4000",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "bot-1",
        "order_group_id": "g-1",
        "exchange_index": 2,
    }
    assert reported.last.headers["content-type"] == "application/json"


async def test_an_exit_may_only_reduce_and_own_resting_orders_give_way_to_it():
    async with backend(saying(CREATED, status=201)) as (trading, reported):
        await trading.create(replace(ORDER, aim=Aim.LEAVE), "g-1", 2, nothing_to_check)

    said = json.loads(reported.last.content)
    assert said["reduce_only"] is True
    assert said["self_trade_prevention_type"] == "maker"


@pytest.mark.parametrize(
    ("ask", "method", "path", "body"),
    [
        (
            lambda trading: trading.create_group(500, 2),
            "POST",
            "/create",
            {"contracts_limit_fp": "500.37", "exchange_index": 2},
        ),
        (lambda trading: trading.trigger_group("g/1", 2), "PUT", "/g%2F1/trigger", {}),
        (lambda trading: trading.delete_group("g-1", 2), "DELETE", "/g-1", None),
    ],
)
async def test_order_groups_are_asked_for_by_shard(ask, method, path, body):
    async with backend(saying({"order_group_id": "g-1"}, status=201)) as (trading, reported):
        await ask(trading)

    sent = reported.last
    raw, _, query = sent.url.raw_path.decode().partition("?")
    assert (sent.method, raw) == (method, f"/trade-api/v2/portfolio/order_groups{path}")
    assert (json.loads(sent.content) if sent.content else None) == body
    assert query == ("" if method == "POST" else "exchange_index=2&subaccount=0")


async def test_the_exchange_can_check_the_signature_of_every_request():
    ring = KeyRing({KEY.key_id: KEY})
    async with backend(saying({"orders": [], "cursor": ""})) as (trading, reported):
        await trading.order(ORDER)
    async with backend(saying({})) as (trading, other):
        await trading.trigger_group("g/1", 0)

    for sent in (reported.last, other.last):
        raw = sent.url.raw_path.decode().partition("?")[0]
        named = {name.upper(): value for name, value in sent.headers.items()}
        assert ring.signer(named, sent.method, raw, NOON) == KEY
    assert reported.last.url.query


async def test_market_data_is_signed_when_there_is_a_key_and_else_not():
    for signature in (None, Signer(KEY.key_id, PEM, HandClock()).headers):
        reported = Desk(saying(page()))
        async with open_http(BASE, httpx.MockTransport(reported)) as http:
            budget = TokenBudget(lambda: 0.0)
            await KalshiClient(http, budget, HandClock(), signature).markets(["A"])

        assert ("kalshi-access-key" in reported.last.headers) is (signature is not None)


# Sent once


@pytest.mark.parametrize(
    "say",
    [
        saying({"error": {"code": "service_unavailable"}}, status=503),
        saying({"error": "too many requests"}, status=429),
        saying(b"<html>", status=201),
        saying(b"", status=301),
    ],
    ids=["503", "429", "unreadable", "redirect"],
)
async def test_a_write_is_never_repeated(say):
    async with backend(say) as (trading, reported):
        with pytest.raises(ExchangeError):
            await trading.create(ORDER, "g-1", 0, nothing_to_check)

    assert len(reported.asked) == 1


async def test_the_last_check_comes_after_the_wait_for_the_budget_and_stops_the_order():
    heard: list[str] = []

    class Budget(TokenBudget):
        async def take(self, cost: float = 1.0, *, urgent: bool = False) -> None:
            heard.append("budget")

    def check() -> None:
        heard.append("check")
        raise ExchangeError("too late", code=NOT_SENT)

    reported = Desk(saying(CREATED))
    async with open_http(BASE, httpx.MockTransport(reported)) as http:
        calls = Calls(http, Budget(lambda: 0.0))
        with pytest.raises(ExchangeError, match="too late"):
            await KalshiTrading(calls, calls).create(ORDER, "g-1", 0, check)

    assert heard == ["budget", "check"]
    assert reported.asked == []


async def test_writes_and_reads_have_budgets_of_their_own():
    reported = Desk(saying(CREATED))
    async with open_http(BASE, httpx.MockTransport(reported)) as http:
        reads, writes = TokenBudget(lambda: 0.0), TokenBudget(lambda: 0.0)
        trading = KalshiTrading(Calls(http, reads), Calls(http, writes))
        await trading.create(ORDER, "g-1", 0, nothing_to_check)
        with pytest.raises(ExchangeError):
            await trading.order(ORDER)

    assert (writes.taken, reads.taken) == (1, 1)


async def test_an_address_that_is_none_was_not_sent():
    async with open_http("ftp://exchange.invalid") as http:
        calls = Calls(http, TokenBudget(lambda: 0.0))
        with pytest.raises(ExchangeError) as refused:
            await calls.write(Write("POST", "/x", b"{}"), bytes)

    assert refused.value.code == NOT_SENT


@pytest.mark.parametrize(
    ("status", "code", "is_final"),
    [
        (None, NOT_SENT, True),
        (None, "", False),
        (200, "", False),
        (301, "", False),
        (400, "insufficient_balance", True),
        (401, "", True),
        (403, "", True),
        (404, "not_found", True),
        (408, "", False),
        (409, "trading_is_paused", True),
        (409, "order_already_exists", False),
        (410, "", True),
        (429, "too_many_requests", True),
        (499, "", False),
        (500, "", False),
        (503, "order_group_triggered", False),
    ],
)
def test_only_a_refusal_or_what_was_never_sent_is_the_end_of_an_order(status, code, is_final):
    assert outcome.is_final(ExchangeError("x", status=status, code=code)) is is_final


# Listings


async def test_an_order_is_looked_for_by_its_name_on_all_pages():
    first = {"orders": [order_told("x"), order_told("y")], "cursor": "next"}
    second = {"orders": [order_told("z"), order_told()], "cursor": ""}
    async with backend(saying(first, second)) as (trading, reported):
        found = await trading.order(ORDER)

    assert found is not None
    assert found.order_id == "o-bot-1"
    params = [dict(sent.url.params) for sent in reported.asked]
    since = str(int((NOON - timedelta(minutes=10)).timestamp()))
    asked = {"ticker": "KXRAIN-A", "min_ts": since, "limit": "1000", "subaccount": "0"}
    assert params[0] == asked
    assert params[1] == {**params[0], "cursor": "next"}


async def test_an_order_that_is_on_no_page_is_none():
    async with backend(saying({"orders": [order_told("x")], "cursor": ""})) as (trading, _):
        assert await trading.order(ORDER) is None


@pytest.mark.parametrize(
    ("bodies", "why"),
    [
        ([{"orders": None, "cursor": ""}], "not whole"),
        ([{"orders": []}], "missing required field `cursor`"),
        ([{"cursor": ""}], "missing required field `orders`"),
        ([{"orders": [{"order_id": "x"}], "cursor": ""}], "missing required field"),
        ([{"orders": [], "cursor": "a"}, {"orders": [], "cursor": "a"}], "run in circles"),
        ([{"orders": [], "cursor": "a"}, {"orders": None, "cursor": ""}], "not whole"),
    ],
)
async def test_a_listing_that_is_not_whole_finds_no_order_and_no_absence(bodies, why):
    async with backend(saying(*bodies)) as (trading, _):
        with pytest.raises(ExchangeError, match=why):
            await trading.order(ORDER)


async def test_an_odd_order_of_others_does_not_hide_ours():
    odd = [{"client_order_id": "x", "fill_count_fp": -1}, order_told("y", book_side=None)]
    async with backend(saying({"orders": [*odd, order_told()], "cursor": ""})) as (trading, _):
        found = await trading.order(ORDER)
    async with backend(saying({"orders": odd, "cursor": ""})) as (trading, _):
        absent = await trading.order(ORDER)

    assert found is not None
    assert (found.order_id, absent) == ("o-bot-1", None)


@pytest.mark.parametrize(
    "odd", [order_told(fill_count_fp="-1"), order_told(order_id="o\n1"), {"order_id": "o-1"}, None]
)
async def test_an_order_that_cannot_be_read_and_may_be_ours_is_no_absence(odd):
    async with backend(saying({"orders": [order_told("x"), odd], "cursor": ""})) as (trading, _):
        with pytest.raises(ExchangeError, match="GET /portfolio/orders: entry 1: not the expected"):
            await trading.order(ORDER)


@pytest.mark.parametrize("odd", [{}, {"position_fp": "1e9"}, {"position_fp": None}])
async def test_a_position_that_cannot_be_read_is_not_known_and_costs_no_other_market(odd):
    entries = [position("A", "1.00"), {"ticker": "B", **odd}]
    async with backend(saying({"market_positions": entries, "cursor": ""})) as (trading, _):
        held = await trading.holdings()

    assert held.sizes == {"A": Decimal(1)}
    assert "entry 1: " in (held.unreadable.why("B") or ""), "never flat"
    assert (held.unreadable.why("A"), held.unreadable.why("C")) == (None, None)


@pytest.mark.parametrize("odd", [{"position_fp": "5.00"}, {"ticker": "B,"}, None, 7])
async def test_a_position_of_no_market_may_be_one_of_any_that_is_not_listed(odd):
    entries = [position("A", "1.00"), odd, position("Z", "0.00")]
    async with backend(saying({"market_positions": entries, "cursor": ""})) as (trading, _):
        held = await trading.holdings()

    assert (held.unreadable.why("A"), held.unreadable.why("Z")) == (None, None)
    assert "entry 1: " in (held.unreadable.why("B") or "")


async def test_an_archived_fill_of_another_order_may_be_odd_and_one_of_ours_may_not():
    def archived(order_id: str) -> Json:
        odd = fill_told(2, order_id=order_id, count_fp="x")
        return {"fills": [fill_told(), odd], "cursor": ""}

    async with backend(saying(archived("o-2"))) as (trading, _):
        assert len(await trading.archived_fills(ORDER, "o-1")) == 1
    async with backend(saying(archived("o-1"))) as (trading, _):
        with pytest.raises(ExchangeError, match="count_fp"):
            await trading.archived_fills(ORDER, "o-1")


@pytest.mark.parametrize("odd", [fill_told(2, count_fp="x"), fill_told(2, fill_id="f\x00"), None])
async def test_a_fill_that_cannot_be_read_is_an_error_and_never_left_out(odd):
    async with backend(saying({"fills": [fill_told(), odd], "cursor": ""})) as (trading, _):
        with pytest.raises(ExchangeError, match=r"fills\[1\]"):
            await trading.fills("o-1")


async def test_a_listing_without_an_end_is_an_error(monkeypatch):
    monkeypatch.setattr("bot.kalshi.trading.listings.MOST_PAGES", 3)
    numbers = iter(range(99))

    def say(_request):
        return httpx.Response(200, content=dump({"orders": [], "cursor": f"c-{next(numbers)}"}))

    async with backend(say) as (trading, reported):
        with pytest.raises(ExchangeError, match="no end after 3 pages"):
            await trading.order(ORDER)
    assert len(reported.asked) == 3


async def test_a_page_with_more_entries_than_were_asked_for_is_an_error(monkeypatch):
    monkeypatch.setattr("bot.kalshi.trading.listings.PAGE", 2)
    body = dump({"market_positions": [position("KXRAIN-A", "1.00")] * 3, "cursor": ""})

    async with backend(lambda _: httpx.Response(200, content=body)) as (trading, _):
        with pytest.raises(ExchangeError, match="3 entries on a page of 2"):
            await trading.holdings()


def position(ticker: str, size: str) -> Json:
    return {"ticker": ticker, "position_fp": size, "exchange_index": 0}


async def test_positions_are_signed_and_come_from_all_pages():
    first = {"market_positions": [position("A", "5.00"), position("B", "0.00")], "cursor": "x"}
    second = {"market_positions": [position("C", "-2.50")], "event_positions": []}
    async with backend(saying(first, second)) as (trading, _):
        assert (await trading.holdings()).sizes == {"A": Decimal(5), "C": Decimal("-2.5")}


async def test_a_full_page_of_positions_without_a_word_on_the_next_is_an_error(monkeypatch):
    monkeypatch.setattr("bot.kalshi.trading.listings.PAGE", 2)
    full = {"market_positions": [position("A", "5.00"), position("B", "1.00")]}
    async with backend(saying(full)) as (trading, _):
        with pytest.raises(ExchangeError, match="not whole"):
            await trading.holdings()


async def test_a_market_with_two_positions_is_not_known_and_the_others_are():
    entries = [position("A", "5.00"), position("A", "6.00"), position("B", "1.00")]
    # A page may begin with what the one before ended with.
    entries.append(position("B", "1.00"))
    async with backend(saying({"market_positions": entries, "cursor": ""})) as (trading, _):
        held = await trading.holdings()

    assert held.sizes == {"B": Decimal(1)}
    assert "A is there in two ways" in str(held.unreadable.why("A"))
    assert held.unreadable.why("B") is None


async def test_the_number_of_shards_is_the_exchange_s_word():
    status: Json = {"exchange_active": True, "trading_active": True}
    shards = [
        {"exchange_index": index, "exchange_active": True, "trading_active": True}
        for index in (2, 0)
    ]
    async with backend(saying({**status, "exchange_index_statuses": shards})) as (trading, _):
        assert await trading.shards() == (0, 2)
    async with backend(saying(status)) as (trading, _):
        assert await trading.shards() == (0,)


# What became of an order


def ended(*reported: Json, filled: str = "3.00") -> Execution | str:
    fills = [decode(account.FillWire, dump(one)) for one in reported]
    return outcome.execution(ORDER, "o-1", Decimal(filled), fills)


def test_fills_are_exact_counted_once_and_in_their_order():
    later, first = fill_told(1), fill_told(2, created_time="2026-11-22T12:00:00Z")

    execution = ended(later, first, later)

    assert isinstance(execution, Execution)
    assert execution.status is OrderStatus.PARTIALLY_FILLED
    assert [fill.fill_id for fill in execution.fills] == ["f-2", "f-1"]
    one = execution.fills[1]
    assert (one.side, one.size, one.price) == (Side.SELL, Decimal("1.5"), Decimal("0.41"))
    assert one.fee == Decimal("0.0254")
    assert one.at == datetime(2026, 11, 22, 12, 0, 1, 500_000, tzinfo=UTC)
    assert one.client_order_id == "bot-1"
    expected = "the exchange had no more bids within 40 c from anybody else"
    assert execution.error == expected


def test_a_fill_without_a_time_is_of_the_moment_of_its_order():
    execution = ended(fill_told(created_time=None), filled="1.50")

    assert isinstance(execution, Execution)
    assert execution.fills[0].at == NOON


@pytest.mark.parametrize(
    ("reported", "filled"),
    [
        ([], "1.50"),
        ([fill_told()], "3.00"),
        ([fill_told(1), fill_told(2)], "1.50"),
        ([fill_told(1, count_fp="13.00")], "13.00"),
    ],
    ids=["none yet", "too few", "too many", "more than was wanted"],
)
def test_fills_that_do_not_come_to_the_order_are_no_end(reported, filled):
    assert ended(*reported, filled=filled) == (
        f"order o-1 filled {filled} of 12.5, its fills come to "
        f"{sum((Decimal(one['count_fp']) for one in reported), Decimal(0))}"
    )


@pytest.mark.parametrize(
    ("reported", "why"),
    [
        ([fill_told(order_id="o-2")], "not of order o-1"),
        ([fill_told(ticker="KXRAIN-B")], "not of order o-1"),
        ([fill_told(book_side="bid")], "not of order o-1"),
        ([fill_told(), fill_told(fee_cost="0.03")], "reported in two ways"),
        ([fill_told(yes_price_dollars="1.0000")], "impossible"),
    ],
)
def test_fills_that_cannot_be_ours_are_an_error_of_the_exchange(reported, why):
    with pytest.raises(ExchangeError, match=why):
        ended(*reported)


# Lanes of the budget


@pytest.mark.parametrize(
    ("order", "lane"), [(ORDER, (1.0, False)), (replace(ORDER, aim=Aim.LEAVE), (1.0, True))]
)
async def test_an_exit_waits_for_no_entry(order, lane):
    taken = []

    class Budget(TokenBudget):
        async def take(self, cost: float = 1.0, *, urgent: bool = False) -> None:
            taken.append((cost, urgent))

    async with open_http(BASE, httpx.MockTransport(Desk(saying(CREATED)))) as http:
        calls = Calls(http, Budget(lambda: 0.0))
        trading = KalshiTrading(calls, calls)
        await trading.create(order, "g-1", 0, nothing_to_check)
        with suppress(ExchangeError):
            await trading.cancel("o-1", order, 0)
        await trading.trigger_group("g-1", 0)

    assert taken == [lane, (0.2, True), (1.0, True)]


BALANCE = {"balance_dollars": "12.50", "portfolio_value": 0, "updated_ts": 1}


@pytest.mark.parametrize(
    ("odd", "shards"),
    [
        ({"portfolio_value": None, "updated_ts": "soon"}, {}),
        ({"balance_breakdown": [{"exchange_index": 0, "balance": "12.50"}, None]}, {0: "12.50"}),
        ({"balance_breakdown": [{"exchange_index": 1, "balance": "much"}]}, {}),
    ],
    ids=["unread", "null", "word"],
)
async def test_what_is_odd_about_a_balance_does_not_hide_the_cash(odd, shards):
    async with backend(saying({**BALANCE, **odd})) as (trading, _):
        cash, purses = await trading.purses()

    assert (cash, purses) == (Decimal("12.50"), {n: Decimal(v) for n, v in shards.items()})


async def test_a_movement_that_is_not_in_the_cash_may_be_odd():
    applied = {"id": "d-1", "status": "applied", "amount_cents": 500, "created_ts": 1}
    pending = {"id": "d-2", "status": "pending", "amount_cents": None, "created_ts": None}
    nothing = {"withdrawals": [], "cursor": ""}
    moved = {"transfers": [], "cursor": ""}
    bodies = (moved, {"deposits": [pending, applied], "cursor": ""}, nothing)
    async with backend(saying(*bodies)) as (trading, _):
        found = await trading.movements()
    assert ([one.amount for one in found.movements], found.unreadable) == ([Decimal(5)], ())


@pytest.mark.parametrize(
    "odd",
    [
        {"amount_cents": None},
        {"status": None},
        {"created_ts": 10**18},
        {"finalized_ts": "soon"},
        {"id": ""},
    ],
    ids=lambda odd: next(iter(odd)),
)
async def test_a_deposit_that_cannot_be_read_is_named_and_the_others_are_told(odd):
    applied = {"id": "d-1", "status": "applied", "amount_cents": 500, "created_ts": 1}
    transfer = {"transfer_id": "t-1", "from_subaccount": 0, "to_subaccount": 1, "created_ts": 1}
    transfers = [{**transfer, "amount_cents": 100}, {**transfer, "amount_cents": None}]
    bodies = (
        {"transfers": transfers, "cursor": ""},
        {"deposits": [{**applied, **odd}, {**applied, "id": "d-2"}], "cursor": ""},
        {"withdrawals": [{**applied, "id": "w-1", "amount_cents": 200}], "cursor": ""},
    )
    async with backend(saying(*bodies)) as (trading, _):
        found = await trading.movements()

    assert [one.amount for one in found.movements] == [Decimal(-1), Decimal(5), Decimal(-2)]
    transfer_said, deposit_said = found.unreadable
    assert "GET /portfolio/subaccounts/transfers: entry 1" in transfer_said
    assert "GET /portfolio/deposits: entry 0" in deposit_said or "deposit d-1" in deposit_said


FILL = {
    "fill_id": "f-1",
    "order_id": "o-1",
    "ticker": "KXA",
    "book_side": "bid",
    "count_fp": "5.00",
    "yes_price_dollars": "0.4000",
    "fee_cost": "0.10",
    "is_taker": True,
    "created_time": "2026-06-15T12:00:00Z",
}
CUTOFF = {
    "market_settled_ts": "2026-01-01T00:00:00Z",
    "trades_created_ts": "2026-01-01T00:00:00Z",
    "orders_updated_ts": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    "odd",
    [{"book_side": "both"}, {"created_time": None}, {"count_fp": "many"}, {"fee_cost": None}],
    ids=lambda odd: next(iter(odd)),
)
async def test_a_fill_that_cannot_be_read_costs_its_market_alone(odd):
    fills = [FILL, {**FILL, "fill_id": "f-2", "ticker": "KXB", **odd}]
    async with backend(saying(CUTOFF, {"fills": fills, "cursor": ""})) as (trading, _):
        told, unreadable = await trading.fills_since(datetime(2026, 6, 1, tzinfo=UTC))

    assert [one.ticker for one in told] == ["KXA"]
    assert unreadable.keys() == {"KXB"}
    assert next(iter(odd)) in unreadable["KXB"]


@pytest.mark.parametrize(
    ("again", "odd"),
    [
        ({"count_fp": "5", "yes_price_dollars": "0.40", "is_taker": False}, set()),
        ({"count_fp": "6.00"}, {"KXA"}),
        ({"fee_cost": "0.20"}, {"KXA"}),
        ({"ticker": "KXB"}, {"KXA", "KXB"}),
    ],
    ids=["the same in other digits", "another size", "another fee", "another market"],
)
async def test_a_fill_listed_in_two_ways_costs_its_market_alone(again, odd):
    fills = [FILL, {**FILL, **again}]
    async with backend(saying(CUTOFF, {"fills": fills, "cursor": ""})) as (trading, _):
        _, unreadable = await trading.fills_since(datetime(2026, 6, 1, tzinfo=UTC))

    assert unreadable.keys() == odd


async def test_a_fill_that_names_no_market_may_be_of_any():
    fills = [FILL, {**FILL, "ticker": None}]
    async with backend(saying(CUTOFF, {"fills": fills, "cursor": ""})) as (trading, _):
        with pytest.raises(ExchangeError, match="names no market"):
            await trading.fills_since(datetime(2026, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize("few", [3, 4], ids=["many", "few"])
async def test_orders_have_both_names_wherever_the_exchange_keeps_them(few, monkeypatch):
    by_hand = {"order_id": "o-1", "client_order_id": ""}
    late = {**CUTOFF, "orders_updated_ts": "2026-07-01T00:00:00Z"}
    others = [{"order_id": "o-9", "client_order_id": "not asked"}, 5]
    archived = [{"order_id": "o-2", "client_order_id": "c-2"}]
    known: dict[str, Json] = {
        "/portfolio/orders": {"orders": [by_hand, *others], "cursor": ""},
        "/portfolio/orders/o-1": {"order": by_hand},
        "/portfolio/orders/o-3": {"order": {"order_id": "o-3", "client_order_id": "c-3"}},
        "/portfolio/orders/o-4": {"order": {"order_id": "o-4"}},
        "/historical/cutoff": late,
        "/historical/orders": {"orders": archived, "cursor": ""},
    }
    monkeypatch.setattr(requests, "FEW_ORDERS", few)
    async with backend(knowing(known)) as (trading, reported):
        asked = {"o-1", "o-2", "o-3", "o-4"}
        names = await trading.order_names(asked, datetime(2026, 6, 1, tzinfo=UTC))

    assert names == {"o-1": "", "o-2": "c-2", "o-3": "c-3"}
    paths = [sent.url.path.removeprefix("/trade-api/v2") for sent in reported.asked]
    # A listing has all that were ever sent: it may have no end.
    assert ("/portfolio/orders" in paths) is (few == 3)
    assert ("/portfolio/orders/o-1" in paths) is (few == 4)
    assert paths[-2:] == ["/historical/cutoff", "/historical/orders"]


RESTS: Json = {
    "order_id": "o-1",
    "client_order_id": "by hand",
    "ticker": "KXA",
    "book_side": "ask",
    "status": "resting",
    "initial_count_fp": "9.00",
    "fill_count_fp": "2.00",
    "remaining_count_fp": "7.00",
    "yes_price_dollars": "0.6000",
}


@pytest.mark.parametrize(
    ("odd", "is_read"),
    [
        ({}, True),
        ({"yes_price_dollars": "1.0000"}, False),
        ({"remaining_count_fp": None}, False),
        ({"book_side": "both"}, False),
        ({"status": None}, False),
    ],
    ids=["whole", "price", "left", "side", "status"],
)
async def test_what_is_left_of_an_order_of_other_hands_is_known_if_all_of_it_is(odd, is_read):
    async with backend(saying({"orders": [{**RESTS, **odd}], "cursor": ""})) as (trading, _):
        (found,) = await trading.resting(())

    left = AtRest("KXA", Side.SELL, Decimal("7.00"), Decimal("0.6000"))
    assert (found.ticker, found.at_rest) == ("KXA", left if is_read else None)


@pytest.mark.parametrize("where", ["/markets", "/historical/markets"])
async def test_what_a_market_pays_is_known_wherever_it_is(where):
    paid = {"settlement_value_dollars": "0.3333", "result": "scalar", "status": "finalized"}
    async with backend(knowing({f"{where}/KXA": {"market": market("KXA", **paid)}})) as (
        trading,
        _,
    ):
        assert await trading.payout("KXA") == Decimal("0.3333")
        assert await trading.payout("KXB") is None


async def test_a_key_and_a_group_of_others_may_be_odd():
    mine = {"api_key_id": KEY.key_id, "scopes": ["read"]}
    other = {"api_key_id": "other", "scopes": None}
    async with backend(saying({"api_keys": [other, None, mine]})) as (trading, _):
        assert (await trading.key_rights(KEY.key_id)).scopes == {"read"}

    marked = {"id": "g-1", "contracts_limit_fp": f"5{MARK}", "exchange_index": 1}
    foreign = {"id": "", "contracts_limit_fp": "5.00", "exchange_index": None}
    async with backend(saying({"order_groups": [foreign, marked]})) as (trading, _):
        assert await trading.groups() == {"g-1": 1}


@pytest.mark.parametrize("odd", [{"id": 5}, {"exchange_index": "one"}, {"contracts_limit_fp": 5}])
async def test_a_group_that_may_be_ours_has_to_be_readable(odd):
    marked = {"id": "g-1", "contracts_limit_fp": f"5{MARK}", "exchange_index": 1}
    async with backend(saying({"order_groups": [{**marked, **odd}]})) as (trading, _):
        with pytest.raises(ExchangeError):
            await trading.groups()


# Subaccounts


READS = {
    "/portfolio/orders": lambda trading: trading.order(ORDER),
    "/portfolio/fills": lambda trading: trading.fills("o-1"),
    "/portfolio/positions": lambda trading: trading.holdings(),
    "/portfolio/balance": lambda trading: trading.cash(),
    "/portfolio/settlements": lambda trading: trading.settlement("KXRAIN-A"),
    "/portfolio/order_groups": lambda trading: trading.groups(),
}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("number", [0, 7])
async def test_everything_read_is_of_the_account_that_is_traded(path, number):
    reported = Desk(saying({}))
    async with open_http(BASE, httpx.MockTransport(reported)) as http:
        calls = Calls(http, TokenBudget(lambda: 0.0, capacity=1e6))
        # Nothing of use is answered: what counts is what was asked.
        with suppress(ExchangeError):
            await READS[path](KalshiTrading(calls, calls, number))

    asked = reported.asked[0].url
    assert asked.path == f"/trade-api/v2{path}"
    assert asked.params["subaccount"] == str(number)


@pytest.mark.parametrize(("number", "said"), [(0, None), (7, 7)])
async def test_what_is_written_names_a_subaccount_and_leaves_out_the_primary_one(number, said):
    reported = Desk(saying(CREATED))
    async with open_http(BASE, httpx.MockTransport(reported)) as http:
        calls = Calls(http, TokenBudget(lambda: 0.0, capacity=1e6))
        trading = KalshiTrading(calls, calls, number)
        await trading.create(ORDER, "g-1", 0, nothing_to_check)
        with suppress(ExchangeError):
            await trading.create_group(500, 0)

    bodies = [json.loads(sent.content) for sent in reported.asked]
    assert [body.get("subaccount") for body in bodies] == [said, said]


@pytest.mark.parametrize(
    "odd", [{"count_fp": "0.00"}, {"yes_price_dollars": "1.5"}], ids=["nothing", "price"]
)
async def test_a_fill_that_cannot_be_booked_costs_its_market_alone(odd):
    fills = [FILL, {**FILL, "fill_id": "f-2", "ticker": "KXB", **odd}]
    known: dict[str, Json] = {
        "/portfolio/positions": {"market_positions": [], "cursor": ""},
        "/portfolio/balance": BALANCE,
        "/historical/cutoff": CUTOFF,
        "/portfolio/fills": {"fills": fills, "cursor": ""},
        "/portfolio/orders": {"orders": [], "cursor": ""},
    }
    async with backend(knowing(known)) as (trading, _):
        record = await AccountRecords(trading).record(datetime(2026, 6, 1, tzinfo=UTC))

    assert [one.fill.ticker for one in record.fills] == ["KXA"]
    assert "f-2" in str(record.now.unreadable.why("KXB"))
    assert record.now.unreadable.why("KXA") is None
