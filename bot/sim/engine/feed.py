"""Delivers the events of the exchange to listeners; makes the identifiers in them."""

from collections import deque
from collections.abc import Callable
from hashlib import blake2b

from bot.sim.engine.events import SimEvent

Listener = Callable[[SimEvent], None]


class SimEventFeed:
    """Collects the events of one operation and emits them when it is complete.

    A listener may start another operation: its events are handed out after those of this one,
    so that everybody sees one order of things.
    """

    def __init__(self) -> None:
        self._waiting: deque[SimEvent] = deque()
        self._listeners: list[Listener] = []
        self._is_flushing = False
        self.emit = self._waiting.append

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Pass every later event to the listener; the returned function unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def flush(self) -> None:
        """Emit what was collected."""
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while self._waiting:
                self._emit(self._waiting.popleft())
        finally:
            self._is_flushing = False

    def _emit(self, event: SimEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)


class Ids:
    """Identifiers shaped as UUIDs, the same for the same seed: counted, never random."""

    def __init__(self, seed: int) -> None:
        self._prefix = blake2b(str(seed).encode(), digest_size=4).hexdigest()
        self._counts: dict[str, int] = {}

    def next(self, kind: str) -> str:
        """The next identifier of a kind (four hexadecimal digits)."""
        number = self._counts.get(kind, 0) + 1
        self._counts[kind] = number
        return f"{self._prefix}-{kind}-4000-8000-{number:012x}"
