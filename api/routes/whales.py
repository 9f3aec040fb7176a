"""`/whales`: every detection with its reason, and what detections came to."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from api.deps import CurrentServices
from api.responses import json_response
from api.schemas.common import INVALID, answers
from api.schemas.whales import WhaleHistory
from bot.core.whales.detector import WhaleType
from bot.whales.views import LIMITS, Scoreboard

router = APIRouter(prefix="/whales", tags=["whales"])

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, the newest first")]
Ticker = Annotated[str | None, Query(max_length=64, description="Of this market alone")]
Kind = Annotated[WhaleType | None, Query(alias="type", description="Of this type alone")]

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
#: The offset of a time whose + was not encoded, and so arrived as a blank.
_BARE_OFFSET: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


def date_and_time(given: str) -> str:
    """Refuse what is no date and time; mend an offset whose + arrived as a blank."""
    # A bare number would pass for seconds since 1970; whoever sends one meant something else.
    if not _DATE.match(given):
        raise PydanticCustomError("not_iso_8601", "Input should be a date and time in ISO 8601")
    date, time = given[:10], given[10:]
    return date + _BARE_OFFSET.sub("+", time)


Since = Annotated[
    AwareDatetime | None,
    BeforeValidator(date_and_time),
    Query(description="Not before; ISO 8601 with offset"),
]


@router.get("", summary="Whale history", responses={**answers(WhaleHistory), **INVALID})
async def history(
    services: CurrentServices,
    ticker: Ticker = None,
    kind: Kind = None,
    since: Since = None,
    limit: Limit = 100,
) -> Response:
    """The last detections, newest first, each with why it fired and, if suspected, how sure.

    `trades` says of how many watched markets it is known what traded before the last books.
    """
    found = services.whales.history(ticker, kind, since, limit)
    endings = services.whales.endings(ticker, since, limit)
    return json_response(
        WhaleHistory(
            whales=found,
            endings=endings,
            count=len(found),
            limits=LIMITS,
            trades=services.coverage,
        )
    )


@router.get("/scoreboard", summary="What whales were worth", responses=answers(Scoreboard))
async def scoreboard(services: CurrentServices) -> Response:
    """How the price moved after detections in their direction, net of half spread and taker fee.

    Per type, price band and category, and per type over all, after 1, 5 and 60 minutes and at
    settlement, beside moments of the same markets without a whale. `verdict` is `loses` where the
    interval lies below zero.
    """
    return json_response(services.whales.scores())
