from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.market.fees import FeeKind, FeeSchedule, OrderFees
from bot.core.market.market import CENT_GRID, MarketStatus, Side
from bot.core.market.matching import walk
from bot.core.market.money import CONTRACT_STEP, ONE, ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.risk.checks import AccountRisk, Place
from bot.core.risk.limits import RiskLimits, Stop
from bot.core.risk.review import Approved, Refused, review
from tests.support.risk_accounts import BOOK, _places, risk_account, shown_book
from tests.support.strategies import (
    NO_LIMITS,
    NOON,
    SEEN_AT,
    approved,
    fill,
    ladder,
    open_market,
    order,
    prices,
    rich_account,
    scaled,
    schedules,
    sides,
)

LIMITS = RiskLimits()
BUY = order(Side.BUY, 100, "0.51")


def _refused(wish=BUY, shown=None, account=None, limits=LIMITS) -> Refused:
    verdict = review(wish, shown or shown_book(), account or risk_account(), limits)
    assert isinstance(verdict, Refused), verdict
    assert verdict.order is wish
    return verdict


def _reason(wish=BUY, shown=None, account=None, limits=LIMITS) -> str:
    return _refused(wish, shown, account, limits).reason


def _passes(wish=BUY, shown=None, account=None, limits=LIMITS) -> bool:
    return isinstance(
        review(wish, shown or shown_book(), account or risk_account(), limits), Approved
    )


def test_a_modest_order_passes_with_its_book_and_its_fees():
    shown = shown_book()

    verdict = review(BUY, shown, risk_account(), LIMITS)

    assert isinstance(verdict, Approved)
    assert verdict.order is BUY
    assert verdict.book is BOOK
    assert verdict.fees is shown.market.fees
    assert verdict.book_seen_at == SEEN_AT


def test_nobody_but_review_can_approve():
    with pytest.raises(TypeError, match=r"only risk\.review approves an order"):
        Approved(BUY, open_market(), BOOK, FeeSchedule(FeeKind.QUADRATIC, ONE), SEEN_AT, object())
    with pytest.raises(TypeError, match=r"only risk\.review approves an order"):
        replace(approved(BUY, BOOK), order=order(Side.BUY, 10**6, "0.99"), seal=None)


def test_an_order_shown_the_wrong_market_is_a_broken_promise():
    with pytest.raises(ValueError, match="an order for A was shown B"):
        review(BUY, shown_book(ticker="B"), risk_account(), LIMITS)


FLAT = FeeSchedule(FeeKind.FLAT, ONE)


@pytest.mark.parametrize(
    ("fees", "reason"),
    [
        (None, "the fees of A are not known: not told yet"),
        (FLAT, "the fees of A are not known: 'flat' times 1"),
        (FeeSchedule(FeeKind.QUADRATIC, Decimal(-1)), "are not known: 'quadratic' times -1"),
    ],
)
def test_without_known_fees_nothing_is_entered(fees, reason):
    assert reason in _reason(shown=shown_book(fees=fees))


@pytest.mark.parametrize("fees", [None, FLAT])
def test_an_exit_needs_no_known_fees_and_is_bound_by_the_usual_ones(fees):
    held = risk_account(fill(Side.BUY, 100, "0.50"))

    verdict = review(order(Side.SELL, 100, "0.48"), shown_book(fees=fees), held, LIMITS)

    assert isinstance(verdict, Approved)
    assert verdict.fees == FeeSchedule(FeeKind.QUADRATIC, ONE)


def test_a_closed_market_is_refused_with_its_hours():
    assert _reason(shown=shown_book(status=MarketStatus.INACTIVE)) == (
        "A is not open at 2026-11-22 12:00:00: inactive, "
        "trading 2026-11-22 11:00 to 2026-11-23 12:00"
    )
    assert "A is not open" in _reason(shown=shown_book(close_time=NOON))


def test_a_price_off_the_grid_is_refused():
    wish = order(Side.BUY, 10, "0.505")

    assert _reason(wish, shown_book(grid=CENT_GRID)) == "0.505 is not a price that A trades at"


@pytest.mark.parametrize("size", ["0", "-5", "0.005", "10.001", "NaN", "Infinity"])
def test_an_odd_size_is_refused(size):
    assert f"a size of {size} is not" in _reason(order(Side.BUY, size, "0.51"))


def test_an_old_book_is_refused_for_entries_and_exits():
    old = shown_book(seen_at=SEEN_AT - 61)

    assert _reason(shown=old) == "the book is 61 s old, more than 60 s"
    assert "s old" in _reason(
        order(Side.SELL, 5, "0.48"), old, risk_account(fill(Side.BUY, 5, "0.5"))
    )
    assert _passes(shown=shown_book(seen_at=SEEN_AT - 60))


def test_whatever_stops_entries_stops_them_in_its_words():
    stop = Stop("daily_loss_stop", "$200 lost today", Decimal(200), Decimal(200))

    verdict = review(BUY, shown_book(), risk_account(stop=stop), LIMITS)

    assert verdict == Refused(BUY, "$200 lost today", "daily_loss_stop", stop.value, stop.limit)


def test_no_more_entries_than_allowed_in_a_minute():
    hurry = replace(LIMITS, max_orders_per_minute=10)

    assert _reason(account=risk_account(entries=10), limits=hurry) == (
        "10 entries were sent within 60 s, 10 are allowed"
    )
    assert _passes(account=risk_account(entries=9), limits=hurry)
    assert _passes(account=risk_account(entries=10**6))


def test_the_last_minute_takes_no_entries():
    soon = shown_book(close_time=NOON + timedelta(seconds=59))

    assert _reason(shown=soon) == "closes in 59 s, less than 60 s"
    assert _passes(shown=shown_book(close_time=NOON + timedelta(seconds=60)))


def test_entries_at_extreme_prices_are_refused_by_limit_and_by_best_price():
    cheap = OrderBook((), ladder(("0.02", 10)))
    far = OrderBook(BOOK.bids, ladder(("0.96", 10)))

    assert _reason(order(Side.BUY, 10, "0.96"), shown_book(far)) == (
        "could trade at 0.96, outside 0.05 to 0.95"
    )
    assert _reason(order(Side.BUY, 10, "0.10"), shown_book(cheap)) == (
        "could trade at 0.02, outside 0.05 to 0.95"
    )
    assert _passes(order(Side.SELL, 10, "0.48"), shown_book(OrderBook((), ())))


def test_no_more_positions_than_allowed():
    held = risk_account(fill(Side.BUY, 1, "0.5", ticker="B"), fill(Side.BUY, 1, "0.5", ticker="C"))
    two = replace(LIMITS, max_positions=2)

    assert _reason(account=held, limits=two) == "2 positions are open, 2 are allowed"
    assert _passes(order(Side.BUY, 1, "0.51", ticker="B"), shown_book(ticker="B"), held, two)


def test_an_order_may_not_cost_more_than_its_limit():
    assert _reason(order(Side.BUY, 200, "0.51")) == "the order can cost $102, limit $100"
    assert _reason(order(Side.SELL, 200, "0.48")) == "the order can cost $104, limit $100"


def test_exposure_to_one_market_is_limited():
    held = risk_account(fill(Side.BUY, 300, "0.50"))

    assert _reason(account=held) == "exposure to the market would be $201, limit $200"
    assert _passes(order(Side.BUY, 98, "0.51"), account=held)


def test_exposure_to_one_event_is_limited_over_its_markets():
    held = [fill(Side.BUY, 350, "0.50", ticker="B"), fill(Side.SELL, 360, "0.50", ticker="C")]
    same = {"B": "EVENT-A", "C": "EVENT-A"}

    reason = _reason(account=risk_account(*held, events=same))

    assert reason == "exposure to EVENT-A would be $406, limit $400"
    assert _passes(account=risk_account(*held, events=same | {"C": "OTHER"}))


def test_a_market_of_an_unknown_event_counts_as_one_of_this_event():
    held = [fill(Side.BUY, 700, "0.50", ticker="B")]

    assert _reason(account=risk_account(*held)) == "exposure to EVENT-A would be $401, limit $400"


TOGETHER = replace(LIMITS, max_category_exposure=Decimal(300))


def _in_category(place, own, limits=TOGETHER):
    """An order in a category, by an account with $300 at risk in another market: it has a place."""
    account = risk_account(fill(Side.BUY, 600, "0.50", ticker="B"))
    account = replace(account, places={"B": place} if place else {})
    return review(order(Side.BUY, 10, "0.50"), shown_book(category=own), account, limits)


def test_exposure_to_one_category_is_limited_over_its_events():
    refused = _in_category(Place("OTHER", "Crypto"), "Crypto")

    assert isinstance(refused, Refused)
    assert refused.reason == "exposure to the category Crypto would be $305, limit $300"
    assert (refused.rule, refused.value, refused.limit) == ("category_exposure", 305, 300)
    assert isinstance(_in_category(Place("OTHER", "Sports"), "Crypto"), Approved)
    assert isinstance(_in_category(Place("OTHER", "Crypto"), "Crypto", LIMITS), Approved)


@pytest.mark.parametrize(
    ("place", "own"),
    [(None, "Crypto"), (Place("OTHER", None), "Crypto"), (Place("OTHER", "Sports"), None)],
)
def test_a_category_that_is_not_known_widens_no_limit(place, own):
    refused = _in_category(place, own, replace(TOGETHER, max_event_exposure=Decimal(10**6)))

    assert isinstance(refused, Refused)
    assert refused.rule == "category_exposure"


def test_exposure_in_all_is_limited():
    held = risk_account(fill(Side.BUY, 4_900, "0.50", ticker="B"), events={"B": "OTHER"})

    assert _reason(account=held) == "exposure in all would be $2501, limit $2500"


def test_cash_has_to_cover_the_worst_price_and_the_fees():
    # 100 at 0.51 cost 51, the fee is 1.7493, and two levels can round up two fills.
    assert _reason(account=risk_account(cash="52.7494")) == (
        "cost with fees can be $52.749502, cash $52.7494"
    )
    assert _passes(account=risk_account(cash="52.75"))


def test_an_exit_passes_every_limit_on_entries():
    nothing = RiskLimits(
        max_order_cost=ZERO,
        max_market_exposure=ZERO,
        max_event_exposure=ZERO,
        max_total_exposure=ZERO,
        max_category_exposure=ZERO,
        max_orders_per_minute=0,
        max_positions=0,
        min_price=Decimal("0.4"),
        max_price=Decimal("0.5"),
        min_seconds_to_close=10**6,
    )
    stop = Stop("killed", "somebody said so")
    held = risk_account(fill(Side.BUY, 100, "0.5"), cash=50, stop=stop, entries=1_000)

    assert _passes(order(Side.SELL, 100, "0.01"), account=held, limits=nothing)
    assert not _passes(order(Side.SELL, "100.01", "0.01"), account=held, limits=nothing)


def test_an_order_through_zero_is_judged_by_what_it_opens():
    held = risk_account(fill(Side.BUY, 300, "0.50"))

    assert _passes(order(Side.SELL, 400, "0.48"), account=held)
    assert _reason(order(Side.SELL, 500, "0.48"), account=held) == (
        "the order can cost $104, limit $100"
    )


CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "fees": ({"shown": shown_book(fees=None)}, None, None),
    "market_open": ({"shown": shown_book(close_time=NOON)}, None, None),
    "price_grid": (
        {"wish": order(Side.BUY, 1, "0.505"), "shown": shown_book(grid=CENT_GRID)},
        Decimal("0.505"),
        None,
    ),
    "order_size": ({"wish": order(Side.BUY, "0.005", "0.51")}, Decimal("0.005"), CONTRACT_STEP),
    "stale_book": ({"shown": shown_book(seen_at=SEEN_AT - 61)}, 61, 60),
    "max_orders_per_minute": (
        {"account": risk_account(entries=3), "limits": replace(LIMITS, max_orders_per_minute=2)},
        3,
        2,
    ),
    "min_seconds_to_close": (
        {"shown": shown_book(close_time=NOON + timedelta(seconds=59))},
        59,
        60,
    ),
    "price_band": (
        {"wish": order(Side.BUY, 1, "0.99")},
        Decimal("0.99"),
        Decimal("0.95"),
    ),
    "max_positions": ({"limits": replace(LIMITS, max_positions=0)}, 0, 0),
    "max_order_cost": ({"wish": order(Side.BUY, 200, "0.51")}, 102, 100),
    "market_exposure": ({"account": risk_account(fill(Side.BUY, 300, "0.50"))}, 201, 200),
    "event_exposure": (
        {"account": risk_account(fill(Side.BUY, 700, "0.50", ticker="B"))},
        401,
        400,
    ),
    "total_exposure": (
        {"account": risk_account(fill(Side.BUY, 4_900, "0.50", ticker="B"), events={"B": "OTHER"})},
        2501,
        2500,
    ),
    "cash": ({"account": risk_account(cash=0)}, Decimal("52.749502"), 0),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_refusal_names_its_rule_and_its_numbers(rule):
    case, value, limit = CASES[rule]

    refused = _refused(**case)

    assert (refused.rule, refused.value, refused.limit) == (rule, value, limit)


def test_a_price_below_the_band_names_its_lower_end():
    refused = _refused(order(Side.BUY, 1, "0.01"))

    assert (refused.value, refused.limit) == (Decimal("0.01"), Decimal("0.05"))


def test_a_tape_is_not_asked_what_it_cannot_tell():
    live = replace(
        LIMITS,
        max_category_exposure=ZERO,
        drawdown_halt=ZERO,
        max_orders_per_minute=0,
        max_errors_per_minute=0,
    )

    assert live.on_tape() == LIMITS


# One limit is near and all others far, or chance would hardly ever let it decide.
RICH = Decimal(10**6)
NEAR = ["max_market_exposure", "max_event_exposure", "max_total_exposure", "max_positions", "cash"]


def _near(name, amount) -> tuple[RiskLimits, Decimal]:
    if name == "cash":
        return NO_LIMITS, Decimal(amount)
    limit: Any = amount // 30 if name == "max_positions" else Decimal(amount)
    return replace(NO_LIMITS, **{name: limit}), RICH


tight = st.builds(_near, st.sampled_from(NEAR), st.integers(30, 89))
steep = st.builds(
    lambda sizes: OrderBook(
        bids=ladder(("0.4", sizes[0]), ("0.3", sizes[1])),
        asks=ladder(("0.6", sizes[2]), ("0.7", sizes[3])),
    ),
    st.lists(scaled(1_000, 9_000, 2), min_size=4, max_size=4),
)
wishes = st.lists(
    st.tuples(st.sampled_from("AABC"), sides, scaled(100, 9_000, 2), steep, schedules),
    min_size=2,
    max_size=10,
)
EVENTS = {"A": "EVENT-A", "B": "EVENT-A", "C": "EVENT-C"}


@settings(max_examples=200)
@given(tight, wishes)
def test_whatever_is_approved_and_filled_exposure_and_cash_keep_their_limits(near, wanted):
    limits, cash = near
    portfolio = Portfolio.of_cash(cash)
    for ticker, side, size, book, fees in wanted:
        wish = order(side, size, book.against(side)[-1].price, ticker=ticker)
        shown = shown_book(book, ticker=ticker, event_ticker=EVENTS[ticker], fees=fees)
        verdict = review(wish, shown, AccountRisk(portfolio, _places(**EVENTS)), limits)
        if isinstance(verdict, Approved):
            portfolio = _filled(portfolio, verdict)

        assert portfolio.cash >= 0
        assert portfolio.exposure <= limits.max_total_exposure
        assert portfolio.cost(["A", "B"]) <= limits.max_event_exposure
        assert all(p.cost <= limits.max_market_exposure for p in portfolio.positions.values())
        assert len(portfolio.positions) <= limits.max_positions


def _filled(portfolio, verdict) -> Portfolio:
    wish, fees = verdict.order, OrderFees(verdict.fees)
    for price, size in walk(verdict.book, wish.side, wish.size, wish.limit):
        is_buy = wish.side is Side.BUY
        fee, fees = fees.charge(size, price, is_taker=True, is_buy=is_buy)
        trade = fill(wish.side, size, price, fee=fee, ticker=wish.ticker)
        portfolio = portfolio.after(trade)
    assert isinstance(portfolio, Portfolio)
    return portfolio


@given(scaled(-500, 500, 2).filter(bool), st.sampled_from((None, FLAT)) | schedules, st.data())
def test_what_only_reduces_a_position_always_passes(held, fees, data):
    side = Side.SELL if held > 0 else Side.BUY
    size = data.draw(scaled(1, int(abs(held) / CONTRACT_STEP), 2))
    wish = order(side, size, data.draw(prices))
    portfolio = Portfolio.of_cash(ZERO).after(fill(side.opposite, abs(held), "0.5"))
    nobody = AccountRisk(portfolio, stop=Stop("killed", "somebody said so"))

    nothing = replace(LIMITS, max_total_exposure=ZERO)
    assert _passes(wish, shown_book(fees=fees), account=nobody, limits=nothing)


@given(sides, prices, scaled(1, 30_000, 2))
def test_selling_yes_is_judged_as_buying_no(side, price, size):
    limits = replace(NO_LIMITS, max_order_cost=Decimal(50), min_price=LIMITS.min_price)
    limits = replace(limits, max_price=LIMITS.max_price)
    mirrored = order(side.opposite, size, ONE - price)

    here = review(order(side, size, price), shown_book(), rich_account(), limits)
    there = review(mirrored, shown_book(BOOK.mirror()), rich_account(), limits)

    assert type(here) is type(there)
