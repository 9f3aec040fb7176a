"""The commands a client sends on the stream, and which of them await an answer. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

BOOK: Final = "orderbook_delta"
TRADE: Final = "trade"
TICKER: Final = "ticker"
LIFECYCLE: Final = "market_lifecycle_v2"
#: Channels that are told which markets.
OF_MARKETS: Final = (BOOK, TRADE, TICKER)
#: Those that tell of the account whose key was signed with, in all markets.
OF_ACCOUNT: Final = ("fill", "user_orders", "market_positions")

#: Markets named in one command: its text stays below a packet or two.
NAMED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Command:
    """A command that waits for its answer. `channel` is empty for one about none."""

    name: str
    at: float
    channel: str = ""
    tickers: tuple[str, ...] = ()


class Commands:
    """Numbers commands; holds those to be sent and those to be answered."""

    def __init__(self) -> None:
        self._number = 0
        self._outgoing: list[bytes] = []
        self.waiting: dict[int, Command] = {}

    def subscribe(self, channel: str, tickers: Sequence[str], at: float) -> None:
        params: dict[str, Any] = {"channels": [channel]}
        if tickers:
            params |= {"market_tickers": list(tickers), "skip_ticker_ack": True}
        if channel == BOOK:
            # The default is going to change, so it is said.
            params["use_yes_price"] = True
        if channel == TICKER:
            params["send_initial_snapshot"] = True
        self._say(Command("subscribe", at, channel, tuple(tickers)), params)

    def update(
        self, action: str, channel: str, sid: int, tickers: Sequence[str], at: float
    ) -> None:
        """Add markets to a subscription, take them out, or ask for their books."""
        params = {"sid": sid, "action": action, "market_tickers": list(tickers)}
        self._say(Command(action, at, channel, tuple(tickers)), params, "update_subscription")

    def heartbeat(self, at: float) -> None:
        """Ask for what is subscribed: the answer comes after all that was sent before."""
        self._say(Command("list_subscriptions", at), None)

    def outgoing(self) -> list[bytes]:
        """What is to be sent now."""
        texts, self._outgoing = self._outgoing, []
        return texts

    def answered(self, number: int | None) -> Command | None:
        """The command that an answer belongs to; it is no longer awaited."""
        return self.waiting.pop(number, None) if number is not None else None

    def waits(self, name: str, channel: str = "") -> bool:
        """Whether such a command waits for its answer."""
        return any(one.name == name and one.channel == channel for one in self.waiting.values())

    def oldest(self) -> Command | None:
        """The command that has waited longest."""
        return next(iter(self.waiting.values()), None)

    def date_back(self, at: float) -> None:
        """Count what waits as given now: the clock went back. An answer proves nothing then."""
        self.waiting = {
            number: replace(one, at=at)
            for number, one in self.waiting.items()
            if one.name != "list_subscriptions"
        }

    def _say(self, command: Command, params: dict[str, Any] | None, cmd: str = "") -> None:
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "cmd": cmd or command.name}
        if params is not None:
            said["params"] = params
        self._outgoing.append(msgspec.json.encode(said))
        # The exchange answers a request for books with the books.
        if command.name != "get_snapshot":
            self.waiting[self._number] = command
