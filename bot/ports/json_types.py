"""The types of JSON fields, with their ranges and examples as `/openapi.json` shows them.

Documented, not checked when bytes are read: a state that an earlier version stored still opens.
"""

from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta


def _between(least: float, most: float, example: float) -> Meta:
    limits = {"minimum": least, "maximum": most}
    return Meta(extra_json_schema=limits, examples=[example])


def one_of(*words: str) -> Meta:
    """The words that a text may be."""
    return Meta(extra_json_schema={"enum": list(words)})


_TIME: Final[dict[str, Any]] = {"format": "date-time"}

Time: TypeAlias = Annotated[
    str, Meta(extra_json_schema=_TIME, examples=["2026-01-18T22:15:05+00:00"])
]
Ticker: TypeAlias = Annotated[str, Meta(examples=["KXINX-26JAN23"])]
Count: TypeAlias = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
Cents: TypeAlias = Annotated[float, _between(0, 100, 52.5)]
#: How far the share of bids lies from one half.
Strength: TypeAlias = Annotated[float, _between(0, 0.5, 0.12)]
Share: TypeAlias = Annotated[float, _between(0, 1, 0.62)]
