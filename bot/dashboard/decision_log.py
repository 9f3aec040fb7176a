"""Why was there no trade? What was predicted of each market lately, and what came of it.

An observer of the cycle. The outcome of an order may come passes later, or after a restart: it is
recorded with the decision that made the order. Passes that scored nothing are not counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.core.events import (
    Action,
    CycleStarted,
    Event,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    OrderUnresolved,
    SignalMade,
)
from bot.core.market.order_text import order_text, outcome_text
from bot.core.market.orders import Order
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.ports.view_faults import ViewFaults
from bot.ports.views import DecisionView, Direction, RefusalView
from bot.signals.observations import Predictions

#: Passes that are remembered.
CYCLES: Final = 20
_DIRECTIONS: Final[Mapping[int, Direction]] = {1: "BUY", -1: "SELL", 0: "HOLD"}


class _Decision(Struct, frozen=True, array_like=True, gc=False):
    """One market in one pass; `order_id` names the order whose outcome is pending."""

    at: datetime
    ticker: str
    score: float | None
    direction: Direction
    action: Action
    reason: str
    order_id: str | None = None
    order: str | None = None
    outcome: str | None = None
    refusal: RefusalView | None = None


class _Pass(Struct, frozen=True, array_like=True):
    """One pass: `serial` goes on over restarts, `number` is the one the log shows."""

    serial: int
    number: int
    decisions: list[_Decision]


class DecisionLog:
    """The decisions of the last passes that scored anything."""

    def __init__(self, faults: ViewFaults | None = None) -> None:
        self._faults = faults or ViewFaults()
        self._codec = RecordCodec("decisions", _Pass)
        self._passes: dict[int, _Pass] = {}
        self._changed: set[int] = set()
        self._serial = 0
        #: The pass and place of the decision that made an order.
        self._places: dict[str, tuple[int, int]] = {}
        self._begin(0)

    def on_events(self, events: Sequence[Event]) -> None:
        self._faults.each("the decisions", self._see, events)

    def on_predictions(self, predictions: Predictions) -> None:
        tickers = predictions.seen.books.tickers
        for ticker, way in zip(tickers, predictions.directions.tolist(), strict=True):
            signal = self._signals.get(ticker)
            if signal is not None:
                self._decided.append(self._decision(signal, _DIRECTIONS[way]))

    async def on_cycle_end(self, *_: object) -> None:
        self._finish()
        self._begin(self._number)

    def of(self, ticker: str | None, limit: int) -> tuple[DecisionView, ...]:
        """The decisions about a market, or about all, newest first, so many at most."""
        return tuple(islice(self._views(ticker), limit))

    def state_records(self) -> list[StateRecord]:
        """The passes that were made or changed since the last call."""
        changed = sorted(self._changed & self._passes.keys())
        self._changed.clear()
        return [
            self._codec.state_record(str(serial % CYCLES), self._passes[serial])
            for serial in changed
        ]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the stored passes."""
        self._passes.clear()
        self._places.clear()
        self._changed.clear()
        self._serial = 0
        self._begin(0)
        self._take(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._take(news)

    def _see(self, event: Event) -> None:
        match event:
            case SignalMade():
                self._signals[event.ticker] = event
            case OrderSubmitted(order=order):
                self._orders[order.ticker] = order
            case OrderRefused(order=order):
                self._refusals[order.ticker] = event
            case OrderUnresolved(order=order, reason=reason):
                self._came(order.client_order_id, f"not known yet: {reason}")
            case OrderEnded(execution=execution):
                self._came(execution.order.client_order_id, outcome_text(execution))
            case CycleStarted(number=number):
                # The decisions of a pass that failed count as well.
                self._finish()
                self._begin(number)

    def _take(self, source: Checkpoint | CommittedChanges) -> None:
        found = [one for one in self._codec.read(source).values() if one is not None]
        for one in sorted(found, key=lambda one: one.serial):
            self._add(one)

    def _begin(self, number: int) -> None:
        self._number = number
        self._signals: dict[str, SignalMade] = {}
        self._orders: dict[str, Order] = {}
        self._refusals: dict[str, OrderRefused] = {}
        self._outcomes: dict[str, str] = {}
        self._decided: list[_Decision] = []

    def _finish(self) -> None:
        if self._decided:
            self._changed.add(self._serial)
            self._add(_Pass(self._serial, self._number, self._decided))

    def _add(self, one: _Pass) -> None:
        """Append a pass, or replace an earlier state of it."""
        self._passes[one.serial] = one
        self._places |= {
            decision.order_id: (one.serial, place)
            for place, decision in enumerate(one.decisions)
            if decision.order_id is not None
        }
        self._serial = max(self._serial, one.serial + 1)
        self._forget_old()

    def _forget_old(self) -> None:
        for old in [serial for serial in self._passes if serial < self._serial - CYCLES]:
            gone = self._passes.pop(old)
            for decision in gone.decisions:
                self._places.pop(decision.order_id or "", None)

    def _came(self, order_id: str, outcome: str) -> None:
        if order_id not in self._places:
            self._outcomes[order_id] = outcome
            return
        serial, place = self._places[order_id]
        decisions = self._passes[serial].decisions
        decisions[place] = replace(decisions[place], outcome=outcome)
        self._changed.add(serial)

    def _decision(self, signal: SignalMade, direction: Direction) -> _Decision:
        ticker = signal.ticker
        about = (signal.at, ticker, signal.score, direction, signal.action)
        if refused := self._refusals.get(ticker):
            refusal = RefusalView(refused.rule, _float(refused.value), _float(refused.limit))
            asked = order_text(refused.order)
            return _Decision(*about, refused.reason, order=asked, refusal=refusal)
        if order := self._orders.get(ticker):
            name = order.client_order_id
            return _Decision(
                *about, signal.reason, name, order_text(order), self._outcomes.get(name)
            )
        if stop := signal.stop:
            refusal = RefusalView(stop.rule, _float(stop.value), _float(stop.limit))
            return _Decision(*about, signal.reason, refusal=refusal)
        return _Decision(*about, signal.reason)

    def _views(self, ticker: str | None) -> Iterator[DecisionView]:
        for one in reversed(self._passes.values()):
            for decision in one.decisions:
                if ticker in (None, decision.ticker):
                    yield _view(decision, one.number)


def _view(decision: _Decision, number: int) -> DecisionView:
    return DecisionView(
        timestamp=decision.at.isoformat(),
        cycle=number,
        ticker=decision.ticker,
        score=decision.score,
        direction=decision.direction,
        action=decision.action.value,
        reason=decision.reason,
        order=decision.order,
        outcome=decision.outcome,
        refusal=decision.refusal,
    )


def _float(number: Decimal | float | None) -> float | None:
    return None if number is None else float(number)
