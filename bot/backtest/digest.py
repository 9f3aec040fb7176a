"""A hash of what was traded: equal for two runs that sent the same orders to the same end."""

import hashlib
from collections.abc import Sequence

from bot.core.events import Event, OrderEnded, OrderFilled, OrderRefused


class TradeDigest:
    """Takes events in order; what only marks or describes does not count."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, events: Sequence[Event]) -> None:
        """These came next."""
        for event in events:
            match event:
                case OrderEnded():
                    self._hash.update(repr((event.at, event.execution)).encode())
                case OrderFilled():
                    self._hash.update(repr((event.at, event.fills)).encode())
                case OrderRefused():
                    self._hash.update(repr((event.at, event.order, event.reason)).encode())

    def hex(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()
