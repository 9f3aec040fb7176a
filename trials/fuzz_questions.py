"""What the fuzzer asks the exchange, and a sound answer to each question."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from bot.core.market.market import Side
from bot.core.market.orders import Order
from bot.kalshi.client import KalshiClient
from bot.kalshi.trading.requests import KalshiTrading
from tests.support.kalshi_bodies import market

NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)

Json: TypeAlias = Any
Ask: TypeAlias = Callable[[KalshiClient, KalshiTrading], Awaitable[object]]

_MARKET: Final[Json] = market("KXRAIN-A", exchange_index=0, settlement_value_dollars=None)
_LEVELS: Final[Json] = [["0.3400", "60.25"], ["0.3500", "120.00"]]
_BOOK: Final[Json] = {
    "ticker": "KXRAIN-A",
    "orderbook_fp": {"yes_dollars": _LEVELS, "no_dollars": [["0.6100", "10.00"]]},
}
_TRADE: Final[Json] = {
    "trade_id": "t-1",
    "ticker": "KXRAIN-A",
    "count_fp": "2.00",
    "yes_price_dollars": "0.3700",
    "taker_book_side": "bid",
    "created_time": "2026-11-22T12:00:00.5Z",
    "is_block_trade": False,
}
_ORDER: Final[Json] = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "KXRAIN-A",
    "book_side": "bid",
    "status": "executed",
    "initial_count_fp": "5.00",
    "fill_count_fp": "5.00",
}
_FILL: Final[Json] = {
    "fill_id": "f-1",
    "order_id": "o-1",
    "ticker": "KXRAIN-A",
    "book_side": "bid",
    "count_fp": "5.00",
    "yes_price_dollars": "0.4100",
    "fee_cost": "0.025400",
    "is_taker": True,
    "created_time": "2026-11-22T12:00:01Z",
}
_EVENT: Final[Json] = {
    "event_ticker": "KXRAIN",
    "series_ticker": "KXRAIN",
    "title": "Rain",
    "fee_type_override": None,
    "fee_multiplier_override": None,
}
_SERIES: Final[Json] = {
    "ticker": "KXRAIN",
    "title": "Rain",
    "category": "Weather",
    "fee_type": "quadratic",
    "fee_multiplier": 1,
}
_STATUS: Final[Json] = {
    "exchange_active": True,
    "trading_active": True,
    "exchange_index_statuses": [
        {"exchange_index": 0, "exchange_active": True, "trading_active": True}
    ],
}
_SENT: Final = Order(
    client_order_id="c-1",
    ticker="KXRAIN-A",
    side=Side.BUY,
    size=Decimal(5),
    limit=Decimal("0.42"),
    at=NOON,
)


async def _listing(client: KalshiClient, _trading: KalshiTrading) -> object:
    return [page async for page in client.listing()]


def _unchecked() -> None:
    """Nothing speaks against sending it."""


#: What is asked, and a sound answer to it.
QUESTIONS: Final[Mapping[str, tuple[Ask, Json]]] = {
    "listing": (_listing, {"markets": [_MARKET, {**_MARKET, "ticker": "B"}], "cursor": ""}),
    "markets": (
        lambda client, _: client.markets(["KXRAIN-A", "B"]),
        {"markets": [_MARKET, {**_MARKET, "ticker": "B"}], "cursor": ""},
    ),
    "books": (
        lambda client, _: client.books(["KXRAIN-A", "B"]),
        {"orderbooks": [_BOOK, {**_BOOK, "ticker": "B"}]},
    ),
    "recent trades": (
        lambda client, _: client.recent_trades(NOON, 2),
        {"trades": [_TRADE, {**_TRADE, "trade_id": "t-2"}], "cursor": ""},
    ),
    "trades": (lambda client, _: client.trades("KXRAIN-A"), {"trades": [_TRADE], "cursor": ""}),
    "terms": (
        lambda client, _: client.terms(["KXRAIN"]),
        {"events": [_EVENT], "cursor": "", "series": _SERIES},
    ),
    "status": (lambda client, _: client.exchange_status(), _STATUS),
    "order": (lambda _, trading: trading.order(_SENT), {"orders": [_ORDER], "cursor": ""}),
    "fills": (lambda _, trading: trading.fills("o-1"), {"fills": [_FILL], "cursor": ""}),
    "positions": (
        lambda _, trading: trading.holdings(),
        {"market_positions": [{"ticker": "A", "position_fp": "-5.00"}], "cursor": ""},
    ),
    "cash": (
        lambda _, trading: trading.cash(),
        {"balance_dollars": "100.00", "portfolio_value": 5, "updated_ts": 1},
    ),
    "caught up": (
        lambda _, trading: trading.caught_up_to(),
        {"as_of_time": "2026-11-22T12:00:00Z"},
    ),
    "archived": (lambda client, _: client.archived(["KXRAIN-A"]), {"market": _MARKET}),
    "archived before": (
        lambda _, trading: trading.archived_before(),
        dict.fromkeys(
            ["market_settled_ts", "trades_created_ts", "orders_updated_ts"], "2026-11-22T12:00:00Z"
        ),
    ),
    "shards": (lambda _, trading: trading.shards(), _STATUS),
    "group": (lambda _, trading: trading.create_group(5, 0), {"order_group_id": "g-1"}),
    "create": (
        lambda _, trading: trading.create(_SENT, "g-1", 0, _unchecked),
        {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00", "ts_ms": 1},
    ),
}
