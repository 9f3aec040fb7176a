"""The mood of a market and of all markets together."""

from enum import StrEnum


class RegimeName(StrEnum):
    """The only moods the dashboard colours."""

    CALM = "calm"
    TRENDING = "trending"
    CHAOTIC = "chaotic"
