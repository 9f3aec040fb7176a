"""What operators do about an account that differs: adopt it, say what became of a lost order."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response

from api.deps import CurrentServices, Services, refuse_foreign_pages
from api.responses import json_response
from api.schemas.account import Adopted, OrderResolved
from api.schemas.common import ACTING, CONFLICT, INVALID, answers
from bot.ports.account_views import OperatorEntry

router = APIRouter(tags=["account"], dependencies=[Depends(refuse_foreign_pages)])

OrderId = Annotated[str, Path(min_length=1, max_length=64, description="The client order id")]
Traded = Annotated[bool, Query(description="Whether it traded, as Kalshi's own pages have it")]

#: Seconds within which an answer may come to say that it is done.
DONE_WITHIN: Final = 12.0
_SOON: Final = "whoever leads does it within seconds: see GET /audit"


@router.post(
    "/audit/adopt",
    summary="Adopt the account",
    responses={**answers(Adopted), **ACTING, **CONFLICT},
)
async def apply_adoption(services: CurrentServices) -> Response:
    """Make what is booked what the exchange has, for good; an operator looks at both before.

    Trades that were not booked are booked by their id, settlements as they were paid; what nothing
    explains is taken over as it is, at what the exchange says it cost, and the cash likewise.
    It waits until no order is in doubt, on its way or resting, and nothing traded for 5 s.
    """
    _refuse_on_paper(services)
    entry = await _done(services, await services.account_control.request_adoption())
    if entry is not None:
        return json_response(Adopted(status="adopted", detail=entry.message))
    waits = services.audit.adoption_waits or _SOON
    return json_response(Adopted(status="waiting", detail=waits))


@router.post(
    "/orders/{client_order_id}/resolve",
    summary="Say what became of a lost order",
    responses={**answers(OrderResolved), **ACTING, **CONFLICT, **INVALID},
)
async def resolve(services: CurrentServices, client_order_id: OrderId, traded: Traded) -> Response:
    """End an order in doubt that the exchange tells nothing of any more, by an operator's word.

    One that traded gets its fills by `POST /audit/adopt`. Orders younger than two minutes are
    still looked up, and left to that.
    """
    _refuse_on_paper(services)
    asked = await services.account_control.resolve(client_order_id, traded=traded)
    entry = await _done(services, asked)
    status: Literal["resolved", "refused", "waiting"] = "waiting"
    if entry is not None:
        status = "refused" if entry.is_refusal else "resolved"
    detail = entry.message if entry is not None else _SOON
    return json_response(
        OrderResolved(status=status, client_order_id=client_order_id, detail=detail)
    )


def _refuse_on_paper(services: Services) -> None:
    if services.settings.bot_mode == "paper":
        raise HTTPException(409, "paper: there is no account at the exchange")


async def _done(services: Services, asked: datetime) -> OperatorEntry | None:
    """What became of it, once it is written down; None if that takes longer than is waited."""
    wanted = asked.isoformat()
    with suppress(TimeoutError):
        async with asyncio.timeout(DONE_WITHIN):
            while (found := _entry(services, wanted)) is None:
                await services.snapshot_holder.newer()
            return found
    return None


def _entry(services: Services, asked_at: str) -> OperatorEntry | None:
    entries = services.audit.operator
    return next((entry for entry in entries if entry.asked_at == asked_at), None)
