"""The most that positions in one event can lose together, where at most one of its markets pays.

Which one, nobody knows; none may. Leaves out a market that is settled at a fraction: that is not
among the outcomes of such an event.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bot.core.market.money import ZERO, Contracts, Dollars


class Stake(NamedTuple):
    """What is held of one market: signed contracts (+ is YES), and what they cost."""

    size: Contracts
    cost: Dollars


def worst_loss(stakes: Sequence[Stake]) -> Dollars:
    """The largest loss over all outcomes, in dollars; 0 if every outcome gains.

    If no market pays, each NO gets $1 and each YES nothing. If one pays, its YES get $1 and its NO
    nothing: that is worse than no payment for whoever is short there, and by its size.
    """
    cost = sum((stake.cost for stake in stakes), ZERO)
    shorts = [-stake.size for stake in stakes if stake.size < 0]
    return max(cost - sum(shorts, ZERO) + max(shorts, default=ZERO), ZERO)
