"""Several audiences of the cycle as one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.core.events import Event
from bot.core.market import Market
from bot.core.regime import RegimeName
from bot.parts import Audience
from bot.watch import Judged


class Audiences:
    """Tells each of them, in their order."""

    def __init__(self, *audiences: Audience) -> None:
        self._audiences = audiences

    def see(self, events: Sequence[Event]) -> None:
        """These happened."""
        for audience in self._audiences:
            audience.see(events)

    def look(self, judged: Judged) -> None:
        """These books were judged."""
        for audience in self._audiences:
            audience.look(judged)

    async def publish(
        self,
        at: datetime,
        mood: RegimeName,
        markets: Mapping[str, Market],
        missing: Mapping[str, str],
    ) -> None:
        """The pass is over."""
        for audience in self._audiences:
            await audience.publish(at, mood, markets, missing)
