"""Shapes of `/state`: lists of the views that a snapshot is made of."""

from msgspec import Struct

from bot.ports.json_types import Count
from bot.ports.views import MarketView, NoticeView, TimelineView, WhaleView


class Markets(Struct, frozen=True, kw_only=True):
    """The watched markets."""

    markets: tuple[MarketView, ...]
    count: Count


class Whales(Struct, frozen=True, kw_only=True):
    """Recent whales, newest first."""

    whales: tuple[WhaleView, ...]
    count: Count


class Timeline(Struct, frozen=True, kw_only=True):
    """What happened lately, newest first."""

    timeline: tuple[TimelineView, ...]
    count: Count


class Notices(Struct, frozen=True, kw_only=True):
    """What else people should know, newest first."""

    notices: tuple[NoticeView, ...]
    count: Count
