"""Everything the exchange tells of an account that explains what it holds, read in one go."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Final

from bot.core.account.adoption import AccountRecord, ListedFill
from bot.core.account.reconcile import AccountNow, Settlement
from bot.core.market.money import Dollars
from bot.core.market.orders import FOREIGN
from bot.kalshi.trading.holdings import Holdings
from bot.kalshi.trading.order_requests import SIDES
from bot.kalshi.trading.outcome import fill_of
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.wire import account
from bot.ports.exchange import ExchangeError

_NO_COST: Final = "GET /portfolio/positions does not tell what it cost"


class AccountRecords:
    """Reads the record of the account whose key signs."""

    def __init__(self, exchange: KalshiTrading) -> None:
        self._exchange = exchange

    async def record(self, since: datetime) -> AccountRecord:
        """What is held now, and all trades since then. Raises ExchangeError, also if it moved."""
        before = await self._held()
        fills, odd = await self._exchange.fills_since(since)
        resting = await self._exchange.resting(())
        after = await self._held()
        if after != before:
            raise ExchangeError("the account changed while it was read: read again")
        held, cash = after
        costs = {ticker: cost for ticker, cost in held.costs.items() if cost is not None}
        listed, impossible = _sorted(fills)
        odd |= impossible | dict.fromkeys(held.costs.keys() - costs.keys(), _NO_COST)
        unreadable = held.unreadable.also(odd)
        now = AccountNow(cash, held.sizes, resting=resting, unreadable=unreadable)
        # A second is the finest that can be asked for.
        return AccountRecord(now, costs, [one for one in listed if one.fill.at >= since])

    async def order_names(self, order_ids: Set[str], since: datetime) -> dict[str, str]:
        """The client order ids of orders made since then, or earlier. Raises ExchangeError."""
        return await self._exchange.order_names(order_ids, since)

    async def settlement(self, ticker: str) -> Settlement | None:
        """What a market paid the account; None if it has not settled. Raises ExchangeError."""
        return await self._exchange.settlement(ticker)

    async def payout(self, ticker: str) -> Dollars | None:
        """What a market pays a YES contract; None if that is not known. Raises ExchangeError."""
        return await self._exchange.payout(ticker)

    async def _held(self) -> tuple[Holdings, Dollars]:
        return await self._exchange.holdings(), await self._exchange.cash()


def _sorted(
    fills: Sequence[account.DatedFill],
) -> tuple[list[ListedFill], dict[str, str]]:
    """Those that can be booked, and why others cannot, by ticker."""
    listed, odd = [], {}
    for fill in fills:
        try:
            listed.append(_listed(fill))
        except ExchangeError as error:
            odd[fill.ticker] = str(error)
    return listed, odd


def _listed(reported: account.DatedFill) -> ListedFill:
    """Raises ExchangeError for a fill that nobody can book."""
    side, at = SIDES[reported.book_side], reported.created_time
    fill = fill_of(f"{FOREIGN}{reported.order_id}", side, at, reported)
    return ListedFill(reported.order_id, fill)
