"""Shapes of `/model`: the card, the drift, the track record."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bot.ports.json_types import Count, Share


class DriftView(Struct, frozen=True, kw_only=True):
    """The population stability index of one feature today; null below 500 rows."""

    index: Annotated[float | None, Meta(examples=[0.04])]
    verdict: Literal["unknown", "steady", "watch", "drifted"]
    rows: Count


class ModelView(Struct, frozen=True, kw_only=True):
    """The model: `card` is the file beside it, null if it cannot be read."""

    version: Annotated[str, Meta(examples=["00337b08e7a4"])]
    fault: str | None
    card: Mapping[str, Any] | None
    drift: Mapping[str, DriftView]


class MeanView(Struct, frozen=True, kw_only=True):
    """A mean with its 95 % interval (null with fewer than five markets) and the rows behind it."""

    value: float
    interval: tuple[float, float] | None
    rows: Count


class BinView(Struct, frozen=True, kw_only=True):
    """Predictions of like scores: what was said on average, how often YES then rose."""

    rows: Count
    score: Share
    up: Share


class PerformanceView(Struct, frozen=True, kw_only=True):
    """How good the graded predictions were.

    Hit rate, Brier and log loss are over those that saw a move, cents per contract (crossing the
    spread and paying the fee both ways in the predicted direction) over all; `decided_cents` over
    those beyond the entry thresholds. Null where there are none.
    """

    graded: Count
    moved: Count
    markets: Count
    hit_rate: MeanView | None
    brier: MeanView | None
    log_loss: MeanView | None
    cents: MeanView | None
    decided_cents: MeanView | None
    bins: tuple[BinView, ...]


class FillsMarkedView(Struct, frozen=True, kw_only=True):
    """Markouts of fills: where the mid was so many seconds later, on the position's side.

    In cents a contract from the price of the fill, before fees; after an exit that is what staying
    would have gained. Null where no fill of them saw a two-sided book in time.
    """

    fills: Count
    contracts: float
    after: Annotated[Mapping[str, MeanView | None], Meta(description="by seconds: 1, 5, 10, 60")]


class FillGroupView(FillsMarkedView, frozen=True, kw_only=True):
    """Markouts of the fills of a category and kind."""

    category: str
    kind: Literal["entry_long", "entry_short", "exit_taken", "exit_rested"]


class TrackRecordView(Struct, frozen=True, kw_only=True):
    """Track record of the predictions, by group of markets; `ALL` is all of them.

    `waiting` have their horizon ahead, `lapsed` saw no two-sided book in time. `fills` are those of
    the account, once a minute has passed since.
    """

    horizon_seconds: float
    waiting: Count
    lapsed: Count
    groups: Mapping[str, PerformanceView]
    general: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Groups of a kind the model was not trained on, which the general one "
            "scores; null without a card that tells"
        ),
    ]
    fills: tuple[FillGroupView, ...]
    entries: Annotated[FillsMarkedView, Meta(description="all entries, of whatever category")]
