"""Measuring and scoring: books in, one prediction per market out.

Rules are pure and live in the core; what they remember of each market between cycles lives
here. A batch holds each ticker at most once, with its own time: a live cycle passes the books
of one moment, a replay the k-th book of every market.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats
from bot.core.signals import features, regime, strategy
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales import detector, large_orders
from bot.core.whales import thresholds as whale_rules
from bot.core.whales.book_sides import measures
from bot.core.whales.detector import Sighting, TradesBetween
from bot.core.whales.thresholds import WhaleRules
from bot.ports.exchange import Scorer
from bot.ports.persistence import Checkpoint, StateRecord
from bot.signals.observations import Observations, Predictions, joined
from bot.signals.ticker_state import TickerState

__all__ = ["Analyzer", "Observations", "Predictions", "joined"]

_KIND: Final = "watch"
#: All that is remembered of a market.
_ROW: Final = np.dtype(
    [
        ("features", features.FEATURE_ROW),
        ("whales", whale_rules.WHALE_ROW),
        ("regimes", regime.REGIME_ROW),
    ]
)
# NumPy copies nested structures field by field; as plain bytes they go in one piece.
_PLAIN: Final = {name: np.dtype((np.void, _ROW[name].itemsize)) for name in _ROW.names or ()}


class Analyzer:
    """Measures books with the state of earlier ones, and scores them."""

    def __init__(
        self,
        scorer: Scorer,
        thresholds: Thresholds,
        gates: Gates,
        rules: WhaleRules,
        capacity: int = 5_000,
    ) -> None:
        """`capacity` is how many markets are remembered at most."""
        self._scorer = scorer
        self._thresholds = thresholds
        self._gates = gates
        self._rules = rules
        self._memory = TickerState(_blank(), capacity)

    def state_records(self) -> list[StateRecord]:
        """The state of the markets seen since the last call, one state record each."""
        return self._memory.state_records(_KIND)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore what was remembered of each market."""
        self._memory.restore(_KIND, checkpoint.state_records.get(_KIND, {}))

    def predict(
        self, books: Books, seconds_to_close: Floats, traded: TradesBetween | None = None
    ) -> Predictions:
        """One prediction per book; `seconds_to_close` has shape (N,), NaN where unknown.

        `traded` is what traded since the book before of each market; None where it was not
        requested.
        """
        return self.predicted(self.observe(books, seconds_to_close, traded))

    def follows(self, tickers: Sequence[str]) -> list[tuple[str, float]]:
        """Markets with a tracked large order, and when their last book was seen."""
        rows = self._memory.recall(tickers)["whales"]
        busy = np.flatnonzero(large_orders.is_busy(rows))
        return [(tickers[row], float(rows["seen_at"][row])) for row in busy.tolist()]

    def scan(self, books: Books, traded: TradesBetween) -> tuple[Sighting, NDArray[np.bool_]]:
        """What the whale rules find in these books alone; whether they follow an order there."""
        rows = self._memory.recall(books.tickers)
        seen = detector.sight(books, _part(rows, "whales"), self._rules, traded)
        plain = _PLAIN["whales"]
        rows["whales"].view(plain)[:] = np.ascontiguousarray(seen.rows).view(plain)
        self._memory.store(books.tickers, rows)
        return seen, large_orders.is_busy(seen.rows)

    def zones(self, books: Books, seconds_to_close: Floats) -> NDArray[np.int8]:
        """Between which thresholds scores would lie, −1 for no prediction. Remembers nothing."""
        rows = _part(self._memory.recall(books.tickers), "features")
        matrix, _ = features.measure(books, rows, seconds_to_close)
        predicted = self._scorer.predict(matrix, books.tickers)
        sure = np.array([reason is None for reason in predicted.reasons], dtype=np.bool_)
        scores = np.where(sure, predicted.score, np.nan)
        return strategy.zones(scores, self._thresholds, books.tickers)

    def observe(
        self, books: Books, seconds_to_close: Floats, traded: TradesBetween | None = None
    ) -> Observations:
        """All measurements of these books; each ticker at most once."""
        rows = self._memory.recall(books.tickers)
        traded = traded or TradesBetween.unknown(len(books))
        matrix, history = features.measure(books, _part(rows, "features"), seconds_to_close)
        seen = detector.sight(books, _part(rows, "whales"), self._rules, traded)
        regimes, market_regimes = regime.classify(books, _part(rows, "regimes"))
        for name, part in (
            ("features", history),
            ("whales", seen.rows),
            ("regimes", market_regimes),
        ):
            rows[name].view(_PLAIN[name])[:] = np.ascontiguousarray(part).view(_PLAIN[name])
        self._memory.store(books.tickers, rows)
        found = sorted(seen.whales, key=itemgetter(0))
        observations = np.isfinite(market_regimes["mids"]).sum(axis=1)
        # These books just arrived: their age counts only for later use.
        fresh = np.zeros(len(books))
        gated = strategy.gates(books, seconds_to_close, observations, fresh, self._gates)
        return Observations(
            books=books,
            mids=books.mid,
            features=matrix,
            measures=measures(books),
            regimes=regimes,
            warm=regime.is_warm(market_regimes),
            recent=detector.recent(seen.rows, books.seen_at),
            gated=tuple(gated),
            whale_rows=np.array([row for row, _ in found], dtype=np.intp),
            whales=tuple([whale for _, whale in found]),
            endings=tuple(sorted(seen.endings, key=itemgetter(0))),
        )

    def predicted(self, seen: Observations) -> Predictions:
        """The model's predictions from the measurements."""
        predicted = self._scorer.predict(seen.features, seen.books.tickers)
        reasons = _first_reasons(seen.gated, predicted.reasons)
        scores = np.where([reason is None for reason in reasons], predicted.score, np.nan)
        directions = strategy.direction(scores, self._thresholds, seen.books.tickers)
        return Predictions(seen, scores, directions, reasons, self._scorer.version)


def _blank() -> NDArray[np.void]:
    """What is remembered of a market never seen; shape (1,)."""
    blank = np.empty(1, dtype=_ROW)
    blank["features"] = features.blank()
    blank["whales"] = whale_rules.blank_rows()
    blank["regimes"] = regime.blank_rows()
    return blank


def _part(rows: NDArray[np.void], name: str) -> NDArray[np.void]:
    """A copy of what one of the rules remembers; shape (N,)."""
    part: NDArray[np.void] = rows[name].view(_PLAIN[name]).copy().view(_ROW[name])
    return part


def _first_reasons(
    gated: Sequence[str | None], unsure: Sequence[str | None]
) -> tuple[str | None, ...]:
    return tuple([gate or uncertain for gate, uncertain in zip(gated, unsure, strict=True)])
