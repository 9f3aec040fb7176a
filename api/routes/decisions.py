"""`/decisions`: why there was a trade, or none."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import CurrentServices
from api.responses import json_response
from api.schemas.bot import Decisions
from api.schemas.common import INVALID, answers

router = APIRouter(prefix="/decisions", tags=["bot"])

Ticker = Annotated[str | None, Query(max_length=64, description="Of this market alone")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, the newest first")]


@router.get("", summary="Why no trade?", responses={**answers(Decisions), **INVALID})
async def decisions(
    services: CurrentServices, ticker: Ticker = None, limit: Limit = 100
) -> Response:
    """What was thought of each market in the last cycles, and what became of it.

    A refusal names the rule with the number that broke it and the limit.
    """
    found = services.decisions.of(ticker, limit)
    return json_response(Decisions(decisions=found, count=len(found)))
