"""Events as fields of a line in JSON: what kind, which cycle, which order.

Leaves out how a line looks (`formatters`) and what it says (`stdout_lines`).
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeAlias, get_args

from bot.core.events import (
    CycleStarted,
    Event,
    FillMarkedOut,
    MarketSettled,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    OrderUnresolved,
    PnlMarked,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    SignalMade,
    TwinCompared,
    WhaleEnded,
    WhaleSeen,
)

Fields = Mapping[str, object]
_OfMarket: TypeAlias = (
    SignalMade
    | PositionOpened
    | PositionClosed
    | MarketSettled
    | PositionAdjusted
    | PnlMarked
    | PredictionGraded
    | FillMarkedOut
)

#: What a line that is no event's may carry besides its words.
FIELDS: Final = ("cycle", "client_order_id", "order_id", "ticker")
#: Cycles remembered: more than a database that is away for a while holds back.
_CYCLES: Final = 1_000


class CycleFields:
    """Which cycle something happened in, by its moment: it may be written down much later."""

    def __init__(self) -> None:
        self._started: deque[CycleStarted] = deque(maxlen=_CYCLES)

    def begin(self, event: CycleStarted) -> None:
        """From its moment on it is this cycle."""
        self._started.append(event)

    def number(self, at: datetime) -> int | None:
        """The number of the cycle that began last before this moment; None if none is known."""
        return next((one.number for one in reversed(self._started) if one.at <= at), None)


def fields(event: Event, cycles: CycleFields) -> Fields:
    """What an event's line carries besides its words; None where it has nothing to say."""
    ids = _IDS.get(type(event))
    return {
        "cycle": cycles.number(event.at),
        "event": _kind(type(event).__name__),
        **(ids(event) if ids is not None else {}),
    }


def _of_market(event: _OfMarket) -> Fields:
    return {"ticker": event.ticker}


def _of_order(
    event: OrderSubmitted | OrderRefused | OrderUnresolved | TwinCompared,
) -> Fields:
    return {"ticker": event.order.ticker, "client_order_id": event.order.client_order_id}


def _working(event: OrderRested | OrderFilled) -> Fields:
    name = event.order.client_order_id
    return {"ticker": event.order.ticker, "client_order_id": name, "order_id": event.order_id}


def _ended(event: OrderEnded) -> Fields:
    done = event.execution
    order = done.order
    return {
        "ticker": order.ticker,
        "client_order_id": order.client_order_id,
        # An order that never reached the venue has no name there.
        "order_id": done.order_id or None,
    }


def _whale(event: WhaleSeen) -> Fields:
    return {"ticker": event.whale.ticker}


def _ending(event: WhaleEnded) -> Fields:
    return {"ticker": event.ending.ticker}


@cache
def _kind(name: str) -> str:
    """The name of a kind of events in words: `order_submitted`."""
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


_IDS: Final[Mapping[type[Event], Callable[[Any], Fields]]] = {
    OrderSubmitted: _of_order,
    OrderRefused: _of_order,
    OrderUnresolved: _of_order,
    TwinCompared: _of_order,
    OrderRested: _working,
    OrderFilled: _working,
    OrderEnded: _ended,
    WhaleSeen: _whale,
    WhaleEnded: _ending,
    **dict.fromkeys(get_args(_OfMarket), _of_market),
}
