"""`/trades`, `/orders`, `/equity`, `/stats`: the past of the account, from the database."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from api.deps import CurrentServices, Services
from api.history_shapes import (
    csv_text,
    iso,
    mark_shape,
    order_shape,
    point_shape,
    stats_fields,
    trade_shape,
)
from api.responses import json_response
from api.routes.whales import Since, date_and_time
from api.schemas.common import INVALID, Responses, answers, shown
from api.schemas.history import (
    Equity,
    GroupShape,
    Orders,
    Stats,
    StatsShape,
    Trades,
    TradeShape,
)
from bot.core.account.trade_stats import GroupBy, TradeStats
from bot.ports.account_history import (
    ClosedTrade,
    CursorError,
    Page,
    Wanted,
)

router = APIRouter(tags=["account"])

MOST_ROWS: Final = 10_000
MOST_GROUPS: Final = 500
_CSV_CONTENT: Final = {"text/csv": {"schema": {"type": "string"}}}
_CSV: Final[Responses] = {200: {"content": _CSV_CONTENT, "description": "The rows"}}
_EITHER: Final[Responses] = {
    200: {
        "content": {**shown(Trades)["content"], **_CSV_CONTENT},
        "description": "The rows",
    }
}


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("no_such_time", "Input should be a time that exists") from None


Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, the newest first")]
Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many at most, newest first")]
Ticker = Annotated[
    str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="Of this market alone")
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=80, pattern=r"^[0-9A-Za-z_.-]*$", description="`next_cursor` of the page before"
    ),
]
_exact = AfterValidator(lambda at: at and _utc(at))
From = Annotated[Since, _exact]
Until = Annotated[
    AwareDatetime | None,
    BeforeValidator(date_and_time),
    Query(description="Not after; ISO 8601 with offset"),
    _exact,
]
Step = Annotated[int, Query(ge=60, le=604_800, description="Seconds between two points")]
By = Annotated[GroupBy, Query(description="What trades are told apart by")]


async def _asked(
    since: From = None,
    until: Until = None,
    ticker: Ticker = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Wanted:
    return Wanted(limit, ticker, since, cursor, until)


Asked = Annotated[Wanted, Depends(_asked)]


@router.get(
    "/trades",
    summary="Closed trades",
    responses={**_EITHER, **INVALID},
)
async def trades(request: Request, services: CurrentServices, wanted: Asked) -> Response:
    """Round trips, the one that ended last first; as CSV for whoever accepts `text/csv`."""
    page = await _trades(services, wanted)
    rows = tuple(trade_shape(one) for one in page.rows)
    if _wants_csv(request):
        return _csv(rows)
    return json_response(Trades(trades=rows, count=len(rows), next_cursor=page.next))


@router.get(
    "/trades.csv",
    summary="Closed trades as CSV",
    response_class=Response,
    responses={**_CSV, **INVALID},
)
async def trades_csv(
    services: CurrentServices,
    since: From = None,
    until: Until = None,
    ticker: Ticker = None,
    limit: Rows = MOST_ROWS,
) -> Response:
    """The same rows as a file, header first."""
    page = await _trades(services, Wanted(limit, ticker, since, until=until))
    return _csv([trade_shape(one) for one in page.rows])


@router.get("/orders", summary="Orders with their fills", responses={**answers(Orders), **INVALID})
async def orders(services: CurrentServices, wanted: Asked) -> Response:
    """What was sent and what became of it, the newest first."""
    try:
        page = await services.past.orders(wanted)
    except CursorError:
        raise _NO_CURSOR from None
    queue = services.queue
    rows = tuple(order_shape(one, queue.get(one.client_order_id)) for one in page.rows)
    return json_response(Orders(orders=rows, count=len(rows), next_cursor=page.next))


@router.get("/equity", summary="The account over time", responses={**answers(Equity), **INVALID})
async def equity(
    services: CurrentServices,
    start: Annotated[From, Query(alias="from")] = None,
    end: Annotated[Until, Query(alias="to")] = None,
    step: Step = 60,
) -> Response:
    """Equity, cash and what they are made of, by the minute; all that is kept without `from`.

    A minute in which something held had no price since a restart has no point.
    """
    upto = end or services.clock.now()
    curve = await services.past.equity(start, upto, step)
    points = tuple(point_shape(one) for one in curve.points)
    return json_response(
        Equity(
            points=points,
            count=len(points),
            step_seconds=curve.step,
            first_at=iso(curve.first),
            max_drawdown=None if curve.max_drawdown is None else round(curve.max_drawdown, 2),
            marks=tuple(mark_shape(one) for one in curve.marks),
            reason=None if points else "no minute of that time is stored",
        )
    )


@router.get("/stats", summary="What closed trades came to", responses={**answers(Stats), **INVALID})
async def stats(
    services: CurrentServices, by: By = GroupBy.DAY, since: From = None, until: Until = None
) -> Response:
    """Win rate, profit factor, fees and the like: of all closed trades and of each group."""
    found = await services.past.performance(by, since, until)
    groups = _sorted(found.stats.groups, by)
    most = groups[:MOST_GROUPS]
    rows = tuple(GroupShape(key=key, **stats_fields(one)) for key, one in most)
    cut = [] if found.is_complete else [f"only the newest {found.stats.total.trades:,} are counted"]
    cut += [f"{len(groups):,} groups, {MOST_GROUPS} shown"] if len(groups) > MOST_GROUPS else []
    return json_response(
        Stats(
            by=by.value,
            total=StatsShape(**stats_fields(found.stats.total)),
            groups=rows,
            count=len(rows),
            reason="; ".join(cut) or None,
        )
    )


async def _trades(services: Services, wanted: Wanted) -> Page[ClosedTrade]:
    try:
        return await services.past.trades(wanted)
    except CursorError:
        raise _NO_CURSOR from None


_NO_CURSOR: Final = HTTPException(422, "cursor: not one that an earlier answer gave")


def _wants_csv(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _csv(rows: Iterable[TradeShape]) -> Response:
    headers = {"content-disposition": 'attachment; filename="trades.csv"'}
    return Response(csv_text(rows), headers=headers, media_type="text/csv")


def _sorted(
    groups: Mapping[str | None, TradeStats], by: GroupBy
) -> list[tuple[str | None, TradeStats]]:
    """Days the newest first, hours as they come, everything else by how often it was traded."""
    named = sorted(groups.items(), key=lambda group: group[0] or "", reverse=by is GroupBy.DAY)
    if by in {GroupBy.DAY, GroupBy.HOUR}:
        return named
    return sorted(named, key=lambda group: -group[1].trades)
