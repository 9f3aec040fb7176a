"""Whether our accounts and those of the exchange agree: what it says now against what we booked.

Leaves out why they differ, and what to do about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from bot.core.account.portfolio import Portfolio
from bot.core.account.set_aside import AtRest, missing_for, reserves
from bot.core.market.money import ZERO, Contracts, Dollars

#: Cash may differ by this: the exchange writes a balance cut off to some digits.
CASH_TOLERANCE: Final = Decimal("0.01")
#: What cash is booked as that nothing explains.
ACCEPTED: Final = "accepted by an operator"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was told of markets and cannot be read: why, by ticker; `unnamed` tell no market.

    Any market that is not `listed` may be one of the unnamed.
    """

    markets: Mapping[str, str] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    listed: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many cannot be read."""
        return len(self.markets) + len(self.unnamed)

    def __bool__(self) -> bool:
        return self.count > 0

    def why(self, ticker: str) -> str | None:
        """Why nobody can say what is held of a market; None if one can."""
        if ticker in self.markets:
            return self.markets[ticker]
        return self.unnamed[0] if self.unnamed and ticker not in self.listed else None

    def sentences(self) -> list[str]:
        """What cannot be read, each as a sentence."""
        named = sorted(self.markets.items())
        return [
            *(f"what is held of {ticker} is not known: {why}" for ticker, why in named),
            *(f"a position names no market that can be read: {why}" for why in self.unnamed),
        ]

    def also(self, markets: Mapping[str, str]) -> "Unreadable":
        """With these, too; what was known of a market first stays the reason."""
        return replace(self, markets={**markets, **self.markets})


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """An order of other hands in words, and its market; '' if that cannot be read.

    `at_rest` is what is left of it, None if that cannot be read.
    """

    ticker: str
    words: str
    at_rest: AtRest | None = None


@dataclass(frozen=True, slots=True)
class AccountNow:
    """An account as the exchange tells it: dollars, and signed contracts by ticker (+ is YES).

    `shards` is the cash by shard, as far as it is told; `resting` are the orders of other
    hands that wait in a book; `rivals` the order groups of another such bot;
    `unreadable` what is missing among the positions.
    """

    cash: Dollars
    positions: Mapping[str, Contracts]
    shards: Mapping[int, Dollars] = field(default_factory=dict)
    resting: tuple[OtherOrder, ...] = ()
    rivals: tuple[str, ...] = ()
    unreadable: Unreadable = field(default_factory=Unreadable)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A market paid `payout` dollars a YES contract for so many, signed, that were held."""

    size: Contracts
    payout: Dollars


@dataclass(frozen=True, slots=True)
class CashMovement:
    """Cash that came from outside, or went if below 0, at that moment; the name is its own."""

    name: str
    amount: Dollars
    at: datetime


@dataclass(frozen=True, slots=True)
class CashAcceptance:
    """An operator accepted at that moment so much cash that nothing explains.

    It was read at `until`: what moved the cash up to then is part of it, told or not.
    """

    amount: Dollars
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class CashRecord:
    """What moved the cash of an account, and why each entry that is `unreadable` cannot be told."""

    movements: tuple[CashMovement, ...] = ()
    unreadable: tuple[str, ...] = ()


def unreserved(portfolio: Portfolio, account: AccountNow, reserved: Dollars = ZERO) -> AccountNow:
    """The account with the cash back that was, perhaps, set aside for orders at rest.

    Ours come and go while an account is read: up to what they `reserved` may be missing. Those of
    other hands stay: what is missing for them is what one of the known ways sets aside.
    """
    missing = portfolio.cash - account.cash
    resting = [one.at_rest for one in account.resting if one.at_rest is not None]
    ways = reserves(resting, account.positions)
    found = missing_for(missing, ways, reserved, CASH_TOLERANCE)
    return replace(account, cash=account.cash + found)


def differences(portfolio: Portfolio, account: AccountNow) -> list[str]:
    """Every difference as a sentence with both numbers; empty if all agrees."""
    return [*position_differences(portfolio, account), *cash_differences(portfolio, account)]


def position_differences(portfolio: Portfolio, account: AccountNow) -> list[str]:
    """The markets in which the exchange says we hold something else than we booked, by ticker."""
    tickers = comparable(portfolio, account)
    sizes = [(t, portfolio.size(t), account.positions.get(t, ZERO)) for t in tickers]
    return [
        f"{ticker}: {_plain(booked)} contracts booked, {_plain(reported)} at the exchange"
        for ticker, booked, reported in sizes
        if booked != reported
    ]


def comparable(portfolio: Portfolio, account: AccountNow) -> list[str]:
    """The markets of which either holds anything and both are known, sorted."""
    tickers = sorted({*portfolio.positions, *account.positions})
    return [ticker for ticker in tickers if account.unreadable.why(ticker) is None]


def vanished(portfolio: Portfolio, account: AccountNow) -> tuple[str, ...]:
    """The markets held of which the exchange holds nothing any more, sorted; one unread is none."""
    gone = portfolio.positions.keys() - account.positions.keys()
    return tuple(sorted(t for t in gone if account.unreadable.why(t) is None))


def cash_differences(
    portfolio: Portfolio, account: AccountNow, tolerance: Dollars = CASH_TOLERANCE
) -> list[str]:
    """One sentence if the cash differs by more than the tolerance, in dollars; else none."""
    more = account.cash - portfolio.cash
    booked, there = _plain(portfolio.cash), _plain(account.cash)
    found = f"cash: ${booked} booked, ${there} at the exchange ({more.normalize():+f})"
    return [found] if abs(more) > tolerance else []


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
