"""Reconciles our account with the exchange's: what we believe must be what is there.

While positions differ, nothing is entered: somebody else trades on the account, or we are wrong;
nor while another such bot trades there. Cash that differs and orders of other hands are told, and
trading goes on. Where other hands are respected (`foreign`), what they hold is no difference.
Leaves out what the differences are (`core.account.reconcile`).
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.account.foreign import LISTED_WITHIN
from bot.core.account.portfolio import Portfolio, Position
from bot.core.account.reconcile import (
    CASH_TOLERANCE,
    AccountNow,
    Settlement,
    Unreadable,
    cash_differences,
    comparable,
    position_differences,
    unreserved,
)
from bot.core.market.money import ZERO, Dollars
from bot.ports.exchange import Clock, ExchangeError, answered
from bot.trading.reconciliation.cash import CashReconciliation
from bot.trading.reconciliation.foreign import ForeignPositions
from bot.trading.trader import Trader

log = logging.getLogger("main")

#: Between two looks; and until the next one, when something differs.
EVERY: Final = timedelta(seconds=10)
RECHECK: Final = timedelta(seconds=2)
#: How long an open market may differ: nothing but an order changes what is held of it.
OPEN_MARKET: Final = timedelta(seconds=2)
#: Seconds that the exchange has to tell: whoever looks has switches to obey meanwhile.
ANSWER: Final = 5.0
_NOT_YET: Final = "positions have not been reconciled with the exchange yet"


class Accounts(Protocol):
    """Reports what is there."""

    async def account(self) -> AccountNow:
        """What the exchange tells of the account now. Raises ExchangeError."""
        ...


class Settlements(Protocol):
    """Tells what was paid."""

    async def settlement(self, ticker: str) -> Settlement | None:
        """What a market paid the account; None if it has not settled. Raises ExchangeError."""
        ...

    async def archived_payout(self, held: Position) -> Dollars | None:
        """What a market paid that only the archive of positions knows. Raises ExchangeError."""
        ...

    async def payout(self, ticker: str) -> Dollars | None:
        """What a market pays a YES contract; None if that is not known. Raises ExchangeError."""
        ...


class ComparisonView(Protocol):
    """Shows what was found."""

    def compared(
        self,
        at: datetime,
        portfolio: Portfolio,
        account: AccountNow,
        block_reason: str | None,
        foreign: Portfolio | None = None,
    ) -> None:
        """They were held against each other; `block_reason` is why nothing is entered now.

        `foreign` is what other hands hold; None if that is not kept apart.
        """
        ...


def _unknown(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes along with positions: None leaves it out.

    `cash` is reconciled whenever all positions agree, `settlements` are asked about what the
    exchange does not hold any more and no market says why, `view` shows each comparison.
    `is_open` is whether a market trades; `foreign` what other hands hold, if they are respected.
    """

    cash: CashReconciliation | None = None
    settlements: Settlements | None = None
    view: ComparisonView | None = None
    is_open: Callable[[str], bool] = _unknown
    foreign: ForeignPositions | None = None


class Reconciliation:
    """The account of a trader, reconciled with the exchange's now and then.

    `block_reason` is why nothing may be entered, None if all agrees; `note` what else is not ours.
    """

    def __init__(
        self,
        accounts: Accounts,
        trader: Trader,
        clock: Clock,
        patience: timedelta = EVERY,
        beside: Beside | None = None,
    ) -> None:
        """`patience` is how long a market that agreed may differ: what was settled is booked later.

        It must be longer than the time between two passes. An open market may not differ at all.
        """
        self.block_reason: str | None = _NOT_YET
        self.note: str | None = None
        self._accounts = accounts
        self._trader = trader
        self._clock = clock
        self._patience = patience
        self._beside = beside or Beside()
        self._due: datetime | None = None
        self._asked_at: datetime | None = None
        self._mismatches: dict[str, datetime] = {}
        self._is_silent = False
        self._reported = ""
        self._purses: tuple[AccountNow, Dollars] | None = None
        self._gap: tuple[Dollars, datetime] = (ZERO, clock.now())
        self._unreadable = Unreadable()

    def unknown(self, ticker: str) -> str | None:
        """Why nobody can say what the exchange holds of a market, None if one can."""
        return self._unreadable.why(ticker)

    def foreign(self, ticker: str) -> str | None:
        """What other hands hold or want in a market, None for nothing, or if nobody cares."""
        foreign = self._beside.foreign
        return foreign.block_reason(ticker) if foreign else None

    def purse(self, shard: int) -> Dollars | None:
        """The cash on a shard as last told, less all that was spent since; None if not told.

        What entries at rest and orders in doubt would cost is off as well, whether or not the
        exchange took it off.
        """
        if self._purses is None:
            return None
        account, cash = self._purses
        reported, trader = account.shards.get(shard), self._trader
        if reported is None:
            return None
        return reported - max(cash - trader.portfolio.cash, ZERO) - trader.reserved

    def hint(self) -> None:
        """Something may have happened to the account: reconcile soon, not only when that is due."""
        if self._due is not None and self._asked_at is not None:
            self._due = min(self._due, self._asked_at + RECHECK)

    async def poll(self) -> None:
        """Reconcile, if that is due; what cannot be asked changes nothing."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return
        before, self._asked_at = self._trader.portfolio, now
        account = await self._ask()
        # What trades right now is in one account and not yet in the other.
        if account is None or self._trader.portfolio is not before:
            return
        self._purses = account, before.cash
        account = await self._caught_up(account, now)
        if self._trader.portfolio is not before or self._is_first():
            return
        account = unreserved(self._expected(), account, self._trader.reserved)
        differs = self._compare(account, now)
        self._due = now + (RECHECK if differs else EVERY)
        await self._settle(account, now)
        # What nobody can read may have traded, and cost something.
        is_blind = bool(account.unreadable or self._fault)
        is_clear = not (differs or self._trader.unresolved or is_blind)
        if self._beside.cash is not None and is_clear:
            await self._beside.cash.reconcile(account, now)

    def _expected(self) -> Portfolio:
        """What the exchange should have."""
        foreign = self._beside.foreign
        return foreign.expected() if foreign else self._trader.portfolio

    def _is_first(self) -> bool:
        """Whether nobody knows yet what other hands held before."""
        foreign = self._beside.foreign
        return foreign is not None and not foreign.has_looked

    async def _caught_up(self, account: AccountNow, now: datetime) -> AccountNow:
        """The account once what other hands did is known, if something differs for that."""
        foreign = self._beside.foreign
        if foreign is None:
            return account
        foreign.rests(account)
        is_known = not (self._is_first() or foreign.fault or self._is_new_gap(account, now))
        if is_known and not any(_differing(self._expected(), account)):
            return account
        return await foreign.catch_up(account, now)

    def _is_new_gap(self, account: AccountNow, now: datetime) -> bool:
        """Whether cash differs, and by something else a while ago: a trade is listed late."""
        expected = self._expected()
        gap = unreserved(expected, account, self._trader.reserved).cash - expected.cash
        if gap != self._gap[0]:
            self._gap = gap, now
        return abs(gap) > CASH_TOLERANCE and now - self._gap[1] <= LISTED_WITHIN

    @property
    def _fault(self) -> str | None:
        """Why it is not known what other hands did."""
        return self._beside.foreign.fault if self._beside.foreign else None

    async def _settle(self, account: AccountNow, now: datetime) -> None:
        """What is gone there for longer than its market takes to tell was paid, perhaps."""
        if self._beside.settlements is None:
            return
        lasting = [t for t, since in self._mismatches.items() if now - since >= self._patience]
        for ticker in [*lasting, *self._pairs()]:
            if not (self._beside.is_open(ticker) or ticker in account.positions):
                await self._paid(self._beside.settlements, ticker)

    def _pairs(self) -> list[str]:
        """The markets of which ours and theirs come to nothing: there nothing ever differs."""
        expected = self._expected().positions
        return [ticker for ticker in self._trader.portfolio.positions if ticker not in expected]

    async def _paid(self, settlements: Settlements, ticker: str) -> None:
        held = self._trader.portfolio.positions.get(ticker)
        if held is None:
            return
        try:
            payout = await self._payout(settlements, held)
        except ExchangeError as error:
            log.warning("What %s paid cannot be asked: %s", ticker, error)
            return
        if payout is not None:
            log.warning("%s paid $%s a contract, as the account tells", ticker, payout)
            self._trader.paid(ticker, payout)

    async def _payout(self, settlements: Settlements, held: Position) -> Dollars | None:
        """What the exchange paid of a position; None if nobody can say."""
        ticker, foreign = held.ticker, self._beside.foreign
        paid = await settlements.settlement(ticker)
        if paid is None:
            payout = await settlements.payout(ticker)
            is_shared = foreign is not None and ticker in foreign.portfolio.positions
            if payout is not None or is_shared:
                # What a position came to that is not all ours does not say what was paid for it.
                return payout
            return await settlements.archived_payout(held)
        # Of another size it was closed by other hands before: then nobody knows what that fetched.
        return paid.payout if paid.size == self._expected().size(ticker) else None

    async def _ask(self) -> AccountNow | None:
        try:
            account = await answered(self._accounts.account(), ANSWER)
        except ExchangeError as error:
            self._unheard(str(error))
        else:
            self._is_silent = False
            return account
        return None

    def _unheard(self, why: str) -> None:
        # It is asked again within seconds: once is enough.
        if not self._is_silent:
            log.warning("The exchange does not report the account: %s", why)
        self._is_silent = True

    def _compare(self, account: AccountNow, now: datetime) -> bool:
        """Whether something differs that may be over with the next look."""
        portfolio, foreign = self._expected(), self._beside.foreign
        # Of a market with an order in doubt nobody can say what is held; of the others one can.
        in_doubt = {order.ticker for order in self._trader.unresolved}
        differing = [t for t in _differing(portfolio, account) if t not in in_doubt]
        self._mismatches = {t: self._mismatches.get(t, now) for t in differing}
        lasts = any(now - since >= self._patience_for(t) for t, since in self._mismatches.items())
        # The exchange settles a market before it says so: that alone is no difference.
        if not differing or self.block_reason or lasts:
            self._say(_mismatch(portfolio, account, differing) or _rivalry(account))
        self._miss(account.unreadable)
        if not (differing or in_doubt or account.unreadable):
            fault = self._fault
            cash = cash_differences(portfolio, account)
            self._report(account, [f"{fault}; cash is not compared"] if fault else cash)
        if self._beside.view is not None:
            theirs = foreign.portfolio if foreign else None
            ours = self._trader.portfolio
            self._beside.view.compared(now, ours, account, self.block_reason, theirs)
        return bool(differing)

    def _patience_for(self, ticker: str) -> timedelta:
        return OPEN_MARKET if self._beside.is_open(ticker) else self._patience

    def _report(self, account: AccountNow, cash: list[str]) -> None:
        others = [f"{len(account.resting)} orders of other hands rest"] if account.resting else []
        named = [one.words for one in account.resting[:3]]
        foreign = self._beside.foreign.note() if self._beside.foreign else None
        found = "; ".join([*cash, *([foreign] if foreign else []), *others, *named])
        self.note = found or None
        if found and found != self._reported:
            log.warning("Positions reconciled with the exchange, %s", found)
        self._reported = found

    def _miss(self, unreadable: Unreadable) -> None:
        """Say which markets are not compared; entries stop there alone."""
        found = "; ".join(unreadable.sentences())
        if found or self._unreadable:
            self.note = f"{found}; no entries there, cash is not compared" if found else None
        if found and unreadable != self._unreadable:
            log.error("No entries where positions cannot be read: %s", found)
        self._unreadable = unreadable

    def _say(self, block_reason: str | None) -> None:
        if block_reason and block_reason != self.block_reason:
            log.error("No entries: %s", block_reason)
        self.block_reason = block_reason


def _differing(portfolio: Portfolio, account: AccountNow) -> Iterator[str]:
    """The markets of which not the same is held."""
    for ticker in comparable(portfolio, account):
        if portfolio.size(ticker) != account.positions.get(ticker, ZERO):
            yield ticker


def _mismatch(portfolio: Portfolio, account: AccountNow, differing: list[str]) -> str | None:
    if not differing:
        return None
    wrong = [
        sentence
        for sentence in position_differences(portfolio, account)
        if sentence.partition(":")[0] in differing
    ]
    return f"positions differ from the exchange: {'; '.join(wrong)}"


def _rivalry(account: AccountNow) -> str | None:
    if not account.rivals:
        return None
    return (
        f"another bot of this kind trades the account ({len(account.rivals)} order groups are not "
        "ours): two databases, perhaps. Stop one of them, and start this one again"
    )
