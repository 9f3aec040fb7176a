"""What an exchange may have taken off a balance for orders that rest. Pure.

Kalshi tells an available balance, and not whether what rests is off it. Where it names the ways to
keep collateral for such orders (those of a rebalance), they are three: nothing, the largest
commitment to one side of a market, and the sum of all. Nothing but one of these is believed, so
that cash which is missing for another reason does not pass for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core.account.portfolio import own_price
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars

#: What a taker pays at most by Kalshi's usual formula, in dollars a contract: with what an order
#: would cost its fee may be set aside.
HIGHEST_FEE: Final = Decimal("0.0175")


@dataclass(frozen=True, slots=True)
class AtRest:
    """What is left of an order that rests: contracts, at dollars a YES contract."""

    ticker: str
    side: Side
    left: Contracts
    price: Dollars


@dataclass(frozen=True, slots=True)
class Reserve:
    """Dollars that may be set aside, from the least to the most."""

    least: Dollars = ZERO
    most: Dollars = ZERO


def reserves(resting: Iterable[AtRest], held: Mapping[str, Contracts]) -> tuple[Reserve, ...]:
    """What each way sets aside for these orders, on an account that holds so much by ticker."""
    sides = [Reserve(), *_commitments(resting, held)]
    least, most = [one.least for one in sides], [one.most for one in sides]
    return Reserve(), Reserve(max(least), max(most)), Reserve(sum(least, ZERO), sum(most, ZERO))


def missing_for(
    missing: Dollars, ways: Iterable[Reserve], also: Dollars, tolerance: Dollars
) -> Dollars:
    """How much of the cash that is missing was set aside in one of these ways, if any.

    Up to `also` dollars more may be.
    """
    found = [min(missing, way.most + also) for way in ways if way.least - tolerance <= missing]
    return max([ZERO, *found])


def _commitments(resting: Iterable[AtRest], held: Mapping[str, Contracts]) -> Iterator[Reserve]:
    """What the orders on each side of a market commit: to close what is held costs nothing."""
    sides: dict[tuple[str, Side], list[AtRest]] = defaultdict(list)
    for one in resting:
        sides[one.ticker, one.side].append(one)
    for (ticker, side), orders in sides.items():
        closing = max(-side.sign * held.get(ticker, ZERO), ZERO)
        opening = max(sum((one.left for one in orders), ZERO) - closing, ZERO)
        dearest = sorted([(own_price(one.price, side), one.left) for one in orders], reverse=True)
        # Which of them would close and which open, nobody says.
        most = _cost(dearest, opening) + opening * HIGHEST_FEE
        yield Reserve(_cost(reversed(dearest), opening), most)


def _cost(orders: Iterable[tuple[Dollars, Contracts]], size: Contracts) -> Dollars:
    """What so many contracts of these orders cost, the first ones first."""
    cost = ZERO
    for price, left in orders:
        taken = min(left, size)
        cost, size = cost + taken * price, size - taken
    return cost
