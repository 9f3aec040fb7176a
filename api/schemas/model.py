"""Shapes of `/model`: the card, the drift, the track record."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.common import Count, Number, Shape, Share


class DriftView(Shape):
    """The population stability index of one feature today; null below 500 rows."""

    index: float | None = Field(examples=[0.04])
    verdict: Literal["unknown", "steady", "watch", "drifted"]
    rows: Count


class ModelView(Shape):
    """The model: `card` is the file beside it, null if it cannot be read."""

    version: str = Field(examples=["00337b08e7a4"])
    fault: str | None
    card: dict[str, Any] | None
    drift: dict[str, DriftView]


class MeanView(Shape):
    """A mean with its 95 % interval (null with fewer than five markets) and the rows behind it."""

    value: Number
    interval: tuple[Number, Number] | None
    rows: Count


class BinView(Shape):
    """Predictions of like scores: what was said on average, how often YES then rose."""

    rows: Count
    score: Share
    up: Share


class PerformanceView(Shape):
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
    bins: list[BinView]


class FillGroupView(Shape):
    """Markouts of fills: where the mid was so many seconds later, on the position's side.

    In cents a contract from the price of the fill, before fees; after an exit that is what staying
    would have gained. Null where no fill of them saw a two-sided book in time.
    """

    category: str
    kind: Literal["entry_long", "entry_short", "exit_taken", "exit_rested"]
    fills: Count
    contracts: Number
    after: dict[str, MeanView | None] = Field(description="by seconds: 1, 5, 10, 60")


class TrackRecordView(Shape):
    """Track record of the predictions, by group of markets; `ALL` is all of them.

    `waiting` have their horizon ahead, `lapsed` saw no two-sided book in time. `fills` are those of
    the account, once a minute has passed since.
    """

    horizon_seconds: Number
    waiting: Count
    lapsed: Count
    groups: dict[str, PerformanceView]
    general: list[str] | None = Field(
        description="Groups of a kind the model was not trained on, which the general one scores; "
        "null without a card that tells"
    )
    fills: list[FillGroupView]
