"""Other hands on the account, respected: what they hold is theirs, their markets left alone.

Leaves out what is theirs (`core.account.foreign`) and the comparison itself (`positions`).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from bot.core.account.adoption import AccountRecord, unbooked
from bot.core.account.foreign import (
    ForeignAccount,
    OpenOrders,
    SeenAccount,
    in_words,
    together,
)
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, Settlement, vanished
from bot.core.market.money import ZERO, Dollars
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import Checkpoint, StateRecord, StoreError
from bot.trading.reconciliation.adoption import BookedFills, Records
from bot.trading.reconciliation.order_owners import OrderOwners
from bot.trading.trader import Trader

log = logging.getLogger("main")

_CODEC: Final = RecordCodec("foreign", ForeignAccount)

#: Commits a state record with what is committed next.
Retain = Callable[[StateRecord], None]


class ForeignRecords(Records, Protocol):
    """Tells what explains an account, and what markets pay."""

    async def payout(self, ticker: str) -> Dollars | None:
        """What a market pays a YES contract; None if that is not known. Raises ExchangeError."""
        ...


class ForeignPositions:
    """Keeps what other hands hold; `portfolio` is that, with the cash that their trades moved."""

    def __init__(
        self,
        records: ForeignRecords,
        trader: Trader,
        booked: BookedFills,
        owners: OrderOwners,
        retain: Retain,
    ) -> None:
        self._records = records
        self._trader = trader
        self._booked = booked
        self._owners = owners
        self._retain = retain
        self._account: ForeignAccount | None = None
        self._resting: Mapping[str, str] = {}
        #: Why what they traded is not known now: then nobody can say what cash should be there.
        self.fault: str | None = None

    @property
    def has_looked(self) -> bool:
        """Whether what was there before is known: if not, it is to be read before anything else."""
        return self._account is not None

    @property
    def portfolio(self) -> Portfolio:
        """Their positions by ticker."""
        return self._account.portfolio if self._account else Portfolio.of_cash(ZERO)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore what was known when that was stored."""
        self._account = _CODEC.read(checkpoint).get("")

    def expected(self) -> Portfolio:
        """What the exchange should hold for us and for them."""
        return together(self._trader.portfolio, self.portfolio)

    def block_reason(self, ticker: str) -> str | None:
        """Why a market is not entered; None if nobody else holds or wants anything there."""
        position = self.portfolio.positions.get(ticker)
        if position is not None:
            return f"other hands hold {position.size.normalize():f} contracts of {ticker}"
        words = self._resting.get(ticker)
        return f"an order of other hands rests there: {words}" if words else None

    def note(self) -> str | None:
        """What they hold, in words; None for nothing."""
        held = in_words(self.portfolio.positions)
        return f"other hands hold {', '.join(held)}" if held else None

    def rests(self, account: AccountNow) -> None:
        """Take note of where they have orders."""
        self._resting = {one.ticker: one.words for one in account.resting if one.ticker}

    async def catch_up(self, account: AccountNow, now: datetime) -> AccountNow:
        """The account as it is by now, with their latest trades counted, as far as that is sure.

        What cannot be read changes nothing, and `fault` says so. May raise LeaseLostError.
        """
        try:
            record = await self._caught_up(now)
        except (ExchangeError, StoreError) as error:
            self.fault = f"what other hands traded on the account cannot be read: {error}"
            return account
        self.fault = None
        read = record.now
        return replace(
            account, cash=read.cash, positions=read.positions, unreadable=read.unreadable
        )

    async def _caught_up(self, now: datetime) -> AccountRecord:
        trader, last = self._trader, self._account
        begun = _open_orders(trader)
        since, booked = await self._booked(last.since if last else None)
        record = await self._records.record(since)
        record = replace(record, settlements=await self._settled(record.now))
        orders = begun.and_also(_open_orders(trader))
        before, known = last or ForeignAccount(since), booked | trader.fill_ids
        fresh = unbooked(record.fills, known | before.counted)
        owned = await self._owners.owned(frozenset(one.order_id for one in fresh), since)
        seen = SeenAccount(now, record, orders, owned.theirs, first=last is None)
        after = before.after(trader.portfolio, known, seen)
        if after != last:
            self._account = after
            self._retain(_CODEC.state_record("", after))
        if after.portfolio != before.portfolio:
            log.warning("Other hands traded: %s", self.note() or "they hold nothing any more")
        return record

    async def _settled(self, now: AccountNow) -> dict[str, Settlement]:
        """What markets paid of which the exchange holds nothing any more."""
        paid = {}
        for ticker in vanished(self.portfolio, now):
            found = await self._records.settlement(ticker) or await self._of_market(ticker)
            if found is not None:
                paid[ticker] = found
        return paid

    async def _of_market(self, ticker: str) -> Settlement | None:
        """What a market paid of which ours and theirs were pairs: the account holds none of it."""
        payout = await self._records.payout(ticker)
        if payout is None:
            return None
        return Settlement(self.portfolio.size(ticker) + self._trader.portfolio.size(ticker), payout)


def _open_orders(trader: Trader) -> OpenOrders:
    sent = [order.at for order in trader.unresolved]
    sent += [one.order.at for one in trader.working.values()]
    return OpenOrders(frozenset(order.ticker for order in trader.unresolved), tuple(sent))


def forget_foreign(checkpoint: Checkpoint, retain: Retain) -> None:
    """What was known of other hands counts no more: they are not respected now."""
    if checkpoint.state_records.get(_CODEC.kind):
        retain(_CODEC.state_record("", None))
