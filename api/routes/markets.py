"""`/markets/{ticker}`: all that is known of one market."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from fastapi import APIRouter, HTTPException, Response

from api.deps import CurrentServices, Services
from api.history_shapes import fill_shape
from api.responses import json_response
from api.routes.account import shown_positions
from api.schemas.common import INVALID, MISSING, answers
from api.schemas.markets import BookShape, MarketFill, MarketPage, MidShape
from bot.core.market.orders import Fill
from bot.dashboard.decision_log import CYCLES
from bot.dashboard.market_panel import PATH
from bot.journal.csv_rows import plain
from bot.ports.account_history import Wanted
from bot.ports.market_views import BookView, MarketDetail, MidPoint
from bot.ports.persistence import StoreError

router = APIRouter(tags=["state"])

MOST: Final = 100
#: What of a wrong name is said back.
_SHOWN: Final = 80
#: Seconds by which a path may begin later than it reaches back.
_LATE: Final = 90.0


@router.get(
    "/markets/{ticker}",
    summary="One market",
    responses={**answers(MarketPage), **INVALID, **MISSING},
)
async def market(ticker: str, services: CurrentServices) -> Response:
    """Its book, the path of its mid, our fills, whales and decisions of late."""
    watched = services.snapshot_holder.snapshot.state.markets
    view = next((one for one in watched if one.ticker == ticker), None)
    if view is None:
        name = plain(ticker)[:_SHOWN]
        raise HTTPException(404, f"{name} is not among the markets that are watched")
    now, detail = services.clock.now(), services.market_detail(ticker)
    since = now - timedelta(seconds=PATH)
    held = [one for one in shown_positions(services) if one.ticker == ticker]
    fills, fills_reason = await _fills(services, ticker, since)
    return json_response(
        MarketPage(
            market=view,
            position=held[0] if held else None,
            book=_book(detail.book, now) if detail.book else None,
            features=detail.features,
            book_reason=detail.reason,
            path=tuple(map(_mid, detail.path)),
            path_reason=_path_reason(detail, now),
            decisions=services.decisions.of(ticker, CYCLES),
            whales=services.whales.history(ticker, None, since, MOST),
            fills=fills,
            fills_reason=fills_reason,
        )
    )


async def _fills(
    services: Services, ticker: str, since: datetime
) -> tuple[tuple[MarketFill, ...] | None, str | None]:
    try:
        found = await services.past.fills(Wanted(MOST, ticker, since))
    except StoreError as error:
        return None, plain(str(error))
    return tuple(map(_fill, found)), None


def _fill(one: Fill) -> MarketFill:
    return MarketFill(side=one.side.value, **msgspec.structs.asdict(fill_shape(one)))


def _book(book: BookView, now: datetime) -> BookShape:
    age = max(round(now.timestamp() - book.seen_at, 1), 0.0)
    return BookShape(bids=book.bids, asks=book.asks, seen_at=_iso(book.seen_at), age_seconds=age)


def _mid(one: MidPoint) -> MidShape:
    return MidShape(at=_iso(one.at), mid=one.mid)


def _path_reason(detail: MarketDetail, now: datetime) -> str | None:
    if not detail.path:
        return "this process has not seen both sides of its book yet"
    start = detail.path[0].at
    if now.timestamp() - start >= PATH - _LATE:
        return None
    return f"this process has seen it since {_iso(start)}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
