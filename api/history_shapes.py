"""The past of an account as the API shows it: money to the cent, prices in cents."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from api.schemas.history import EquityShape, FillShape, MarkShape, OrderShape, TradeShape
from bot.core.account.trade_stats import TradeStats
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Dollars, cents, measured, whole_cents
from bot.core.market.orders import Fill, Life
from bot.journal.csv_rows import plain
from bot.ports.account_history import ClosedTrade, CurveMark, EquityPoint, OrderRecord
from bot.ports.account_views import QueueView

#: Digits after the point of a price in cents: an average may have no end of them.
_PRICE_DIGITS: Final = 4
_UNCOUNTED: Final = "an older version of this program did not count its contracts"


def csv_text(rows: Iterable[TradeShape]) -> str:
    """Trades as CSV, header first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TradeShape.__struct_fields__)
    writer.writerows(map(_cell, msgspec.structs.astuple(row)) for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    # What a spreadsheet would take for a formula is none of ours.
    return "'" + plain(value) if isinstance(value, str) and value[:1] in _FORMULA else value


_FORMULA: Final = frozenset("=+-@\t\r")


def trade_shape(one: ClosedTrade) -> TradeShape:
    """A closed trade."""
    trip = one.trip
    return TradeShape(
        ticker=one.ticker,
        title=one.title,
        event_ticker=one.event_ticker,
        category=one.category,
        side="YES" if trip.side is Side.BUY else "NO",
        size=None if trip.size is None else measured(trip.size),
        entry_price=_price(trip.entry_price),
        exit_price=_price(trip.exit_price),
        pnl_gross=whole_cents(trip.gross),
        fees=whole_cents(trip.fees),
        pnl=whole_cents(trip.net),
        opened_at=trip.opened_at.isoformat(),
        closed_at=one.closed_at.isoformat(),
        held_seconds=round((one.closed_at - trip.opened_at).total_seconds(), 1),
        how=one.how,
        reason=_UNCOUNTED if trip.size is None else None,
    )


def order_shape(one: OrderRecord, queue: QueueView | None = None) -> OrderShape:
    """An order, in doubt as long as nothing is known of it; `queue` is its place, if it rests."""
    filled = sum((fill.size for fill in one.fills), ZERO)
    paid = sum((fill.size * fill.price for fill in one.fills), ZERO)
    shape: dict[str, Any] = {
        "client_order_id": one.client_order_id,
        "order_id": one.order_id,
        "ticker": one.ticker,
        "side": one.side.value,
        "aim": one.aim.value,
        "life": one.life.value,
        "size": measured(one.size),
        "limit": _price(one.limit),
        "submitted_at": one.at.isoformat(),
        "ended_at": iso(one.ended_at),
        "status": one.status or ("resting" if one.life is Life.REST else "in_doubt"),
        "error": one.error,
        "filled": measured(filled),
        "average_price": _price(paid / filled) if filled else None,
        "fees": whole_cents(sum((fill.fee for fill in one.fills), ZERO)),
        "fills": tuple(fill_shape(fill) for fill in one.fills),
        "queue": queue,
    }
    return OrderShape(**shape)


def fill_shape(one: Fill) -> FillShape:
    """A fill of an order."""
    return FillShape(
        fill_id=one.fill_id,
        at=one.at.isoformat(),
        size=measured(one.size),
        price=cents(one.price),
        fee=whole_cents(one.fee),
    )


def point_shape(one: EquityPoint) -> EquityShape:
    """A minute of the account."""
    return EquityShape(
        at=one.minute.isoformat(),
        equity=whole_cents(one.equity),
        cash=whole_cents(one.cash),
        realized=whole_cents(one.realised),
        fees=whole_cents(one.fees),
        exposure=whole_cents(one.exposure),
    )


def mark_shape(one: CurveMark) -> MarkShape:
    """A moment marked on the curve."""
    return MarkShape(at=one.at.isoformat(), kind=one.kind, message=one.message)


def stats_fields(of: TradeStats) -> dict[str, Any]:
    """The fields of `StatsShape`."""
    factor, held = of.profit_factor, of.average_held
    return {
        "trades": of.trades,
        "wins": of.wins,
        "losses": of.losses,
        "win_rate": None if of.win_rate is None else round(of.win_rate, 4),
        "profit_factor": None if factor is None else round(factor, 4),
        "average_win": _money(of.average_win),
        "average_loss": _money(of.average_loss),
        "best": _money(of.best),
        "worst": _money(of.worst),
        "pnl_gross": whole_cents(of.gross),
        "fees": whole_cents(of.fees),
        "pnl": whole_cents(of.net),
        "max_drawdown": whole_cents(of.max_drawdown),
        "average_held_seconds": None if held is None else round(held, 1),
        "reason": _why_null(of),
    }


def _why_null(of: TradeStats) -> str | None:
    if not of.trades:
        return "no trade was closed"
    missing = (("no trade won", of.wins), ("no trade lost", of.losses))
    return " and ".join(words for words, count in missing if not count) or None


def _price(price: Dollars | None) -> float | None:
    return None if price is None else round(cents(price), _PRICE_DIGITS)


def _money(amount: Dollars | None) -> float | None:
    return None if amount is None else whole_cents(amount)


def iso(at: datetime | None) -> str | None:
    """A time in ISO 8601, if there is one."""
    return None if at is None else at.isoformat()
