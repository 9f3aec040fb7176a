"""The deterministic log: every event of the exchange, one JSON array per line.

The same seed and the same calls give the same bytes.
"""

from typing import BinaryIO

import msgspec

from bot.sim.engine.events import SimEvent


class EventLog:
    """Writes events to a binary stream; subscribe its `write` to an exchange.

    A line is `["BookDelta", at, …]`: the name of the event, then its fields in order.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._encoder = msgspec.json.Encoder()

    def write(self, event: SimEvent) -> None:
        """Write one event."""
        self._stream.write(self._encoder.encode((type(event).__name__, *event)))
        self._stream.write(b"\n")
