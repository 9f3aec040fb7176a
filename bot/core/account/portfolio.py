"""What is owned, what it cost, what it earned: the accounts of one cash balance.

Each market is one signed position in YES contracts. A contract costs what its side costs: YES
at p, NO at 1 − p; a YES and a NO of one market are a pair worth $1 and cancel at once, so
selling YES that is not held buys NO. Cost is averaged. `realised` is before fees everywhere,
`net` after them. Always, and exactly: cash + cost = start + realised − fees.

Leaves out collateral returned across the markets of one event: each market stands alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Self

from bot.core.market.fees import DIRECT_PRECISION
from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO, Contracts, Dollars, floor_to
from bot.core.market.orders import Fill

#: Finer than any price (six digits) times any size (two): shares of a cost are cut to this.
_COST_STEP: Final = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Position:
    """Contracts of one market, never none: + is YES, − is NO.

    `cost` is dollars paid for the contracts still open. `realised` (before fees) and `fees` are
    those of this position since it was opened; `entered` counts all contracts ever opened of it,
    `paid` what they cost: None of one that an older version of this program opened.
    """

    ticker: str
    size: Contracts
    cost: Dollars
    realised: Dollars
    fees: Dollars
    opened_at: datetime
    entered: Contracts | None = None
    paid: Dollars | None = None

    @property
    def side(self) -> Side:
        """The side of the orders that made it."""
        return Side.of(self.size)

    @property
    def average_price(self) -> Dollars:
        """The mean price of the open contracts, in dollars per YES contract."""
        return own_price(self.cost / abs(self.size), self.side)

    @property
    def net(self) -> Dollars:
        """What it has earned so far after fees; of the open contracts nothing is counted."""
        return self.realised - self.fees


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Cash and open positions by ticker; the totals cover all positions ever held."""

    start: Dollars
    cash: Dollars
    positions: Mapping[str, Position] = field(default_factory=dict)
    realised: Dollars = ZERO
    fees: Dollars = ZERO

    @classmethod
    def of_cash(cls, cash: Dollars) -> Self:
        """An account that owns nothing but cash."""
        return cls(start=cash, cash=cash)

    @property
    def exposure(self) -> Dollars:
        """The most that can still be lost, whatever the outcomes: the cost of all that is open."""
        return sum((position.cost for position in self.positions.values()), ZERO)

    @property
    def net(self) -> Dollars:
        """What was earned after fees, by all that is closed."""
        return self.realised - self.fees

    def size(self, ticker: str) -> Contracts:
        """The signed position in a market, 0 without one."""
        position = self.positions.get(ticker)
        return position.size if position else ZERO

    def cost(self, tickers: Iterable[str]) -> Dollars:
        """The exposure of some markets together, such as those of one event."""
        held = (self.positions.get(ticker) for ticker in tickers)
        return sum((position.cost for position in held if position), ZERO)

    def after(self, fill: Fill) -> Self:
        """The accounts once this fill is booked."""
        held = self.positions.get(fill.ticker)
        closed, opened = split(self.size(fill.ticker), fill.side, fill.size)
        released = _released(held, closed) if held else ZERO
        proceeds = closed * own_price(fill.price, fill.side.opposite)
        paid = opened * own_price(fill.price, fill.side)
        gain = proceeds - released
        if held is None or (closed and opened):
            # What the fill closed pays its share of the fee, what it opened pays the rest.
            share = floor_to(fill.fee * opened / fill.size, _COST_STEP)
            position = _opened(fill, opened, paid, share if held else fill.fee)
        else:
            position = replace(
                held,
                size=held.size + fill.signed_size,
                cost=held.cost + paid - released,
                realised=held.realised + gain,
                fees=held.fees + fill.fee,
                entered=None if held.entered is None else held.entered + opened,
                paid=None if held.paid is None else held.paid + paid,
            )
        return self._booked(fill.ticker, position, proceeds - paid - fill.fee, gain, fill.fee)

    def moved(self, amount: Dollars) -> Self:
        """The accounts once cash came from outside, or went if below 0: nothing earned or lost."""
        return replace(self, start=self.start + amount, cash=self.cash + amount)

    def adjusted(self, ticker: str, size: Contracts, cost: Dollars, at: datetime) -> Self:
        """The accounts once a market's position is this, signed, and cost so much, come what may.

        What it cost more or less than before came from outside, like cash: nothing is earned or
        lost. Raises ValueError for a cost that no position of this size can have.
        """
        if not (size.is_finite() and cost.is_finite() and 0 <= cost <= abs(size)):
            raise ValueError(f"{size} contracts of {ticker} cannot have cost {cost}")
        held = self.positions.get(ticker)
        positions = {name: one for name, one in self.positions.items() if name != ticker}
        if size:
            positions[ticker] = _adjusted(held, ticker, size, cost, at)
        more = cost - (held.cost if held else ZERO)
        return replace(self, start=self.start + more, positions=positions)

    def settle(self, ticker: str, payout: Dollars) -> Self:
        """The accounts once a market paid `payout` dollars per YES contract, 1 − that per NO.

        Raises ValueError for a market not held and a payout outside [0, 1].
        """
        held = self.positions.get(ticker)
        if held is None:
            raise ValueError(f"nothing of {ticker} is held, so nothing of it can settle")
        if not (payout.is_finite() and 0 <= payout <= 1):
            raise ValueError(f"{ticker} cannot pay {payout} a contract: needs 0 to 1")
        proceeds = paid(held, payout)
        # What a balance cannot hold stays with the exchange, as a fee.
        residual = proceeds - floor_to(proceeds, DIRECT_PRECISION)
        ended = replace(held, size=ZERO, fees=held.fees + residual)
        return self._booked(ticker, ended, proceeds - residual, proceeds - held.cost, residual)

    def _booked(
        self, ticker: str, position: Position, cash: Dollars, gain: Dollars, fee: Dollars
    ) -> Self:
        positions = {**self.positions, ticker: position}
        if not position.size:
            del positions[ticker]
        return replace(
            self,
            cash=self.cash + cash,
            positions=positions,
            realised=self.realised + gain,
            fees=self.fees + fee,
        )


def own_price(price: Dollars, side: Side) -> Dollars:
    """What one contract of a side costs at a YES price: that of YES, or of NO."""
    return price if side is Side.BUY else ONE - price


def paid(position: Position, payout: Dollars) -> Dollars:
    """What a position gets where one YES contract pays `payout` dollars."""
    return abs(position.size) * own_price(payout, position.side)


def implied_payout(held: Position, realised: Dollars) -> Dollars | None:
    """What a market paid a YES contract, if a position came to `realised` dollars by its end.

    Only 0 or 1 is believed, with the fees of the position counted in or not: anything else may be
    of trades that are not ours.
    """
    for total in (realised, realised + held.fees):
        own = (total - held.realised + held.cost) / abs(held.size)
        for payout in (ZERO, ONE):
            if abs(own - own_price(payout, held.side)) <= DIRECT_PRECISION:
                return payout
    return None


def split(held: Contracts, side: Side, size: Contracts) -> tuple[Contracts, Contracts]:
    """How much of a trade closes what is held (signed), and how much opens."""
    closed = min(size, abs(held)) if held * side.sign < 0 else ZERO
    return closed, size - closed


def earned(before: Portfolio, after: Portfolio, ticker: str) -> Dollars | None:
    """What the position of a market earned after fees, if it ended between the two.

    None if it did not end. Nothing but the trades or the settlement of this one market may lie
    between the two. A position that went through zero has ended, and another was opened.
    """
    old, new = before.positions.get(ticker), after.positions.get(ticker)
    if old is None or (new and new.side is old.side):
        return None
    return old.net + (after.net - before.net) - (new.net if new else ZERO)


def _released(held: Position, closed: Contracts) -> Dollars:
    """The cost that goes with the contracts closed; rounded down, so the last ones take it all."""
    if closed == abs(held.size):
        return held.cost
    return floor_to(held.cost * closed / abs(held.size), _COST_STEP)


def _adjusted(
    held: Position | None, ticker: str, size: Contracts, cost: Dollars, at: datetime
) -> Position:
    """A position that somebody else made of what was held: what it was entered at is not known."""
    if held is not None and held.size * size > 0:
        return replace(held, size=size, cost=cost, entered=None, paid=None)
    return Position(ticker, size, cost, realised=ZERO, fees=ZERO, opened_at=at)


def _opened(fill: Fill, size: Contracts, paid: Dollars, fee: Dollars) -> Position:
    return Position(
        ticker=fill.ticker,
        size=size * fill.side.sign,
        cost=paid,
        realised=ZERO,
        fees=fee,
        opened_at=fill.at,
        entered=size,
        paid=paid,
    )
