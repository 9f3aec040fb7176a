"""The top of a listing that arrives page by page, and changes while it does."""

from collections.abc import Mapping

from bot.ports.exchange import Listed


class Ranking:
    """Tickers by falling volume, at most `room` of them, while pages are still coming in."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._known: dict[str, float] = {}
        self._pass: dict[str, float] = {}
        self._before: dict[str, float] = {}

    def tickers(self) -> tuple[str, ...]:
        """Best first; equals by name."""
        return tuple(self._known)

    def begin(self) -> None:
        """A pass over the listing starts."""
        self._pass = {}
        self._before = self._known

    def add(self, page: Listed) -> None:
        """A page of the pass: what it says replaces what was known of its markets."""
        news = dict(zip(page.tickers, page.volume_24h.tolist(), strict=True))
        self._known = self._best(self._known | news)
        self._pass = self._best(self._pass | news)

    def complete(self) -> None:
        """The pass saw everything: what it did not see is gone."""
        self._known = self._pass

    def reject(self) -> None:
        """The pass cannot be true: what was known before it counts again."""
        self._known = self._before

    def open_again(self, volumes: dict[str, float]) -> None:
        """These were taken out and are back."""
        self._known = self._best(self._known | volumes)
        self._pass = self._best(self._pass | volumes)
        self._before = self._best(self._before | volumes)

    def correct(self, volumes: Mapping[str, float | None]) -> None:
        """Newer volumes of single markets; None takes a market out until it is listed again."""
        self._known = self._best(_corrected(self._known, volumes))
        self._pass = self._best(_corrected(self._pass, volumes))
        self._before = self._best(_corrected(self._before, volumes))

    def _best(self, volumes: Mapping[str, float]) -> dict[str, float]:
        ranked = sorted(volumes.items(), key=lambda item: (-item[1], item[0]))
        return dict(ranked[: self._room])


def _corrected(volumes: Mapping[str, float], newer: Mapping[str, float | None]) -> dict[str, float]:
    merged = {ticker: newer.get(ticker, volume) for ticker, volume in volumes.items()}
    return {ticker: volume for ticker, volume in merged.items() if volume is not None}
