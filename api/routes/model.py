"""`/model`: what the model is, whether it still knows what it sees, and how good it was."""

import asyncio
from collections.abc import Iterable, Mapping

from fastapi import APIRouter

from api.deps import CurrentServices
from api.schemas.model import DriftView, FillGroupView, ModelView, PerformanceView, TrackRecordView
from bot.core.model.families import family_of
from bot.model.prediction_grader import ALL

router = APIRouter(prefix="/model", tags=["model"])


@router.get("", summary="The model and its card")
async def model(services: CurrentServices) -> ModelView:
    """Version, fault, card, and the drift of what came in since 00:00 UTC."""
    status = services.snapshot_holder.status
    drift = services.model.drift()
    return ModelView(
        version=status.model_version,
        fault=status.model_fault,
        card=_plain(services.model.card),
        drift={name: DriftView.model_validate(one) for name, one in drift.items()},
    )


@router.get("/performance", summary="Track record of the predictions, and what fills were worth")
async def performance(services: CurrentServices) -> TrackRecordView:
    """Hit rate, Brier, log loss, calibration and cents after costs by group; markouts of fills."""
    # Tens of thousands of grades take a while to sum up: not on the loop.
    record = await asyncio.to_thread(services.model.track_record)
    fills = [FillGroupView.model_validate(one) for one in services.model.fills.groups()]
    groups = {name: PerformanceView.model_validate(one) for name, one in record.groups.items()}
    return TrackRecordView(
        horizon_seconds=record.horizon,
        waiting=record.waiting,
        lapsed=record.lapsed,
        groups=groups,
        general=_general(groups, services.model.card),
        fills=fills,
    )


def _general(groups: Iterable[str], card: Mapping[str, object] | None) -> list[str] | None:
    training = (card or {}).get("training")
    kinds = training.get("kinds") if isinstance(training, Mapping) else None
    if not isinstance(kinds, Mapping):
        return None
    return [name for name in groups if name != ALL and family_of(name) not in kinds]


def _plain(card: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if card is None else dict(card)
