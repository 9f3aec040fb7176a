"""What a score is worth: the move it lets expect, and what trading on it costs, in cents.

The move is linear in how decided the score is and in how far the market tends to go in that time;
its factor is fitted walking forward and stands on the model's card. Costs are per contract, with
the fee before rounding (for whole orders see `fees`).
"""

from dataclasses import dataclass
from math import nan

import numpy as np

from bot.core.market.fees import TAKER_RATE, FeeSchedule
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Floats


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """N expectations in cents a contract, NaN where there is no score; row by row.

    `move` is signed (+ up). `half_spread`, `entry_fee` and `exit_fee` are what a taker pays on the
    way in and out, the exit priced at the same best prices. `round_trip` is what is left after
    crossing the spread twice, `entry` after crossing it once and being worth the mid.
    """

    move: Floats
    half_spread: Floats
    entry_fee: Floats
    exit_fee: Floats

    @property
    def round_trip(self) -> Floats:
        """Expected gain of taking now and taking back at the horizon."""
        gain: Floats = np.abs(self.move) - 2 * self.half_spread - self.entry_fee - self.exit_fee
        return gain

    @property
    def entry(self) -> Floats:
        """Expected gain of taking now, valued at the mid of the horizon."""
        gain: Floats = np.abs(self.move) - self.half_spread - self.entry_fee
        return gain


def expected_move(score: Floats, volatility: Floats, horizon: float, factor: float) -> Floats:
    """Cents the mid is expected to move: factor · (2s − 1) · volatility · √horizon.

    `volatility` is the feature `vol60`, cents per √second; `horizon` in seconds.
    """
    move: Floats = factor * (2 * score - 1) * volatility * np.sqrt(horizon)
    return move


def edge(books: Books, move: Floats, fee_rate: Floats) -> ExpectedValue:
    """The costs of expected moves (N,); a `fee_rate` of NaN, not known, makes the edge NaN."""
    pays, gets = _entered(books, move)
    return ExpectedValue(
        move=move,
        half_spread=(books.best_ask - books.best_bid) * 50,
        entry_fee=fee_rate * pays * (1 - pays),
        exit_fee=fee_rate * gets * (1 - gets),
    )


def taker_rate(fees: FeeSchedule | None) -> float:
    """What a taker pays in cents over p(1 − p); NaN where the fees are not known."""
    if fees is None or not fees.is_known:
        return nan
    return measured(TAKER_RATE * fees.multiplier) * 100


def _entered(books: Books, move: Floats) -> tuple[Floats, Floats]:
    """The YES prices at which a taker enters and, at an unmoved book, leaves again."""
    rises = move > 0
    enters = np.where(rises, books.best_ask, books.best_bid)
    leaves = np.where(rises, books.best_bid, books.best_ask)
    return np.where(np.isnan(move), np.nan, enters), np.where(np.isnan(move), np.nan, leaves)
