from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest

from bot.core.market.fees import FeeKind
from bot.core.market.market import MarketStatus, Side
from bot.sim.engine.errors import Rejected
from bot.sim.engine.events import (
    BookDelta,
    Filled,
    MarketChange,
    MarketChanged,
    OrderChanged,
    SimEvent,
    Traded,
)
from bot.sim.engine.exchange import total_money
from bot.sim.engine.log import EventLog
from bot.sim.engine.orders import Amendment, OrderState, Reason, SelfTrade, TimeInForce
from bot.sim.engine.specs import grid_of
from bot.sim.engine.units import CENT, CONTRACT, DOLLAR
from bot.sim.engine.week import next_pause
from tests.support.sim_exchanges import (
    CLOSE,
    MARKET,
    START,
    buy,
    exchange_with,
    market_spec,
    member,
    recorded,
    request,
    sell,
)

IOC = {"time_in_force": TimeInForce.IOC}
FOK = {"time_in_force": TimeInForce.FOK}


@pytest.fixture
def exchange():
    return exchange_with()


@pytest.fixture
def ann(exchange):
    return member(exchange, "ann")


@pytest.fixture
def bob(exchange):
    return member(exchange, "bob")


@pytest.fixture
def book(exchange):
    return exchange.market(MARKET).book


def refusal(call: Callable[..., object], *args: object, **kwargs: object) -> tuple[int, str]:
    with pytest.raises(Rejected) as raised:
        call(*args, **kwargs)
    return raised.value.status, raised.value.code


def test_the_older_of_two_equal_bids_trades_first(exchange, ann, bob, book):
    cat = member(exchange, "cat")
    first = buy(exchange, ann, 5, 40)
    second = buy(exchange, bob, 5, 40)

    assert book.ahead(bob.open_orders[second.order_id]) == 5 * CONTRACT
    sell(exchange, cat, 6, 40)

    assert ann.orders[first.order_id].state is OrderState.EXECUTED
    assert bob.orders[second.order_id].filled == 1 * CONTRACT


def test_the_taker_gets_the_price_of_the_maker(exchange, ann, bob):
    sell(exchange, ann, 10, 52)

    placed = buy(exchange, bob, 10, 99, **IOC)

    assert placed.filled == 10 * CONTRACT
    assert placed.value == 10 * 52 * CENT * CONTRACT


def test_the_fee_of_one_contract_at_52_cents_is_the_one_seen_on_the_demo_exchange(
    exchange, ann, bob
):
    sell(exchange, ann, 1, 52)

    placed = buy(exchange, bob, 1, 99, **IOC)

    assert placed.fees == 17_500


def test_an_order_that_fills_in_part_rests_with_what_remains(exchange, ann, bob, book):
    sell(exchange, ann, 4, 50)

    placed = buy(exchange, bob, 10, 50)

    assert (placed.filled, placed.remaining) == (4 * CONTRACT, 6 * CONTRACT)
    assert book.levels(Side.BUY) == [(50 * CENT, 6 * CONTRACT)]
    assert book.levels(Side.SELL) == []


def test_an_immediate_order_never_rests(exchange, ann, book):
    placed = buy(exchange, ann, 10, 50, **IOC)

    assert (placed.filled, placed.remaining) == (0, 0)
    assert ann.orders[placed.order_id].state is OrderState.CANCELED
    assert book.levels(Side.BUY) == []


def test_a_fill_or_kill_order_fills_wholly_or_is_refused(exchange, ann, bob, book):
    sell(exchange, ann, 4, 50)

    assert refusal(buy, exchange, bob, 5, 50, **FOK) == (
        409,
        "fill_or_kill_insufficient_resting_volume",
    )
    assert book.ask_size == 4 * CONTRACT
    assert buy(exchange, bob, 4, 50, **FOK).filled == 4 * CONTRACT


def test_a_fill_or_kill_order_does_not_count_on_makers_who_cannot_pay(exchange, bob):
    poor = member(exchange, "poor", dollars=6)
    sell(exchange, poor, 5, 10)
    sell(exchange, poor, 5, 11)

    assert refusal(buy, exchange, bob, 10, 50, **FOK)[1].startswith("fill_or_kill")
    assert exchange.market(MARKET).volume == 0


def test_a_fill_or_kill_order_that_meets_its_own_account_is_taken_as_immediate(exchange, ann, bob):
    sell(exchange, ann, 4, 50)
    sell(exchange, bob, 1, 51)

    placed = buy(exchange, bob, 9, 51, **FOK)

    assert placed.filled == 4 * CONTRACT


def test_a_post_only_order_that_would_trade_is_refused(exchange, ann, bob):
    sell(exchange, ann, 4, 50)

    assert refusal(buy, exchange, bob, 1, 50, post_only=True) == (400, "invalid_order")
    assert buy(exchange, bob, 1, 49, post_only=True).remaining == 1 * CONTRACT


def test_taker_at_cross_stops_the_taker_and_keeps_its_earlier_matches(exchange, ann, bob, book):
    sell(exchange, ann, 2, 50)
    sell(exchange, bob, 2, 51)
    sell(exchange, ann, 2, 52)

    placed = buy(exchange, bob, 6, 55, self_trade=SelfTrade.TAKER)

    assert (placed.filled, placed.remaining) == (2 * CONTRACT, 0)
    assert book.levels(Side.SELL) == [(51 * CENT, 200), (52 * CENT, 200)]


def test_self_trade_prevention_by_maker_cancels_the_resting_order_and_goes_on(exchange, ann, bob):
    own = sell(exchange, bob, 2, 51)
    sell(exchange, ann, 2, 52)
    events = recorded(exchange)

    placed = buy(exchange, bob, 2, 55, self_trade=SelfTrade.MAKER)

    assert placed.filled == 2 * CONTRACT
    gone = next(e for e in events if isinstance(e, OrderChanged) and e.order_id == own.order_id)
    assert (gone.state, gone.reason) == (OrderState.CANCELED, Reason.SELF_TRADE)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"cents": 50.5}, (400, "invalid_price")),
        ({"cents": 0}, (400, "invalid_price")),
        ({"cents": 100}, (400, "invalid_price")),
        ({"contracts": 0}, (400, "invalid_order_size")),
        ({"ticker": "NONE"}, (404, "market_not_found")),
        ({"contracts": 3_000}, (400, "insufficient_balance")),
        ({"expiration": START}, (400, "invalid_order")),
        ({"expiration": CLOSE, **IOC}, (400, "invalid_order")),
        ({"post_only": True, **IOC}, (400, "invalid_order")),
        ({"reduce_only": True}, (400, "invalid_order")),
        ({"reduce_only": True, **IOC}, (400, "invalid_order")),
        ({"group_id": "none"}, (404, "not_found")),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(
    exchange, ann, terms, expected
):
    events = recorded(exchange)

    assert refusal(exchange.place, ann, request(**terms)) == expected
    assert events == []
    assert ann.orders == {}


def test_a_client_order_id_serves_once_even_after_a_cancel(exchange, ann):
    placed = buy(exchange, ann, 1, 50, client_order_id="mine")
    exchange.cancel(ann, placed.order_id)

    assert refusal(buy, exchange, ann, 1, 50, client_order_id="mine") == (
        409,
        "order_already_exists",
    )


def test_reduce_only_never_turns_a_position_over(exchange, ann, bob):
    sell(exchange, ann, 3, 50)
    buy(exchange, bob, 3, 50)
    buy(exchange, ann, 10, 45)

    placed = sell(exchange, bob, 9, 45, reduce_only=True, **IOC)

    assert placed.filled == 3 * CONTRACT
    assert bob.position(MARKET) == 0


def test_opposite_positions_net_and_give_the_dollar_back(exchange, ann, bob):
    sell(exchange, ann, 10, 40)
    buy(exchange, bob, 10, 40)
    after_opening = ann.cash[0]
    sell(exchange, bob, 10, 30)
    buy(exchange, ann, 10, 30)

    assert after_opening == 1_000 * DOLLAR - 6 * DOLLAR
    assert ann.position(MARKET) == bob.position(MARKET) == 0
    assert ann.cash[0] == 1_001 * DOLLAR - ann.positions[MARKET].fees
    assert ann.positions[MARKET].realised == 1 * DOLLAR
    assert bob.positions[MARKET].realised == -1 * DOLLAR
    assert exchange.market(MARKET).open_interest == 0


def test_cash_on_one_shard_backs_no_order_on_another():
    exchange = exchange_with(exchange_index=2)
    ann = member(exchange, shard=0)

    assert refusal(buy, exchange, ann, 1, 50) == (400, "insufficient_balance")
    exchange.deposit(ann, 2, 10 * DOLLAR)
    assert buy(exchange, ann, 1, 50).remaining == 1 * CONTRACT


def test_a_resting_order_whose_owner_cannot_pay_any_more_is_cancelled_at_the_match(exchange, bob):
    poor = member(exchange, "poor", dollars=10)
    first = buy(exchange, poor, 10, 90)
    second = buy(exchange, poor, 10, 89)

    sell(exchange, bob, 20, 80)

    assert poor.orders[first.order_id].state is OrderState.EXECUTED
    assert poor.orders[second.order_id].state is OrderState.CANCELED
    assert poor.cash[0] >= 0
    assert exchange.market(MARKET).book.levels(Side.SELL) == [(80 * CENT, 10 * CONTRACT)]


def test_a_taker_whose_cash_runs_out_in_tiny_fills_is_stopped(exchange):
    ann, bob = member(exchange, "ann"), member(exchange, "bob", dollars=0)
    for _ in range(300):
        sell(exchange, ann, 0.01, 55)
    # Enough for three contracts in one fill, not for the fees of three hundred rounded up.
    exchange.deposit(bob, 0, 1_702_100)

    placed = buy(exchange, bob, 3, 55, **IOC)

    assert bob.cash[0] >= 0
    assert 2 * CONTRACT < placed.filled < 3 * CONTRACT
    assert bob.orders[placed.order_id].state is OrderState.CANCELED


def test_house_accounts_may_owe_cash_and_are_not_told_of_their_orders(exchange, bob):
    house = exchange.open_account("house", house=True)
    events = recorded(exchange)
    placed = sell(exchange, house, 10, 40)
    buy(exchange, bob, 10, 40)

    assert house.cash[0] == -6 * DOLLAR
    assert house.orders == {}
    assert placed.order_id not in house.open_orders
    assert {e.account for e in events if isinstance(e, OrderChanged | Filled)} == {"bob"}


def test_amending_to_less_keeps_the_place_and_to_more_loses_it(exchange, ann, bob, book):
    mine = buy(exchange, ann, 10, 40)
    buy(exchange, bob, 10, 40)
    order = ann.open_orders[mine.order_id]

    exchange.amend(ann, mine.order_id, Amendment(price=4_000, size=500))
    place_after_less = book.ahead(order)
    placed = exchange.amend(ann, mine.order_id, Amendment(price=4_000, size=600))

    assert place_after_less == 0
    assert book.ahead(order) == 10 * CONTRACT
    assert placed.remaining == 6 * CONTRACT


def test_amending_through_the_book_trades_at_once(exchange, ann, bob):
    sell(exchange, bob, 5, 50)
    mine = buy(exchange, ann, 10, 40)

    placed = exchange.amend(ann, mine.order_id, Amendment(price=5_000, size=1_000))

    assert (placed.filled, placed.remaining) == (5 * CONTRACT, 5 * CONTRACT)


def test_the_new_count_of_an_amendment_includes_what_is_filled(exchange, ann, bob):
    mine = buy(exchange, ann, 10, 40)
    sell(exchange, bob, 4, 40)

    placed = exchange.amend(ann, mine.order_id, Amendment(price=4_000, size=700))
    too_small = refusal(exchange.amend, ann, mine.order_id, Amendment(price=4_000, size=400))

    assert (placed.filled, placed.remaining) == (4 * CONTRACT, 3 * CONTRACT)
    assert too_small == (400, "invalid_order_size")


def test_an_amendment_can_rename_an_order_but_not_to_a_name_used_before(exchange, ann):
    buy(exchange, ann, 1, 30, client_order_id="taken")
    mine = buy(exchange, ann, 1, 40, client_order_id="old")

    terms = Amendment(price=4_000, size=100, client_order_id="new")
    assert exchange.amend(ann, mine.order_id, terms).client_order_id == "new"
    clash = Amendment(price=4_000, size=100, client_order_id="taken")
    assert refusal(exchange.amend, ann, mine.order_id, clash)[1] == "order_already_exists"


def test_decreasing_keeps_the_place_and_to_nothing_cancels(exchange, ann, bob, book):
    mine = buy(exchange, ann, 10, 40)
    buy(exchange, bob, 10, 40)
    order = ann.open_orders[mine.order_id]

    assert exchange.decrease(ann, mine.order_id, by=300) == 700
    assert book.ahead(order) == 0
    assert exchange.decrease(ann, mine.order_id, to=100) == 100
    assert refusal(exchange.decrease, ann, mine.order_id, to=200)[1] == "invalid_order_size"
    assert exchange.decrease(ann, mine.order_id, to=100) == 100
    assert exchange.decrease(ann, mine.order_id, by=900) == 0
    assert refusal(exchange.decrease, ann, mine.order_id, to=0) == (404, "not_found")


def test_an_order_is_cancelled_once(exchange, ann):
    placed = buy(exchange, ann, 10, 40)

    assert exchange.cancel(ann, placed.order_id).reduced_by == 10 * CONTRACT
    assert refusal(exchange.cancel, ann, placed.order_id) == (404, "not_found")


def test_nobody_cancels_the_orders_of_another(exchange, ann, bob):
    placed = buy(exchange, ann, 10, 40)

    assert refusal(exchange.cancel, bob, placed.order_id) == (404, "not_found")


def test_cancel_all_leaves_other_markets_alone_when_told_to():
    exchange = exchange_with("A", "B")
    ann = member(exchange)
    for ticker in ("A", "A", "B"):
        buy(exchange, ann, 1, 40, ticker=ticker)

    assert exchange.cancel_all(ann, "A") == 2
    assert exchange.cancel_all(ann) == 1
    assert exchange.cancel_all(ann) == 0


def test_an_order_expires_on_its_second(exchange, ann):
    at = START + timedelta(seconds=10)
    placed = buy(exchange, ann, 1, 40, expiration=at)
    checkpoint = buy(exchange, ann, 1, 41, expiration=at)
    moved = Amendment(price=4_100, size=100, expiration=at + timedelta(seconds=5))
    exchange.amend(ann, checkpoint.order_id, moved)
    freed = buy(exchange, ann, 1, 42, expiration=at)
    exchange.amend(ann, freed.order_id, Amendment(price=4_200, size=100, clear_expiration=True))

    exchange.advance(at)
    after_ten = set(ann.open_orders)
    exchange.advance(at + timedelta(minutes=1))

    assert ann.orders[placed.order_id].state is OrderState.CANCELED
    assert after_ten == {checkpoint.order_id, freed.order_id}
    assert set(ann.open_orders) == {freed.order_id}


def test_a_market_lives_from_its_opening_to_its_payment(ann, bob, exchange):
    exchange.add_market(market_spec("LATER", open_time=START + timedelta(hours=1)))
    events = recorded(exchange)
    assert refusal(buy, exchange, ann, 1, 40, ticker="LATER") == (400, "MARKET_NOT_ACTIVE")

    exchange.advance(START + timedelta(hours=1))
    sell(exchange, ann, 10, 40, ticker="LATER")
    buy(exchange, bob, 10, 40, ticker="LATER")
    waiting = buy(exchange, bob, 10, 20, ticker="LATER")
    exchange.advance(CLOSE)
    exchange.determine("LATER", "yes")
    paid_at_determination = bob.cash[0]
    exchange.advance(CLOSE + timedelta(seconds=60))

    kinds = [e.kind for e in events if isinstance(e, MarketChanged) and e.ticker == "LATER"]
    assert kinds == [
        MarketChange.OPENED,
        MarketChange.CLOSED,
        MarketChange.DETERMINED,
        MarketChange.SETTLED,
    ]
    assert bob.orders[waiting.order_id].state is OrderState.CANCELED
    assert bob.cash[0] - paid_at_determination == 10 * DOLLAR
    assert exchange.market("LATER").status is MarketStatus.FINALIZED
    assert [s.revenue for s in ann.settlements] == [0]


def test_a_scalar_result_pays_both_sides_their_part(exchange, ann, bob):
    sell(exchange, ann, 10, 40)
    buy(exchange, bob, 10, 40)
    before = {name: exchange.state.accounts[name].cash[0] for name in ("ann", "bob")}

    exchange.advance(CLOSE)
    exchange.determine(MARKET, "scalar", 2_500)
    exchange.advance(CLOSE + timedelta(hours=1))

    assert bob.cash[0] - before["bob"] == 2_500_000
    assert ann.cash[0] - before["ann"] == 7_500_000


def test_what_a_balance_cannot_hold_of_a_scalar_payment_is_a_fee(exchange, ann, bob):
    sell(exchange, ann, 0.01, 40)
    buy(exchange, bob, 0.01, 40)
    pot = exchange.state.fee_pot

    exchange.advance(CLOSE)
    exchange.determine(MARKET, "scalar", 2_533)
    exchange.advance(CLOSE + timedelta(hours=1))

    assert exchange.state.fee_pot - pot == 33 + 67
    assert total_money(exchange) == 2_000 * DOLLAR


@pytest.mark.parametrize(("result", "value"), [("scalar", None), ("scalar", 10_001), ("?", -1)])
def test_an_impossible_result_is_refused(exchange, result, value):
    exchange.advance(CLOSE)

    with pytest.raises(ValueError, match="cannot pay"):
        exchange.determine(MARKET, result, value)


def test_only_a_closed_market_is_determined(exchange):
    with pytest.raises(ValueError, match="is active, not closed"):
        exchange.determine(MARKET, "yes")


def test_the_close_moves_both_ways(exchange, ann):
    exchange.set_close_time(MARKET, CLOSE + timedelta(hours=1))
    exchange.advance(CLOSE)
    assert exchange.market(MARKET).is_open

    exchange.set_close_time(MARKET, exchange.now)
    assert exchange.market(MARKET).status is MarketStatus.CLOSED
    with pytest.raises(ValueError, match="already closed"):
        exchange.set_close_time(MARKET, CLOSE)


def test_reactivation_cancels_what_rested_through_the_halt(exchange, ann):
    placed = buy(exchange, ann, 1, 40)

    exchange.deactivate(MARKET)
    assert refusal(buy, exchange, ann, 1, 40) == (400, "MARKET_NOT_ACTIVE")
    assert placed.order_id in ann.open_orders
    exchange.activate(MARKET)

    assert ann.open_orders == {}
    assert buy(exchange, ann, 1, 40).remaining == 1 * CONTRACT


def test_a_trading_pause_takes_cancels_and_no_orders(exchange, ann):
    stays = buy(exchange, ann, 1, 40)
    goes = buy(exchange, ann, 1, 40, cancel_on_pause=True)

    exchange.pause_trading(True)
    assert set(ann.open_orders) == {stays.order_id}
    assert goes.order_id in ann.orders
    assert refusal(buy, exchange, ann, 1, 40) == (409, "trading_is_paused")
    exchange.cancel(ann, stays.order_id)
    exchange.pause_trading(False)

    assert buy(exchange, ann, 1, 40).remaining == 1 * CONTRACT


def test_a_week_is_kept_when_asked_for_and_its_pause_comes_at_three_in_new_york(ann, exchange):
    exchange.set_close_time(MARKET, START + timedelta(days=30))
    exchange.schedule_weekly_pause()
    thursday = datetime(2026, 11, 26, tzinfo=UTC)
    active = {}
    for hours in (7.9, 8, 9.9, 10, 24 * 7 + 8.5):
        exchange.advance(thursday + timedelta(hours=hours))
        active[hours] = exchange.state.shards[2].trading_active

    assert active == {7.9: True, 8: False, 9.9: False, 10: True, 24 * 7 + 8.5: False}
    assert refusal(buy, exchange, ann, 1, 40) == (409, "trading_is_paused")


@pytest.mark.parametrize(
    ("after", "start"),
    [
        ("2026-11-26T07:59:59+00:00", "2026-11-26T08:00:00+00:00"),
        ("2026-11-26T09:59:59+00:00", "2026-11-26T08:00:00+00:00"),
        ("2026-11-26T10:00:00+00:00", "2026-12-03T08:00:00+00:00"),
        ("2026-07-01T00:00:00+00:00", "2026-07-02T07:00:00+00:00"),
    ],
)
def test_the_weekly_pause_follows_the_clocks_of_new_york(after, start):
    begins, ends = next_pause(datetime.fromisoformat(after))

    assert begins == datetime.fromisoformat(start)
    assert ends - begins == timedelta(hours=2)


def test_an_exchange_pause_takes_nothing_on_its_shard(exchange, ann):
    placed = buy(exchange, ann, 1, 40)

    exchange.pause_exchange(True, shard=3)
    buy(exchange, ann, 1, 40)
    exchange.pause_exchange(True, shard=0)

    assert refusal(buy, exchange, ann, 1, 40) == (409, "exchange_is_paused")
    assert refusal(exchange.cancel, ann, placed.order_id) == (409, "exchange_is_paused")
    assert exchange.cancel_all(ann) == 0


def test_nothing_is_cancelled_by_hand_after_the_close(exchange, ann):
    market = exchange.market(MARKET)
    placed = buy(exchange, ann, 1, 40)
    market.status = MarketStatus.CLOSED

    assert refusal(exchange.cancel, ann, placed.order_id) == (400, "MARKET_NOT_ACTIVE")


def test_an_order_group_over_its_limit_cancels_its_orders_until_it_is_reset(exchange, ann, bob):
    group = exchange.groups.create(ann, 5 * CONTRACT)
    in_group = {"group_id": group.group_id}
    buy(exchange, ann, 4, 40, **in_group)
    buy(exchange, ann, 4, 39, **in_group)
    rest = buy(exchange, ann, 4, 38, **in_group)
    outside = buy(exchange, ann, 4, 37)

    sell(exchange, bob, 6, 39)

    assert group.is_triggered
    assert set(ann.open_orders) == {outside.order_id}
    assert ann.orders[rest.order_id].state is OrderState.CANCELED
    assert refusal(buy, exchange, ann, 1, 40, **in_group) == (409, "order_group_triggered")
    group.reset()
    assert buy(exchange, ann, 1, 40, **in_group).remaining == 1 * CONTRACT


def test_matches_older_than_fifteen_seconds_do_not_count_for_a_group(exchange, ann, bob):
    group = exchange.groups.create(ann, 5 * CONTRACT)
    for second in (0, 16):
        exchange.advance(START + timedelta(seconds=second))
        buy(exchange, ann, 4, 40, group_id=group.group_id)
        sell(exchange, bob, 4, 40)

    assert not group.is_triggered
    exchange.groups.limit(group, 5 * CONTRACT)
    assert not group.is_triggered
    exchange.groups.limit(group, 3 * CONTRACT)
    assert group.is_triggered


def test_a_deleted_group_takes_its_orders_along(exchange, ann, bob):
    group = exchange.groups.create(ann, 5 * CONTRACT)
    buy(exchange, ann, 4, 40, group_id=group.group_id)

    assert refusal(exchange.groups.one, bob, group.group_id) == (404, "not_found")
    exchange.groups.delete(exchange.groups.one(ann, group.group_id))

    assert ann.open_orders == {}
    assert refusal(exchange.groups.one, ann, group.group_id) == (404, "not_found")


def test_time_does_not_go_back(exchange):
    with pytest.raises(ValueError, match="cannot go back"):
        exchange.advance(START - timedelta(seconds=1))


def test_names_serve_once(exchange, ann):
    with pytest.raises(ValueError, match="listed already"):
        exchange.add_market(market_spec())
    with pytest.raises(ValueError, match="exists already"):
        member(exchange, "ann")


def test_a_finer_grid_lets_new_prices_in_and_leaves_what_rests(exchange, ann, book):
    buy(exchange, ann, 1, 40)
    events = recorded(exchange)

    exchange.set_grid(MARKET, grid_of(("0", "1", "0.005")), "center_half_edge_half_cent")
    buy(exchange, ann, 1, 40.5)

    assert book.levels(Side.BUY) == [(4_050, 100), (4_000, 100)]
    assert [e.kind for e in events if isinstance(e, MarketChanged)] == [MarketChange.GRID_UPDATED]


def test_a_market_with_fees_nobody_knows_is_not_listed():
    with pytest.raises(ValueError, match="fees of kind flat are not known"):
        exchange_with(fee_kind=FeeKind.FLAT)


def test_the_fees_of_an_event_win_over_those_of_its_series(exchange):
    exchange.add_series(exchange.state.series["KXRAIN"])
    event = exchange.state.events["KXRAIN-26NOV23"]
    override = replace(
        event,
        event_ticker="KXRAIN-HALF",
        fee_kind_override=FeeKind.WITH_MAKER_FEES,
        fee_multiplier_override=Decimal("0.5"),
    )
    exchange.add_event(override)
    market = exchange.add_market(replace(market_spec("HALF"), event_ticker="KXRAIN-HALF"))

    assert (market.fees.kind, market.fees.multiplier) == (
        FeeKind.WITH_MAKER_FEES,
        Decimal("0.5"),
    )


def test_a_listener_may_trade_and_everybody_still_sees_one_order_of_things(exchange, ann, bob):
    seen_before: list[SimEvent] = []
    seen_after: list[SimEvent] = []
    exchange.subscribe(seen_before.append)

    def answer(event):
        if isinstance(event, BookDelta) and event.account == "ann" and event.change > 0:
            sell(exchange, bob, 1, 40)

    exchange.subscribe(answer)
    stop = exchange.subscribe(seen_after.append)
    buy(exchange, ann, 1, 40)
    stop()
    buy(exchange, ann, 1, 30)

    assert seen_after == seen_before[: len(seen_after)]
    assert len(seen_before) > len(seen_after)
    assert any(isinstance(e, Traded) for e in seen_after)


def test_the_same_seed_and_calls_give_the_same_log():
    logs = []
    for _ in range(2):
        exchange, stream = exchange_with(seed=7), BytesIO()
        exchange.subscribe(EventLog(stream).write)
        ann, bob = member(exchange, "ann"), member(exchange, "bob")
        buy(exchange, ann, 3, 40, client_order_id="x")
        sell(exchange, bob, 2, 40)
        exchange.advance(CLOSE)
        logs.append(stream.getvalue())

    assert logs[0] == logs[1]
    assert logs[0].count(b"\n") > 10
    assert b'["Traded","2026-11-23T12:00:00Z","KXRAIN-26NOV23-NYC"' in logs[0]
