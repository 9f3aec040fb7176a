"""The whole pass, over fakes: what the exchange does wrong costs nobody a position."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.events import (
    CycleFinished,
    EntriesStopped,
    FetchFailed,
    MarketSettled,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    PnlMarked,
    PositionClosed,
    PositionOpened,
    SignalMade,
)
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import MarketStatus
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import OrderStatus
from bot.core.risk.limits import RiskLimits
from bot.trading.decision import Worth
from tests.support.cycle_bench import BOOK, CASH, Bench
from tests.support.strategies import ladder
from tests.support.trading import FakeVenue


async def test_a_high_score_buys_at_the_ask_and_pays_the_fee():
    bench = Bench()

    await bench.run(0.8)

    (ended,) = bench.journal.of(OrderEnded)
    assert ended.execution.status is OrderStatus.FILLED
    assert ended.execution.average_price == Decimal("0.53")
    assert bench.position() == 100
    assert bench.trader.portfolio.cash == CASH - 53 - ended.execution.fees
    assert ended.execution.fees > 0


async def test_a_low_score_sells_short_and_never_opens_a_long():
    bench = Bench()

    await bench.run(0.2)

    assert bench.position() == -100


@pytest.mark.parametrize("opinion", [0.8, 0.2])
async def test_an_exit_is_an_order_with_a_fill_and_a_result(opinion):
    bench = Bench()
    await bench.run(opinion)

    await bench.run(0.5)

    (submitted,) = bench.journal.of(OrderSubmitted)
    (closed,) = bench.journal.of(PositionClosed)
    spread_and_fees = Decimal(1) + bench.trader.portfolio.fees
    assert submitted.order.size == 100
    assert bench.position() == 0
    assert closed.realised == -spread_and_fees == bench.trader.equity - CASH


async def test_a_failed_fetch_changes_no_position_and_is_said():
    bench = Bench()
    await bench.run(0.8)
    before = bench.trader.portfolio

    bench.exchange.fails = "GET /markets/orderbooks: 503"
    fault = await bench.run(0.5)

    assert fault == "order books: GET /markets/orderbooks: 503"
    assert bench.trader.portfolio is before
    assert bench.journal.of(FetchFailed)
    assert not bench.journal.of(SignalMade)
    assert bench.audience.missing == {"A": "GET /markets/orderbooks: 503"}


async def test_the_fault_clears_when_the_exchange_is_back():
    bench = Bench()
    bench.exchange.fails = "down"
    assert await bench.run(0.5) is not None

    bench.exchange.fails = ""

    assert await bench.run(0.5) is None


async def test_given_one_dead_market_the_others_still_trade():
    bench = Bench("A", "B")
    del bench.exchange.shown["A"]

    fault = await bench.run(0.8)

    assert bench.position("A") == 0
    assert bench.position("B") == 100
    assert fault == "order books: A: the exchange shows no book"


async def test_no_opinion_holds_what_is_held():
    bench = Bench()
    await bench.run(0.8)

    await bench.run(None, cycles=3)

    assert bench.position() == 100
    assert {event.action.value for event in bench.journal.of(SignalMade)} == {"hold"}
    assert {event.reason for event in bench.journal.of(SignalMade)} == {
        "held without a prediction: the fake has no opinion"
    }


async def test_an_empty_or_one_sided_book_is_no_reason_to_trade():
    bench = Bench()
    await bench.run(0.8)

    for book in (OrderBook((), ()), OrderBook(BOOK.bids, ()), OrderBook((), BOOK.asks)):
        bench.exchange.shown["A"] = book
        await bench.run(0.5)

        assert bench.position() == 100
        assert not bench.journal.of(OrderSubmitted)


async def test_an_order_takes_no_more_than_is_shown():
    bench = Bench(
        size=1_000,
        limits=RiskLimits(
            max_order_cost=CASH,
            max_market_exposure=CASH,
            max_event_exposure=CASH,
            max_total_exposure=CASH,
        ),
    )

    await bench.run(0.8)

    (ended,) = bench.journal.of(OrderEnded)
    assert ended.execution.status is OrderStatus.PARTIALLY_FILLED
    assert bench.position() == 800


async def test_risk_refuses_with_its_numbers_and_nothing_is_sent():
    bench = Bench(limits=RiskLimits(max_order_cost=Decimal(10)))

    await bench.run(0.8)

    (refused,) = bench.journal.of(OrderRefused)
    assert "$54" in refused.reason
    assert "$10" in refused.reason
    assert bench.position() == 0
    assert not bench.journal.of(OrderSubmitted)


@pytest.mark.parametrize(
    "fees", [None, FeeSchedule(FeeKind.FLAT, Decimal(1)), FeeSchedule(FeeKind.UNKNOWN, Decimal(1))]
)
async def test_a_market_whose_fees_are_not_known_is_not_traded(fees):
    bench = Bench()
    bench.exchange.change("A", fees=fees)

    await bench.run(0.8)

    assert bench.position() == 0
    assert "fees of A are not known" in bench.journal.of(OrderRefused)[0].reason


@pytest.mark.parametrize(
    "status", [s for s in MarketStatus if s not in {MarketStatus.ACTIVE, MarketStatus.FINALIZED}]
)
async def test_only_an_active_market_is_traded_and_only_a_final_one_settles(status):
    bench = Bench()
    await bench.run(0.8)
    bench.exchange.change("A", status=status, result="yes", settlement_value=Decimal(1))

    await bench.run(0.5)

    assert bench.position() == 100
    assert not bench.journal.of(MarketSettled)


@pytest.mark.parametrize(("result", "payout"), [("no", "0"), ("yes", "1"), ("scalar", "0.37")])
async def test_a_finalized_market_pays_what_it_settled_at(result, payout):
    bench = Bench()
    await bench.run(0.8)
    fees = bench.trader.portfolio.fees
    paid = {"result": result, "settlement_value": Decimal(payout)}
    bench.exchange.change("A", status=MarketStatus.FINALIZED, **paid)
    del bench.exchange.shown["A"]

    await bench.run(0.5)

    (settled,) = bench.journal.of(MarketSettled)
    assert settled.realised == 100 * (Decimal(payout) - Decimal("0.53")) - fees
    assert bench.trader.portfolio.cash == CASH + settled.realised
    assert bench.position() == 0
    assert [event.how for event in bench.journal.of(PositionClosed)] == ["settlement"]


async def test_held_markets_are_asked_to_stay_watched():
    bench = Bench()
    await bench.run(0.8)

    await bench.run(0.8)

    assert bench.exchange.held == ("A",)


async def test_a_signal_stands_before_its_order_and_says_what_the_position_became():
    bench = Bench()

    await bench.run(0.8)

    names = [type(event).__name__ for event in bench.journal.events]
    assert names == [
        "CycleStarted",
        "MarketsFetched",
        "SignalMade",
        "OrderSubmitted",
        "OrderEnded",
        "PositionOpened",
        "PnlMarked",
        "PnlMarked",
        "CycleFinished",
    ]
    (signal,) = bench.journal.of(SignalMade)
    assert (signal.position_before, signal.position_after) == (0, 100)
    assert signal.model_version == "fake_v1"
    assert signal.price == 0.525


async def test_a_refused_entry_leaves_the_signal_with_the_old_position():
    bench = Bench(limits=RiskLimits(max_order_cost=Decimal(1)))

    await bench.run(0.8)

    (signal,) = bench.journal.of(SignalMade)
    assert signal.action.value == "enter_long"
    assert signal.position_after == 0


async def test_every_cycle_marks_the_account_and_flushes_the_journal_once():
    bench = Bench("A", "B", "C", chunk=1)

    await bench.run(None, cycles=4)

    assert len([e for e in bench.journal.of(PnlMarked) if e.ticker is None]) == 4
    assert bench.journal.flushes == 4
    assert bench.audience.published == 4
    assert [event.number for event in bench.journal.of(CycleFinished)] == [1, 2, 3, 4]


async def test_chunks_make_no_difference():
    tickers = [f"M{number}" for number in range(7)]
    whole, parted = Bench(*tickers), Bench(*tickers, chunk=2)

    for bench in (whole, parted):
        for opinion in (0.8, 0.5, 0.3, None, 0.7):
            await bench.run(opinion)

    assert whole.trader.portfolio == parted.trader.portfolio
    assert Counter(map(type, whole.journal.events)) == Counter(map(type, parted.journal.events))


async def test_the_days_profit_starts_anew_at_midnight_utc():
    bench = Bench()
    await bench.run(0.8)
    lost = bench.trader.daily_pnl
    assert lost < 0

    bench.clock.at = bench.clock.at.replace(hour=0, minute=0) + timedelta(days=1)
    bench.exchange.change("A", close_time=bench.clock.at + timedelta(days=1))
    await bench.run(None)

    assert bench.trader.daily_pnl == 0


async def test_a_losing_day_stops_entries_but_not_exits():
    bench = Bench("A", "B", limits=RiskLimits(daily_loss_stop=Decimal("0.01")))
    del bench.exchange.shown["B"]
    await bench.run(0.8)
    bench.exchange.shown["B"] = BOOK
    (stopped,) = bench.journal.of(EntriesStopped)
    assert "no entries until 00:00 UTC" in stopped.reason

    await bench.run(0.8, cycles=3)
    assert not bench.journal.of(EntriesStopped)
    assert not bench.journal.of(OrderRefused)
    assert bench.position("B") == 0
    assert {s.reason for s in bench.journal.of(SignalMade) if s.ticker == "B"} == {stopped.reason}

    await bench.run(0.5)
    assert bench.position("A") == 0


async def test_opened_and_closed_are_told_with_size_and_price():
    bench = Bench()
    await bench.run(0.8)

    (opened,) = bench.journal.of(PositionOpened)
    assert (opened.size, opened.price) == (100, Decimal("0.53"))


async def test_a_cycle_with_nothing_to_watch_is_a_quiet_cycle():
    bench = Bench()
    bench.exchange.markets.clear()

    assert await bench.run(0.8) is None
    assert not bench.journal.of(SignalMade)


async def test_the_account_always_balances():
    bench = Bench("A", "B")
    for opinion in (0.8, 0.3, 0.5, 0.1, 0.62, None, 0.9, 0.44, 0.61):
        await bench.run(opinion)

        portfolio = bench.trader.portfolio
        assert portfolio.cash + portfolio.exposure == (
            portfolio.start + portfolio.realised - portfolio.fees
        )


def _moving(bench):
    """A second book two cents off: so that the market is known to move."""
    bench.exchange.shown["A"] = OrderBook(
        bids=ladder(("0.54", 300), ("0.53", 500)), asks=ladder(("0.55", 300), ("0.56", 500))
    )


async def test_an_entry_that_should_not_pay_is_held_back_and_says_why():
    bench = Bench(worth=Worth(factor=0.1, horizon=10.0))
    await bench.run(None)
    _moving(bench)

    await bench.run(0.8)

    (signal,) = bench.journal.of(SignalMade)
    assert signal.score == 0.8
    assert signal.action.value == "hold"
    assert "below BOT_MIN_EDGE 0 c" in signal.reason
    assert bench.position() == 0


async def test_an_entry_that_should_pay_is_made():
    bench = Bench(worth=Worth(factor=50.0, horizon=10.0))
    await bench.run(None)
    _moving(bench)

    await bench.run(0.8)

    assert bench.position() == 100


async def test_the_least_edge_can_be_set_below_all_costs():
    bench = Bench(worth=Worth(factor=0.1, horizon=10.0), min_edge=-100.0)
    await bench.run(None)
    _moving(bench)

    await bench.run(0.8)

    assert bench.position() == 100


async def test_an_exit_is_never_held_back_for_its_cost():
    bench = Bench(worth=Worth(factor=50.0, horizon=10.0))
    await bench.run(None)
    _moving(bench)
    await bench.run(0.8)

    await bench.run(0.5)

    assert bench.position() == 0


async def test_where_the_fees_are_not_known_risk_says_so_not_the_edge():
    bench = Bench(worth=Worth(factor=0.1, horizon=10.0))
    await bench.run(None)
    _moving(bench)
    bench.exchange.change("A", fees=None)

    await bench.run(0.8)

    assert "fees of A are not known" in bench.journal.of(OrderRefused)[0].reason


async def test_the_row_of_a_market_keeps_what_its_position_earned_when_it_ends():
    bench = Bench()
    await bench.run(0.8)

    await bench.run(0.5)

    (row,) = [event for event in bench.journal.of(PnlMarked) if event.ticker == "A"]
    (closed,) = bench.journal.of(PositionClosed)
    assert row.realised == closed.realised == bench.trader.portfolio.net


@pytest.mark.parametrize(("skew", "position"), [(30.0, 0), (1.0, 100), (None, 100)])
async def test_a_clock_that_differs_from_the_exchange_pauses_entries(skew, position):
    bench = Bench(limits=RiskLimits(max_errors_per_minute=1, error_pause=300.0))
    bench.exchange.skew = skew

    await bench.run(0.8)

    assert bench.position() == position


async def test_what_a_closed_market_shows_is_neither_asked_for_nor_judged():
    bench = Bench("A", "B")
    await bench.run(0.8)
    bench.exchange.change("A", status=MarketStatus.CLOSED)
    bench.exchange.shown["A"] = OrderBook((), ())
    before = bench.trader.equity

    await bench.run(0.5)

    assert [event.ticker for event in bench.journal.of(SignalMade)] == ["B"]
    assert bench.position("A") == 100
    assert bench.audience.missing == {"A": "the market is closed"}
    assert bench.cycle._fault is None
    assert bench.trader.equity <= before

    bench.exchange.change("A", close_time=bench.clock.now(), status=MarketStatus.ACTIVE)
    await bench.run(0.5)
    assert bench.audience.missing == {"A": "the market is closed"}


async def test_an_order_in_doubt_is_booked_kept_and_shown_while_no_pass_runs():
    bench = Bench()
    venue = FakeVenue({"A": 1})
    bench.trader._gateway._venue = venue
    await bench.run(0.8)
    assert not bench.position()
    shown = bench.audience.published

    await bench.cycle.resolve_in_doubt()

    assert bench.position() == 100
    (ended,) = bench.journal.of(OrderEnded)
    assert ended.execution.status is OrderStatus.FILLED
    assert bench.audience.published == shown + 1
    await bench.cycle.resolve_in_doubt()
    assert bench.audience.published == shown + 1


async def test_an_order_in_doubt_that_is_resolved_amid_a_pass_is_kept_by_that_pass():
    bench = Bench("A", "B")
    venue = FakeVenue({"A": 1})
    bench.trader._gateway._venue = venue
    await bench.run(0.8)
    bench.journal.events.clear()
    looked = []

    async def amid() -> None:
        await bench.cycle.resolve_in_doubt()
        looked.append(bench.position("A"))

    books = bench.exchange.books

    async def slow(tickers):
        await amid()
        return await books(tickers)

    bench.exchange.books = slow  # type: ignore[method-assign]  # the pass waits here
    await bench.cycle.run()

    assert looked == [100]
    assert [e.execution.order.ticker for e in bench.journal.of(OrderEnded)] == ["A"]


async def test_a_market_that_has_halted_is_shown_with_the_reason_and_is_no_failure():
    bench = Bench("A", "B")
    bench.exchange.halted = {"B": "the exchange says so"}

    fault = await bench.run()

    assert fault is None
    assert bench.audience.missing == {"B": "the exchange says so"}
    assert not bench.journal.of(FetchFailed)
