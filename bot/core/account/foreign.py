"""What other hands hold on the account we trade, kept apart from what is ours. Pure.

Their trades are those that are not ours, their positions what these come to. A trade counts only
once ours and theirs together are what the exchange holds of its market: anything else is a
difference that nothing explains. Leaves out who reads the trades, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from bot.core.account.adoption import AccountRecord, ListedFill, unbooked
from bot.core.account.portfolio import Portfolio, Position
from bot.core.market.money import ZERO

#: A trade may be listed so much later than it happened.
LISTED_WITHIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Our orders that may trade, and when each was sent.

    `in_doubt` are the markets of those in doubt.
    """

    in_doubt: frozenset[str] = frozenset()
    sent_at: tuple[datetime, ...] = ()

    def and_also(self, later: Self) -> Self:
        """Those that were open at either moment."""
        return replace(
            self,
            in_doubt=self.in_doubt | later.in_doubt,
            sent_at=self.sent_at + later.sent_at,
        )


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """An account as it was read at that moment, and which of our orders were open meanwhile.

    `theirs` are the exchange's ids of the orders that are known for those of other hands. The
    `first` time nobody knows what they held before: it is taken as it is where we hold nothing.
    """

    at: datetime
    record: AccountRecord
    ours: OpenOrders = field(default_factory=OpenOrders)
    theirs: frozenset[str] = frozenset()
    first: bool = False

    def known(self, ticker: str) -> bool:
        """Whether anybody can say what is whose in a market."""
        unreadable = self.record.now.unreadable.why(ticker)
        return unreadable is None and ticker not in self.ours.in_doubt

    def fresh(self, known: frozenset[str]) -> list[ListedFill]:
        """The trades that are not known, whoever's they are, where anything can be said."""
        return [one for one in unbooked(self.record.fills, known) if self.known(one.fill.ticker)]

    def is_theirs(self, one: ListedFill) -> bool:
        """Whether other hands traded that for certain."""
        return one.order_id in self.theirs


@dataclass(frozen=True, slots=True)
class ForeignAccount:
    """Positions of other hands, and how much their trades moved the cash of the account.

    `counted` are the ids of the trades in it that happened `since` then, up to when all are.
    """

    since: datetime
    portfolio: Portfolio = field(default_factory=lambda: Portfolio.of_cash(ZERO))
    counted: frozenset[str] = frozenset()

    def after(self, ours: Portfolio, booked: frozenset[str], seen: SeenAccount) -> Self:
        """With the trades and payouts of a record, where they explain what the exchange holds."""
        fresh = seen.fresh(booked | self.counted)
        portfolio, accepted = self.portfolio, set[str]()
        for ticker in _tickers(portfolio, fresh, seen):
            trades = [one for one in fresh if one.fill.ticker == ticker]
            theirs = [one for one in trades if seen.is_theirs(one)]
            following = _explained(portfolio, ours, ticker, theirs, seen)
            if following is None and seen.first and theirs == trades and not ours.size(ticker):
                following = _taken(portfolio, ticker, theirs, seen)
            if following is not None:
                portfolio = following
                accepted |= {one.fill.fill_id for one in theirs}
        since = self._since(
            seen, [one.fill.at for one in fresh if one.fill.fill_id not in accepted]
        )
        listed = {one.fill.fill_id for one in seen.record.fills if one.fill.at >= since}
        counted = frozenset((self.counted | accepted) & listed)
        return replace(self, since=since, portfolio=portfolio, counted=counted)

    def _since(self, seen: SeenAccount, waits: list[datetime]) -> datetime:
        # What cannot be told yet is read again, and so is what is listed late.
        since = min([seen.at - LISTED_WITHIN, *waits, *seen.ours.sent_at])
        return self.since if seen.record.now.unreadable else max(self.since, since)


def together(ours: Portfolio, foreign: Portfolio) -> Portfolio:
    """The account as the exchange should have it: its cash, and the sizes by ticker."""
    positions, pairs = dict(ours.positions), ZERO
    for ticker, theirs in foreign.positions.items():
        own = ours.size(ticker)
        positions.pop(ticker, None)
        if size := theirs.size + own:
            positions[ticker] = replace(theirs, size=size)
        if theirs.size * own < 0:
            # For each pair of YES and NO the exchange has paid its dollar already.
            pairs += min(abs(theirs.size), abs(own))
    return replace(ours, cash=ours.cash + foreign.cash + pairs, positions=positions)


def _tickers(foreign: Portfolio, fresh: list[ListedFill], seen: SeenAccount) -> list[str]:
    traded = {one.fill.ticker for one in fresh}
    found = {*foreign.positions, *traded, *seen.record.now.positions}
    return sorted(filter(seen.known, found))


def _explained(
    foreign: Portfolio,
    ours: Portfolio,
    ticker: str,
    trades: list[ListedFill],
    seen: SeenAccount,
) -> Portfolio | None:
    """With these trades of a market, if then all of it is explained; None if it is not."""
    for one in trades:
        foreign = foreign.after(one.fill)
    rest = seen.record.now.positions.get(ticker, ZERO) - ours.size(ticker)
    if foreign.size(ticker) == rest:
        return foreign
    paid = seen.record.settlements.get(ticker)
    # Ours first: what the account was paid is that of both together.
    if paid is not None and foreign.size(ticker) and not ours.size(ticker):
        return foreign.settle(ticker, paid.payout)
    return None


def _taken(
    foreign: Portfolio, ticker: str, trades: list[ListedFill], seen: SeenAccount
) -> Portfolio:
    """With all that is held of a market, where we hold nothing of it, and what these trades moved.

    What they held before is what the trades leave over: to close that brings cash, and to open
    something else would cost it.
    """
    rest = seen.record.now.positions.get(ticker, ZERO)
    before = rest - sum((one.fill.signed_size for one in trades), ZERO)
    foreign = foreign.adjusted(ticker, before, ZERO, seen.at)
    for one in trades:
        foreign = foreign.after(one.fill)
    return foreign.adjusted(ticker, rest, seen.record.cost(ticker, rest), seen.at)


def in_words(foreign: Mapping[str, Position]) -> list[str]:
    """What other hands hold, a phrase each."""
    return [f"{one.size.normalize():f} {ticker}" for ticker, one in sorted(foreign.items())]
