"""Why was there no trade? The decisions of the last passes, and what came of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bot.core.account.portfolio import Portfolio
from bot.core.events import (
    Action,
    CycleStarted,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    OrderUnresolved,
    SignalMade,
)
from bot.core.market.market import Side
from bot.core.market.orderbook import Books, OrderBook
from bot.core.market.orders import Execution, OrderStatus
from bot.core.risk.limits import Stop
from bot.core.signals.regime import RegimeName
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.dashboard.decision_log import CYCLES, DecisionLog
from bot.ports.cycle_result import CycleResult
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.ports.views import RefusalView
from bot.signals.analyzer import Analyzer
from tests.support.fakes import FakeScorer
from tests.support.strategies import NOON, fill, ladder, order

SHOWN = OrderBook(ladder(("0.50", 100)), ladder(("0.52", 100)))
REASON = "exposure to the market would be $210, limit $200"


def signal(ticker, at, action=Action.HOLD, reason="", score=0.7):
    return SignalMade(
        at=at,
        ticker=ticker,
        model_version="v1",
        price=0.51,
        score=score,
        feature_names=("imb1",),
        features=(0.5,),
        action=action,
        reason=reason,
        position_before=Decimal(0),
        position_after=Decimal(0),
    )


class Room:
    """Passes over a few markets, and the database behind them."""

    def __init__(self, opinion=0.7):
        gates = Gates(fewest_observations=0)
        self.watch = Analyzer(FakeScorer(opinion), Thresholds(), gates, WhaleRules())
        self.decisions = DecisionLog()
        self.checkpoint: dict[str, bytes] = {}
        self.reported: list[StateRecord] = []
        self.now = NOON

    async def go(self, number, *events, tickers=("A",)):
        self.now += timedelta(seconds=1)
        self.decisions.on_events([CycleStarted(self.now, number), *events])
        books = Books.of([(ticker, self.now.timestamp(), SHOWN) for ticker in tickers])
        self.decisions.on_predictions(self.watch.predict(books, np.full(len(books), 3_600.0)))
        await self.decisions.on_cycle_end(CycleResult(self.now, RegimeName.CALM, {}, {}))
        self.keep()

    def keep(self):
        self.reported = self.decisions.state_records()
        self.checkpoint |= {
            state_record.key: state_record.body
            for state_record in self.reported
            if state_record.body is not None
        }

    def restored(self):
        again = DecisionLog()
        again.restore(
            Checkpoint(
                1, Portfolio.of_cash(Decimal(1)), state_records={"decisions": dict(self.checkpoint)}
            )
        )
        return again

    def of(self, ticker=None, limit=500):
        return self.decisions.of(ticker, limit)


async def test_a_market_that_was_held_says_why():
    room = Room(opinion=None)

    await room.go(7, signal("A", NOON, reason="no model", score=None))

    (view,) = room.of()
    assert msgspec.to_builtins(view) == {
        "timestamp": NOON.isoformat(),
        "cycle": 7,
        "ticker": "A",
        "score": None,
        "direction": "HOLD",
        "action": "hold",
        "reason": "no model",
        "order": None,
        "outcome": None,
        "refusal": None,
    }


async def test_a_refusal_names_its_rule_and_its_numbers():
    room = Room()
    wish = order(Side.BUY, 100, "0.525")

    await room.go(
        1,
        signal("A", NOON, Action.ENTER_LONG),
        OrderRefused(NOON, wish, REASON, "max_market_exposure", Decimal("210.5"), Decimal(200)),
    )

    (view,) = room.of("A")
    assert (view.action, view.direction, view.reason) == ("enter_long", "BUY", REASON)
    assert (view.order, view.outcome) == ("buy 100 @ 52.50", None)
    assert msgspec.to_builtins(view.refusal) == {
        "rule": "max_market_exposure",
        "value": 210.5,
        "limit": 200.0,
    }


async def test_an_entry_that_was_held_back_names_its_rule_and_its_numbers():
    room = Room()
    stop = Stop("min_edge", "expected to earn 0.1 c a contract", 0.1, 1.0)

    await room.go(1, replace(signal("A", NOON, reason=stop.reason), stop=stop))

    (shown,) = room.of("A")
    assert (shown.action, shown.reason) == ("hold", stop.reason)
    assert shown.refusal == RefusalView("min_edge", 0.1, 1.0)


async def test_a_rule_without_numbers_has_none():
    room = Room(opinion=0.2)
    wish = order(Side.SELL, "12.5", "0.123456")

    await room.go(1, signal("A", NOON), OrderRefused(NOON, wish, "killed by hand", "kill"))

    (view,) = room.of("A")
    assert (view.direction, view.order) == ("SELL", "sell 12.50 @ 12.3456")
    assert view.refusal is not None
    assert (view.refusal.value, view.refusal.limit) == (None, None)


FILLS = (fill(Side.BUY, 60, "0.52"), fill(Side.BUY, 30, "0.53"))
OUTCOMES = [
    (OrderStatus.FILLED, FILLS[:1], "", "filled 60 @ 52.00"),
    (OrderStatus.PARTIALLY_FILLED, FILLS, "no more", "partially_filled 90 @ 52.3333: no more"),
    (OrderStatus.CANCELED, (), "", "canceled"),
    (OrderStatus.ERROR, (), "HTTP 409", "error: HTTP 409"),
]


@pytest.mark.parametrize(("status", "fills", "error", "outcome"), OUTCOMES)
async def test_an_order_is_shown_with_what_became_of_it(status, fills, error, outcome):
    room = Room()
    wish = order(Side.BUY, 100, "0.53")

    await room.go(
        1,
        signal("A", NOON, Action.ENTER_LONG),
        OrderSubmitted(NOON, wish),
        OrderEnded(NOON, Execution(wish, "o-1", status, fills, error)),
    )

    (view,) = room.of()
    assert (view.order, view.outcome) == ("buy 100 @ 53.00", outcome)


async def test_a_fate_that_comes_later_is_put_down_where_the_order_was_made():
    room = Room()
    wish = order(Side.BUY, 100, "0.53")
    lost = OrderUnresolved(NOON, wish, "no answer")
    await room.go(1, signal("A", NOON, Action.ENTER_LONG), OrderSubmitted(NOON, wish), lost)
    assert room.of()[0].outcome == "not known yet: no answer"
    room.decisions = room.restored()

    ended = OrderEnded(NOON, Execution(wish, "o-1", OrderStatus.CANCELED))
    await room.go(1, ended, signal("A", NOON))

    assert [view.outcome for view in room.of()] == [None, "canceled"]
    assert [state_record.key for state_record in room.reported] == ["0", "1"]
    assert room.restored().of(None, 9) == room.of()


async def test_the_last_passes_are_remembered_newest_first():
    room = Room()
    for number in range(1, CYCLES + 4):
        events = [signal(ticker, NOON) for ticker in "AB"]
        await room.go(number, *events, tickers=("A", "B"))

    views = room.of("B")
    assert [view.cycle for view in views] == list(range(CYCLES + 3, 3, -1))
    assert room.of("B", 2) == views[:2]
    assert [(view.cycle, view.ticker) for view in room.of(None, 3)] == [
        (CYCLES + 3, "A"),
        (CYCLES + 3, "B"),
        (CYCLES + 2, "A"),
    ]
    assert room.of("C") == ()


async def test_only_what_changed_is_told_and_room_in_the_database_is_bounded():
    room = Room()
    for number in range(1, 2 * CYCLES):
        await room.go(number, signal("A", NOON))
        assert len(room.reported) == 1

    assert room.decisions.state_records() == []
    assert len(room.checkpoint) == CYCLES


async def test_a_pass_that_judged_nothing_takes_no_room():
    room = Room()
    await room.go(1, signal("A", NOON))

    await room.go(2, tickers=())

    assert [view.cycle for view in room.of()] == [1]
    assert room.reported == []


async def test_a_pass_that_broke_off_is_remembered_with_the_next():
    room = Room()
    room.decisions.on_events([CycleStarted(NOON, 1), signal("A", NOON, reason="first")])
    books = Books.of([("A", NOON.timestamp(), SHOWN)])
    room.decisions.on_predictions(room.watch.predict(books, np.full(1, 3_600.0)))

    await room.go(2, signal("A", NOON, reason="second"))

    assert [view.reason for view in room.of()] == ["second", "first"]
    assert len(room.reported) == 2


@pytest.mark.parametrize("before", [1, CYCLES - 1, CYCLES, CYCLES + 7])
async def test_a_restart_changes_nothing_although_numbers_begin_anew(before):
    room = Room()
    for number in range(1, before + 1):
        await room.go(number, signal("A", room.now, reason=f"pass {number}"))
    room.decisions = room.restored()

    for number in range(1, 6):
        await room.go(number, signal("A", room.now, reason=f"again {number}"))
        assert room.restored().of(None, 99) == room.of()

    reasons = [view.reason for view in room.of()]
    assert reasons[:6] == [f"again {n}" for n in range(5, 0, -1)] + [f"pass {before}"]
    assert len(reasons) == min(before + 5, CYCLES)


async def test_whoever_looks_on_sees_the_same():
    room, standby = Room(), DecisionLog()
    standby.restore(Checkpoint(0, Portfolio.of_cash(Decimal(1))))
    wish = order(Side.BUY, 100, "0.53")
    ended = OrderEnded(NOON, Execution(wish, "o-1", OrderStatus.CANCELED))
    for number, extra in enumerate((OrderSubmitted(NOON, wish), signal("B", NOON), ended)):
        await room.go(number, extra, signal("A", NOON))
        standby.catch_up(CommittedChanges(number, state_records=tuple(room.reported)))

        assert standby.of(None, 99) == room.of()
    assert standby.state_records() == []


async def test_what_another_version_wrote_is_forgotten_with_one_line(caplog):
    room = Room()
    await room.go(1, signal("A", NOON))
    await room.go(2, signal("A", NOON))
    room.checkpoint = {key: b"00000000" + body[8:] for key, body in room.checkpoint.items()}

    assert room.restored().of(None, 9) == ()
    assert caplog.messages == [
        "2 state records of kind decisions have another layout and are discarded"
    ]
