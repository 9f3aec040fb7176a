"""`/model`: what the model is, whether it still knows what it sees, and how good it was."""

import asyncio
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Response
from msgspec import convert

from api.deps import CurrentServices
from api.responses import json_response
from api.routes.account import entries_marked
from api.schemas.common import answers
from api.schemas.model import DriftView, FillGroupView, ModelView, PerformanceView, TrackRecordView
from bot.core.model.families import family_of
from bot.model.prediction_grader import ALL

router = APIRouter(prefix="/model", tags=["model"])


@router.get("", summary="The model and its card", responses=answers(ModelView))
async def model(services: CurrentServices) -> Response:
    """Version, fault, card, and the drift of what came in since 00:00 UTC."""
    status = services.snapshot_holder.status
    drift = convert(services.model.drift(), dict[str, DriftView], from_attributes=True)
    version, fault = status.model_version, status.model_fault
    return json_response(
        ModelView(version=version, fault=fault, card=services.model.card, drift=drift)
    )


@router.get(
    "/performance",
    summary="Track record of the predictions, and what fills were worth",
    responses=answers(TrackRecordView),
)
async def performance(services: CurrentServices) -> Response:
    """Hit rate, Brier, log loss, calibration and cents after costs by group; markouts of fills."""
    # Tens of thousands of grades take a while to sum up: not on the loop.
    record = await asyncio.to_thread(services.model.track_record)
    fills = services.model.fills.groups()
    return json_response(
        TrackRecordView(
            horizon_seconds=record.horizon,
            waiting=record.waiting,
            lapsed=record.lapsed,
            groups=convert(record.groups, dict[str, PerformanceView], from_attributes=True),
            general=_general(record.groups, services.model.card),
            fills=convert(fills, tuple[FillGroupView, ...], from_attributes=True),
            entries=entries_marked(services),
        )
    )


def _general(groups: Iterable[str], card: Mapping[str, object] | None) -> tuple[str, ...] | None:
    training = (card or {}).get("training")
    kinds = training.get("kinds") if isinstance(training, Mapping) else None
    if not isinstance(kinds, Mapping):
        return None
    return tuple(name for name in groups if name != ALL and family_of(name) not in kinds)
