"""`/positions`, `/limits` and `/audit`: the account as it was once the last cycle was over."""

from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Response

from api.deps import CurrentServices, Services
from api.responses import json_response
from api.schemas.account import Limits, Positions, PositionShape
from api.schemas.common import answers
from api.schemas.model import FillsMarkedView
from bot.core.staleness import fresh_for
from bot.ports.account_views import AuditView, PositionView
from bot.ports.twin_views import TwinView

router = APIRouter(tags=["account"])

_NO_CYCLE: Final = "no cycle has ended yet"


@router.get("/positions", summary="Open positions", responses=answers(Positions))
async def positions(services: CurrentServices) -> Response:
    """What is held: its worth, what it has come to, and why it is still held."""
    shown, known = shown_positions(services), _as_of(services, services.clock.now())
    totals = services.account.totals
    entries = None if totals is None else entries_marked(services)
    return json_response(
        Positions(positions=shown, count=len(shown), account=totals, entries=entries, **known)
    )


@router.get("/limits", summary="Each limit and its use", responses=answers(Limits))
async def limits(services: CurrentServices) -> Response:
    """What may be risked, how much of that is used, and why nothing is entered if so."""
    shown, known = services.account.limits, _as_of(services, services.clock.now())
    stopped = services.snapshot_holder.status.entries_stopped
    return json_response(Limits(limits=shown, count=len(shown), entries_stopped=stopped, **known))


def entries_marked(services: Services) -> FillsMarkedView:
    """What all entries were worth."""
    return msgspec.convert(services.model.fills.entries(), FillsMarkedView, from_attributes=True)


def shown_positions(services: Services) -> tuple[PositionShape, ...]:
    """The open positions, aged to now."""
    now = services.clock.now()
    old = _as_of(services, now)["reason"]
    return tuple(_position(one, now, old) for one in services.account.positions)


@router.get("/audit", summary="Our account against the exchange's", responses=answers(AuditView))
async def audit(services: CurrentServices) -> Response:
    """What is held here and what the exchange says is held, as compared last: once a minute.

    On paper there is nothing to compare with.
    """
    return json_response(services.audit)


@router.get("/twin", summary="Live orders beside their paper twins", responses=answers(TwinView))
async def twin(services: CurrentServices) -> Response:
    """Fill rate, price and fees of live orders that take, and of the same orders on paper.

    Paper walks the book that the order was decided on. Of the newest 5,000 orders, by category.
    """
    return json_response(services.twin)


def _as_of(services: Services, now: datetime) -> dict[str, Any]:
    """When that was, how long ago, and what is wrong with it."""
    at = services.account.at
    if at is None:
        return {"as_of": None, "age_seconds": None, "reason": _NO_CYCLE}
    age = _seconds(datetime.fromisoformat(at), now)
    is_old = age > fresh_for(services.snapshot_holder.status.interval_seconds)
    reason = f"no cycle has ended for {age:.0f} s" if is_old else None
    return {"as_of": at, "age_seconds": max(age, 0.0), "reason": reason}


def _position(one: PositionView, now: datetime, old: str | None) -> PositionShape:
    fields = msgspec.structs.asdict(one)
    closes = None if one.closes_at is None else datetime.fromisoformat(one.closes_at)
    fields |= {
        "held_seconds": max(_seconds(datetime.fromisoformat(one.opened_at), now), 0.0),
        "closes_in_seconds": None if closes is None else _seconds(now, closes),
        "stale": one.stale or old is not None,
        "stale_reason": one.stale_reason or old,
    }
    return PositionShape(**fields)


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 1)
