"""What is shown of the paper twins of live orders."""

from typing import Annotated

from msgspec import Meta, Struct

from bot.ports.json_types import Count, Share


class TwinGroupView(Struct, frozen=True, kw_only=True):
    """Live orders beside their paper twins."""

    category: Annotated[str, Meta(description="Of the markets; `all` for all of them")]
    orders: Count
    contracts: Annotated[float, Meta(description="Contracts that were sent")]
    live_fill_rate: Annotated[Share, Meta(description="Contracts traded of those sent")]
    paper_fill_rate: Share
    price_gap: Annotated[
        float | None,
        Meta(description="Cents a contract that live paid more; null where not both traded"),
    ]
    fee_gap: Annotated[float | None, Meta(description="The same of fees")]


class TwinView(Struct, frozen=True, kw_only=True):
    """How far paper can be trusted: each live order walked through the book it was decided on."""

    total: TwinGroupView | None = None
    categories: tuple[TwinGroupView, ...] = ()
    reason: Annotated[str | None, Meta(description="Why there is nothing to show")] = None
