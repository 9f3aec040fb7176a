"""Markets in which nothing trades, as the exchange tells of their life."""

from collections.abc import Container
from typing import Final

from bot.kalshi.wire.frames import LifecycleFrame

#: Steps in the life of a market after which nothing trades, and after which it does again.
_HALTS: Final = frozenset({"deactivated", "determined", "settled"})
_RESUMES: Final = frozenset({"created", "activated"})
#: Markets remembered as halted: the exchange tells of all it has, and some thousand end a day.
MOST_HALTED: Final = 5_000


class Halts:
    """What has halted: its book is no price of anything."""

    def __init__(self) -> None:
        self._halted: dict[str, str] = {}

    def on_lifecycle(self, message: LifecycleFrame, wanted: Container[str]) -> None:
        """Something happened in the life of a market; of too many those not `wanted` go."""
        ticker, step = message.market_ticker, message.event_type
        if step in _HALTS and message.is_deactivated is not False:
            self._halted[ticker] = f"the exchange says that the market was {step}"
            self._forget(wanted)
        elif step in _RESUMES or message.is_deactivated is False:
            self._halted.pop(ticker, None)

    def reason(self, ticker: str) -> str | None:
        """Why nothing trades there; None if it may."""
        return self._halted.get(ticker)

    def clear(self) -> None:
        """Whoever halted or resumed meanwhile is known from its description."""
        self._halted.clear()

    def _forget(self, wanted: Container[str]) -> None:
        if len(self._halted) > MOST_HALTED:
            oldest = next((t for t in self._halted if t not in wanted), None)
            self._halted.pop(oldest or "", None)
