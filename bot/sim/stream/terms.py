"""What may be set about the stream, and what may happen to its frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one connection may have, and how many connections there may be.

    `buffer` is frames waiting in one subscription, `answers` those that may wait in all when a
    command is answered.
    """

    buffer: int = 20_000
    answers: int = 200_000
    markets: int = 500_000
    commands_per_second: int = 10_000
    connections: int = 200


@dataclass(frozen=True, slots=True)
class PingSchedule:
    """How often, in real seconds: Kalshi pings every ten.

    The world acts at whole seconds; it is advanced more often, so that they are sent in time.
    """

    ping: float = 10.0
    world: float = 0.1


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """The settings of the stream."""

    limits: StreamLimits = field(default_factory=StreamLimits)
    beat: PingSchedule = field(default_factory=PingSchedule)


class FrameSpoiler(Protocol):
    """May spoil frames on their way out."""

    @property
    def spoils_frames(self) -> bool:
        """Whether there is anything to ask for now."""
        ...

    def error(self, channel: str) -> int:
        """The code of the error that comes in place of a channel's next frame; 0 for none."""
        ...

    def frames(self, channel: str, frame: str) -> Sequence[tuple[float, str]] | None:
        """What is sent in place of a frame, each after so many seconds; None cuts the line."""
        ...
