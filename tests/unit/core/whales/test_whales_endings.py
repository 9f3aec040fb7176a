import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest

from bot.core.market.market import Side
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.detector import (
    Confidence,
    Ending,
    SideBias,
    TradesBetween,
    Whale,
    WhaleRules,
    WhaleType,
    detect,
    sight,
)
from bot.core.whales.endings import EndingKind
from bot.core.whales.large_orders import LargeOrderState
from bot.core.whales.thresholds import LargeOrderRules, blank_rows
from bot.core.whales.trades import MarketTrades

#: Nothing is so large, and no look so rare, that an order need not rest first.
RULES = WhaleRules(
    LargeOrderRules(
        multiple=3.0,
        cap=1.0,
        often=1.0,
        sample_seconds=0.0,
        at_once=math.inf,
        sparse_seconds=math.inf,
    )
)
UNKNOWN = TradesBetween.unknown(1)
NONE = TradesBetween(np.zeros((1, 2)), np.full((1, 2), np.inf))
ASKS = {55: 300.0, 56: 280.0, 57: 310.0}
USUAL = {45: 300.0, 44: 280.0, 43: 310.0, 42: 290.0, 40: 250.0, 38: 200.0}
LARGE = USUAL | {41: 3_000.0}
NEAR = {price: size for price, size in LARGE.items() if price <= 43}
GONE = {price: size for price, size in NEAR.items() if price != 41}


def _book(bids: dict[int, float], asks: dict[int, float] = ASKS) -> OrderBook:
    return OrderBook(
        tuple(Level(Decimal(p) / 100, Decimal(str(bids[p]))) for p in sorted(bids, reverse=True)),
        tuple(Level(Decimal(p) / 100, Decimal(str(asks[p]))) for p in sorted(asks)),
    )


def _story(
    bids: Sequence[dict[int, float]],
    *,
    traded: Sequence[TradesBetween] | TradesBetween = UNKNOWN,
    every: float = 10.0,
    side: Side = Side.BUY,
) -> tuple[list[Whale], list[Ending]]:
    """What is said of one market with these bids; for an ask, all is seen from the NO side."""
    rows, whales, ended = blank_rows(), [], []
    for i, levels in enumerate(bids):
        books = Books.of([("T", i * every, _book(levels)), ("wide", 0.0, _book(LARGE | {5: 1.0}))])
        books = (books if side is Side.BUY else books.mirror()).take(np.array([0]))
        now = traded if isinstance(traded, TradesBetween) else traded[i]
        seen = sight(books, rows, RULES, now if side is Side.BUY else _turned(now))
        rows = seen.rows
        whales += [whale for _, whale in seen.whales if whale.type != WhaleType.HIGH_IMBALANCE]
        ended += [ending for _, ending in seen.endings]
    return whales, ended


def _turned(traded: TradesBetween) -> TradesBetween:
    return TradesBetween(traded.volume[:, ::-1], traded.reach[:, ::-1])


STAGED = [*[USUAL] * 6, *[LARGE] * 3, NEAR, GONE, GONE, GONE]


def test_an_order_that_left_untraded_as_the_price_came_near_is_suspected_once() -> None:
    whales, _ = _story(STAGED, traded=NONE, every=5.0)

    assert [whale.type for whale in whales] == [WhaleType.LARGE_BID, WhaleType.SPOOF_SUSPECTED]
    spoof = whales[1]
    assert (spoof.size, spoof.price, spoof.notional) == (
        Decimal(3_000),
        Decimal("0.41"),
        Decimal(1_230),
    )
    assert 0 < spoof.depth_share <= 1
    assert spoof.why == (
        "suspected, not proven (medium confidence): 3,000 contracts came 4.0 c from the best "
        "price and left after 20 s when it was 2.0 c away; 0 can have traded; books 5 s apart"
    )


def test_a_suspected_spoof_leans_against_the_side_it_showed() -> None:
    bid, _ = _story(STAGED)
    ask, _ = _story(STAGED, side=Side.SELL)

    assert [whale.side_bias for whale in bid] == [SideBias.BUY, SideBias.SELL]
    assert [whale.type for whale in ask] == [WhaleType.LARGE_ASK, WhaleType.SPOOF_SUSPECTED]
    assert [whale.side_bias for whale in ask] == [SideBias.SELL, SideBias.BUY]
    assert ask[1].price == 1 - bid[1].price


@pytest.mark.parametrize(
    ("traded", "every", "confidence"),
    [
        (NONE, 5.0, Confidence.MEDIUM),
        (NONE, 40.0, Confidence.LOW),
        (UNKNOWN, 5.0, Confidence.LOW),
    ],
)
def test_confidence_falls_with_the_polling_interval_and_without_trades(
    traded: TradesBetween, every: float, confidence: Confidence
) -> None:
    whales, _ = _story(STAGED, traded=traded, every=every)

    assert [whale.confidence for whale in whales] == [None, confidence]


def test_trades_that_did_not_reach_the_order_do_not_clear_it() -> None:
    above = TradesBetween(np.array([[9_000.0, 0.0]]), np.array([[0.43, np.inf]]))

    whales, (ending,) = _story(STAGED, traded=above)

    assert whales[-1].type is WhaleType.SPOOF_SUSPECTED
    assert (ending.traded, ending.fate) == (0.0, EndingKind.CANCELLED)


@pytest.mark.parametrize(
    ("met", "fate"),
    [(2_900.0, EndingKind.FILLED), (1_500.0, EndingKind.FILLED), (800.0, EndingKind.CANCELLED)],
)
def test_an_order_that_can_have_traded_is_not_suspected(met: float, fate: EndingKind) -> None:
    at_the_end = TradesBetween(np.array([[met, 0.0]]), np.array([[0.41, np.inf]]))
    traded = [NONE] * 10 + [at_the_end] + [NONE] * 2

    whales, (ending,) = _story(STAGED, traded=traded)

    assert [whale.type for whale in whales] == [WhaleType.LARGE_BID]
    assert (ending.traded, ending.fate) == (met, fate)


def test_an_ending_says_what_is_known_of_the_order() -> None:
    _, (ending,) = _story(STAGED, traded=NONE)

    assert ending == Ending(
        ticker="T",
        side=Side.BUY,
        price=Decimal("0.41"),
        size=Decimal(3_000),
        since=60.0,
        left_at=100.0,
        interval=10.0,
        traded=0.0,
        fate=EndingKind.CANCELLED,
    )
    assert ending.lifetime == 40.0


def test_an_ask_ends_at_its_yes_price() -> None:
    _, (ending,) = _story(STAGED, traded=NONE, side=Side.SELL)

    assert (ending.side, ending.price) == (Side.SELL, Decimal("0.59"))


def test_where_trades_were_not_known_for_a_moment_the_fate_is_not_known() -> None:
    _, (ending,) = _story(STAGED, traded=[NONE] * 8 + [UNKNOWN] + [NONE] * 4)

    assert (ending.traded, ending.fate) == (None, EndingKind.UNKNOWN)


def test_without_trades_an_order_that_was_in_front_is_not_suspected() -> None:
    front = {price: size for price, size in LARGE.items() if price <= 41}
    gone = {price: size for price, size in front.items() if price != 41}
    story = [*[USUAL] * 6, *[LARGE] * 3, front, gone, gone]

    assert [whale.type for whale in _story(story)[0]] == [WhaleType.LARGE_BID]
    assert len(_story(story, traded=NONE)[0]) == 2


def test_an_order_that_leaves_while_the_price_is_far_is_not_suspected() -> None:
    far = USUAL | {38: 3_000.0}

    whales, endings = _story([*[USUAL] * 6, *[far] * 3, *[USUAL] * 3], traded=NONE)

    assert [whale.type for whale in whales] == [WhaleType.LARGE_BID]
    assert [ending.fate for ending in endings] == [EndingKind.CANCELLED]


def test_where_the_price_was_near_but_came_no_nearer_a_suspicion_is_of_low_confidence() -> None:
    near = USUAL | {43: 3_000.0}

    whales, _ = _story([*[USUAL] * 12, *[near] * 5, *[USUAL] * 3], traded=NONE, every=5.0)

    suspected = [whale for whale in whales if whale.type is WhaleType.SPOOF_SUSPECTED]
    assert [whale.confidence for whale in suspected] == [Confidence.LOW]


def test_an_order_that_came_close_to_the_price_is_not_suspected() -> None:
    close = USUAL | {44: 3_000.0}
    gone = {price: size for price, size in USUAL.items() if price != 44}

    assert len(_story([*[USUAL] * 6, *[close] * 3, *[gone] * 3], traded=NONE)[0]) == 1


def test_an_order_that_rested_for_long_is_not_suspected() -> None:
    whales, _ = _story([*[USUAL] * 6, *[LARGE] * 30, NEAR, *[GONE] * 3], traded=NONE)

    assert [whale.type for whale in whales] == [WhaleType.LARGE_BID]


def test_an_order_that_comes_again_close_by_has_moved() -> None:
    large, near = USUAL | {39: 1_000.0}, {39: 1_000.0, 41: 10.0, 40: 250.0, 38: 200.0}
    moved = {41: 10.0, 40: 250.0, 38: 800.0}

    whales, (ending,) = _story([*[USUAL] * 6, *[large] * 3, near, *[moved] * 3], traded=NONE)

    assert [whale.type for whale in whales] == [WhaleType.LARGE_BID]
    assert ending.fate is EndingKind.MOVED


def test_an_order_missed_in_one_book_has_not_ended() -> None:
    assert _story([*[USUAL] * 6, *[LARGE] * 3, USUAL, *[LARGE] * 5], traded=NONE)[1] == []


def test_an_order_that_was_never_announced_has_no_ending() -> None:
    assert _story([*[USUAL] * 6, LARGE, *[USUAL] * 5], traded=NONE)[1] == []


def test_an_order_out_of_view_has_not_ended_but_is_forgotten_in_time() -> None:
    low = {45: 300.0, 44: 280.0, 43: 310.0}
    large, high = {45: 300.0, 44: 280.0, 43: 3_000.0}, {52: 300.0, 51: 280.0, 50: 310.0}
    states: list[int] = []
    endings: list[tuple[int, Ending]] = []
    rows = blank_rows()
    times = [*range(0, 100, 10), 3_600, 3_700]
    for at, levels in zip(times, [*[low] * 6, *[large] * 3, *[high] * 3], strict=True):
        books = Books.of([("T", float(at), _book(levels))])
        seen = sight(books, rows, RULES, NONE)
        rows = seen.rows
        endings += seen.endings
        states.append(int(rows["orders"]["state"].max()))

    assert endings == []
    assert states[-3:] == [LargeOrderState.RESTING, LargeOrderState.RESTING, LargeOrderState.FREE]


def test_detection_alone_takes_trades_for_unknown() -> None:
    rows, both = blank_rows(), blank_rows()
    for i, levels in enumerate(STAGED):
        books = Books.of([("T", i * 5.0, _book(levels))])
        found, rows = detect(books, rows, RULES)
        seen = sight(books, both, RULES, TradesBetween.unknown(1))
        both = seen.rows
        assert found == seen.whales


def test_volume_without_a_price_can_have_met_any_order() -> None:
    traded = TradesBetween.anywhere(np.array([5.0, np.nan]))

    assert traded.volume.tolist()[0] == [5.0, 5.0]
    assert np.isnan(traded.take(np.array([1])).volume).all()
    assert (traded.reach < 0).all()


def test_only_trades_at_its_very_price_met_an_order_that_is_watched_closely() -> None:
    nobody = np.zeros(2, dtype=np.intp)
    sold = MarketTrades(
        nobody, np.zeros(2), np.array([0.43, 0.40]), np.array([100.0, 50.0]), nobody > 0
    )
    traded = TradesBetween.of(np.array([True]), sold)
    prices = np.array([[[0.41, 0.43, np.nan, np.nan], [np.nan] * 4]])
    closely = np.ones(prices.shape, dtype=np.bool_)

    assert traded.at(prices, closely)[0, 0, :2].tolist() == [0.0, 100.0]
    assert traded.at(prices, ~closely)[0, 0, :2].tolist() == [150.0, 150.0]
    assert np.isnan(TradesBetween.unknown(1).at(prices, closely)[0, 0, :2]).all()
