"""Events as rows of the CSV logs: which file, which cells.

Prices in cents, money in dollars, sizes in contracts (short YES negative), times ISO 8601 UTC;
a cell without a value is empty. Leaves out files (`csv_writer`) and stdout (`stdout_lines`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from bot.core.events import (
    Event,
    OrderEnded,
    OrderFilled,
    OrderSubmitted,
    PnlMarked,
    PredictionGraded,
    SignalMade,
    WhaleSeen,
)
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.order_text import in_cents
from bot.core.market.orders import OrderStatus

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """One CSV log: its file and the columns in their order."""

    file: str
    columns: tuple[str, ...]


#: The logs by the name that `/logs/stats` gives them.
LOGS: Final[Mapping[str, Log]] = {
    "signals": Log(
        "signals_log.csv",
        (
            "timestamp",
            "model_version",
            "market_ticker",
            "decision_price",
            "features_json",
            "prediction",
            "action",
            "position_before",
            "position_after",
        ),
    ),
    "trades": Log(
        "trades_log.csv",
        (
            "timestamp",
            "market_ticker",
            "order_id",
            "side",
            "size",
            "limit_price",
            "status",
            "error_message",
        ),
    ),
    "pnl": Log(
        "pnl_log.csv",
        (
            "timestamp",
            "market_ticker",
            "open_pnl",
            "realized_pnl",
            "cash",
            "position_size",
            "gross_exposure",
        ),
    ),
    "whale": Log(
        "whale_log.csv",
        (
            "timestamp",
            "market_ticker",
            "event_type",
            "size",
            "price_level",
            "notional",
            "depth_pct",
            "imbalance_strength",
            "side_bias",
        ),
    ),
    "grades": Log(
        "grades_log.csv",
        (
            "timestamp",
            "exchange",
            "model_version",
            "market_ticker",
            "market_group",
            "predicted_at",
            "prediction",
            "horizon_seconds",
            "change_cents",
            "taker_cents",
        ),
    ),
}

#: Significant digits of a measurement.
_DIGITS: Final = 6
_FORMULA_STARTS: Final = tuple("=+-@＝＋－＠")  # spreadsheets run the wide ones too


def plain(text: str) -> str:
    r"""The text on one line: what does not print (line ends, escapes, bidi marks) is spelt out.

    >>> plain("a\nb")
    'a\\nb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs as a formula.

    >>> cell("=1+1")
    "'=1+1"
    """
    safe = plain(text)
    return f"'{safe}" if safe.startswith(_FORMULA_STARTS) else safe


#: The events of a cycle share few moments, and a moment's text costs more than looking it up.
_time = lru_cache(maxsize=64)(datetime.isoformat)


def _signal(event: SignalMade) -> Row:
    measured = [float(f"{value:.{_DIGITS}g}") for value in event.features]
    features = dict(zip(event.feature_names, measured, strict=True))
    return (
        _time(event.at),
        cell(event.model_version),
        cell(event.ticker),
        in_cents(event.price),
        # NaN, a feature that could not be measured, becomes null: JSON has no NaN.
        orjson.dumps(features).decode(),
        "" if event.score is None else f"{event.score:.{_DIGITS}g}",
        event.action.value,
        f"{event.position_before:z.2f}",
        f"{event.position_after:z.2f}",
    )


def _submitted(event: OrderSubmitted) -> Row:
    order = event.order
    return (
        _time(event.at),
        cell(order.ticker),
        "",
        order.side.value,
        f"{order.size:.2f}",
        in_cents(order.limit),
        OrderStatus.SUBMITTED.value,
        "",
    )


def _filled(event: OrderFilled) -> Row:
    size = sum((fill.size for fill in event.fills), ZERO)
    return (
        _time(event.at),
        cell(event.order.ticker),
        cell(event.order_id),
        event.order.side.value,
        f"{size:.2f}",
        # What rests trades at its own price.
        in_cents(event.order.limit),
        OrderStatus.PARTIALLY_FILLED.value,
        "",
    )


def _ended(event: OrderEnded) -> Row:
    done = event.execution
    price = done.average_price
    return (
        _time(event.at),
        cell(done.order.ticker),
        cell(done.order_id),
        done.order.side.value,
        # What traded and at what price; what was asked for if nothing did.
        f"{done.order.size if price is None else done.filled:.2f}",
        in_cents(done.order.limit if price is None else price),
        done.status.value,
        cell(done.error),
    )


def _pnl(event: PnlMarked) -> Row:
    return (
        _time(event.at),
        "ALL" if event.ticker is None else cell(event.ticker),
        _money(event.unrealised),
        _money(event.realised),
        _money(event.cash),
        f"{event.position:z.0f}" if event.ticker is None else _size(event.position),
        _money(event.exposure),
    )


def _whale(event: WhaleSeen) -> Row:
    whale = event.whale
    return (
        _time(event.at),
        cell(whale.ticker),
        whale.type.value,
        _size(whale.size),
        in_cents(whale.price),
        _money(whale.notional),
        f"{whale.depth_share * 100:.2f}",
        f"{whale.imbalance_strength:.4f}",
        whale.side_bias.value if whale.side_bias else "",
    )


def _grade(event: PredictionGraded) -> Row:
    return (
        _time(event.at),
        cell(event.exchange),
        cell(event.model_version),
        cell(event.ticker),
        cell(event.group),
        event.made_at.isoformat(),
        f"{event.score:.6g}",
        f"{event.horizon:g}",
        f"{event.change:.4f}",
        "" if event.taker is None else f"{event.taker:.4f}",
    )


def _money(amount: Dollars) -> str:
    return f"{amount:z.4f}"


def _size(contracts: Contracts) -> str:
    return f"{contracts:z.2f}"


#: One line for each event that is a row: the log and the function that makes its cells.
ROWS: Final[Mapping[type[Event], tuple[str, Callable[[Any], Row]]]] = {
    SignalMade: ("signals", _signal),
    OrderSubmitted: ("trades", _submitted),
    OrderFilled: ("trades", _filled),
    OrderEnded: ("trades", _ended),
    PnlMarked: ("pnl", _pnl),
    WhaleSeen: ("whale", _whale),
    PredictionGraded: ("grades", _grade),
}
