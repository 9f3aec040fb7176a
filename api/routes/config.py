"""`/config`: the settings in force."""

from decimal import Decimal
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from api.deps import CurrentServices
from api.responses import json_response
from api.schemas.common import answers
from api.schemas.service import ConfigView, EffectiveShape, Json, SettingShape
from bot.config import VERSION, Settings
from bot.core.market.money import measured

router = APIRouter(tags=["service"])

_SET: Final = "set"


@router.get("/config", summary="The settings in force", responses=answers(ConfigView))
async def config(services: CurrentServices) -> Response:
    """Every setting with its default; of a secret only whether it is set."""
    found = services.settings
    fields = Settings.model_fields.items()
    shown = tuple(_setting(found, name, field) for name, field in fields)
    effective = EffectiveShape(
        exchange=found.exchange_name,
        base_url=found.base_url,
        is_embedded=found.is_embedded,
        reads_per_second=found.reads_per_second,
        model_version=services.snapshot_holder.status.model_version,
    )
    view = ConfigView(version=VERSION, settings=shown, count=len(shown), effective=effective)
    return json_response(view)


def _setting(settings: Settings, name: str, field: FieldInfo) -> SettingShape:
    value = getattr(settings, name)
    return SettingShape(
        name=name.upper(),
        value=_shown(value),
        default=_shown(field.default),
        differs=value != field.default,
        secret="Secret" in str(field.annotation),
        description=field.description or "",
    )


def _shown(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case SecretStr():
            return _SET
        case Decimal():
            return measured(value)
        case Path():
            return str(value)
        case tuple():
            return [_shown(one) for one in value]
        case _:
            raise TypeError(f"a setting of {type(value).__name__} has no form in JSON")
