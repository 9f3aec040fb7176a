"""Shapes of `/positions` and `/limits`. What is not known is null, with a reason beside it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.model import FillsMarkedView
from bot.ports.account_views import AccountTotals, LimitView, PositionView
from bot.ports.json_types import Count, Time


class PositionShape(PositionView, frozen=True, kw_only=True):
    """What is held of one market, at the moment of the answer. Prices are YES prices always."""

    held_seconds: float
    closes_in_seconds: Annotated[float | None, Meta(description="Below 0 once it has closed")]


class Positions(Struct, frozen=True, kw_only=True):
    """What is open, and the account it is part of."""

    positions: tuple[PositionShape, ...]
    count: Count
    account: Annotated[AccountTotals | None, Meta(description="null before the first cycle")]
    entries: Annotated[
        FillsMarkedView | None,
        Meta(description="What its entries were worth, as in `/model/performance`; null as above"),
    ]
    as_of: Time | None
    age_seconds: float | None
    reason: Annotated[str | None, Meta(description="Why nothing is known, or all of it is old")]


class Limits(Struct, frozen=True, kw_only=True):
    """Every limit, and why nothing is entered now."""

    limits: tuple[LimitView, ...]
    count: Count
    entries_stopped: str | None
    as_of: Time | None
    age_seconds: float | None
    reason: Annotated[str | None, Meta(description="Why nothing is known, or all of it is old")]


class Adopted(Struct, frozen=True, kw_only=True):
    """What became of a request to adopt the account; `waiting` goes on until it is done."""

    status: Literal["adopted", "waiting"]
    detail: Annotated[str, Meta(description="What was adopted, or what it waits for")]


class OrderResolved(Struct, frozen=True, kw_only=True):
    """What became of an operator's word on an order; `refused`: it is not in doubt, or too new."""

    status: Literal["resolved", "refused", "waiting"]
    client_order_id: str
    detail: str
