"""One market as it is shown by itself: its book, the path of its mid, what was measured of it.

Prices in cents, sizes in contracts, times in seconds UTC.
"""

from collections.abc import Mapping

from msgspec import Struct

from bot.ports.json_types import Cents


class LevelView(Struct, frozen=True):
    """Contracts on offer at one price."""

    price: Cents
    size: float


class BookView(Struct, frozen=True, kw_only=True):
    """The best levels of both sides, best first."""

    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    seen_at: float


class MidPoint(Struct, frozen=True):
    """The mid at a moment."""

    at: float
    mid: float


class MarketDetail(Struct, frozen=True, kw_only=True):
    """What one process knows of a market; `book` and `features` None with `reason`.

    `path` is oldest first and holds what this process has seen itself.
    """

    book: BookView | None
    features: Mapping[str, float | None] | None
    path: tuple[MidPoint, ...]
    reason: str | None
