"""Order books that wait for a snapshot, and when each is asked for (again)."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class _Resync:
    ask_at: float
    wait: float


class Resyncs:
    """Asks for a snapshot that does not come, each time after twice as long, up to `longest`."""

    def __init__(self, patience: float, longest: float) -> None:
        self._patience = patience
        self._longest = longest
        self._waiting: dict[str, _Resync] = {}

    def expect(self, tickers: Iterable[str], at: float) -> None:
        """Snapshots of these have to come by themselves; after a while they are asked for."""
        for ticker in tickers:
            self._waiting[ticker] = _Resync(at + self._patience, self._patience)

    def ask_soon(self, ticker: str, at: float) -> None:
        """Ask from this moment on, unless the book waits already."""
        self._waiting.setdefault(ticker, _Resync(at, self._patience))

    def arrived(self, ticker: str) -> None:
        """The book is whole, or not wanted any more."""
        self._waiting.pop(ticker, None)

    def clear(self) -> None:
        """Nothing is waited for."""
        self._waiting.clear()

    def due(self, at: float, asked: Collection[str], is_sound: Callable[[str], bool]) -> list[str]:
        """Those to ask for now, of the subscribed ones; each waits anew."""
        due = []
        for ticker, resync in list(self._waiting.items()):
            if is_sound(ticker):
                del self._waiting[ticker]
            elif resync.ask_at <= at and ticker in asked:
                resync.ask_at = at + resync.wait
                resync.wait = min(resync.wait * 2, self._longest)
                due.append(ticker)
        return due
