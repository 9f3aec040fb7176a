"""`/events`: the state as it changes."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, HTTPException, Request, Response

from api.deps import BodyWanted
from api.schemas.common import FULL_UP, INVALID, Responses
from api.serving.events import MEDIA_TYPE, EventStream, Listeners

router = APIRouter(tags=["state"])

_STREAM: Final[Responses] = {
    200: {
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        "description": "An event `state` for each snapshot; its data is as in `/state/full`",
    }
}
#: Seconds after which one that found no room should ask again.
_LATER: Final = "30"


@router.get(
    "/events",
    summary="The state, pushed",
    response_class=Response,
    responses={**_STREAM, **INVALID, **FULL_UP},
)
async def events(
    request: Request,
    wanted: BodyWanted,
    last_event_id: Annotated[
        str, Header(max_length=128, description="`id` of the last event: it is not sent again")
    ] = "",
) -> Response:
    """Server-sent events: the state of now, and each that follows, the newest if several did.

    A comment comes every 15 s. Whoever takes nothing for 30 s is disconnected.
    """
    listeners: Listeners = request.app.state.listeners
    if not wanted:
        return Response(media_type=MEDIA_TYPE)
    if not listeners.has_room:
        message = "As many listen as there is room for: poll /state/full, and ask again later"
        raise HTTPException(503, message, headers={"retry-after": _LATER})
    return EventStream(listeners, last_event_id.strip('"') or None)
