"""What the tests of the store put into it: one of everything, and all that can be."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from bot.core import events as ev
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.ports.persistence import CommitBatch
from bot.store.rows import KINDS
from tests.support.strategies import NOON

BOOK = "paper:test"
CASH = Decimal(10_000)


def order(number: int = 1, ticker: str = "A", size: str = "10", at: datetime = NOON) -> Order:
    """A wish to buy, named by its number."""
    return Order(f"c-{number}", ticker, Side.BUY, Decimal(size), Decimal("0.41"), at)


def filled(wish: Order, price: str = "0.40", fee: str = "0.17") -> ev.OrderEnded:
    """The same, filled in one piece."""
    fill = Fill(
        fill_id=f"f-{wish.client_order_id}",
        client_order_id=wish.client_order_id,
        ticker=wish.ticker,
        side=wish.side,
        size=wish.size,
        price=Decimal(price),
        fee=Decimal(fee),
        at=wish.at,
    )
    done = Execution(wish, f"o-{wish.client_order_id}", OrderStatus.FILLED, (fill,))
    return ev.OrderEnded(wish.at, done)


def settled(ticker: str = "A", payout: str = "1", at: datetime = NOON) -> ev.MarketSettled:
    return ev.MarketSettled(at, ticker, Decimal(payout), Decimal(10), Decimal(6))


def failed(number: int = 1) -> ev.FetchFailed:
    """An event that is kept and moves no money."""
    return ev.FetchFailed(NOON + timedelta(seconds=number), "books", f"reason {number}")


def done(*happened: ev.Event, **more: Any) -> CommitBatch:
    return CommitBatch(happened, **more)


#: Any decimal that money or contracts could be, with any number of digits written out.
amounts = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False
)
moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001  # hypothesis wants it so
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
    allow_imaginary=False,
).map(lambda at: at.replace(fold=0))
#: NUL cannot be sent to PostgreSQL; within the JSON of an event it can be.
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
_fills = st.builds(
    Fill,
    fill_id=names,
    client_order_id=names,
    ticker=names,
    side=st.sampled_from(Side),
    size=st.decimals("0.01", "100000", places=2),
    price=st.decimals("0.0001", "0.9999", places=4),
    fee=st.decimals("0", "100", places=4),
    at=moments,
)
_KNOWN: dict[Any, st.SearchStrategy[Any]] = {
    Decimal: amounts,
    datetime: moments,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(codec="utf-8"), max_size=20),
    NoneType: st.none(),
    Fill: _fills,
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """All values of a type: of a dataclass, whatever its fields allow."""
    if kind in _KNOWN:
        return _KNOWN[kind]
    parts = get_args(kind)
    if get_origin(kind) is tuple:
        return st.lists(any_of(parts[0]), max_size=3).map(tuple)
    if parts:
        return st.one_of([any_of(part) for part in parts])
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        values = {field.name: any_of(hints[field.name]) for field in fields(kind)}
        made: st.SearchStrategy[Any] = st.builds(kind, **values)
        return made
    return st.sampled_from(kind)


kept_events = st.one_of([any_of(kind) for kind in KINDS])
