"""Looks after the orders that rest: what fills them, what lets them rest on, what takes them out.

Leaves out which orders rest at all (`resting_exits`) and what their fills do to the account
(`trader`, which books each step).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from bot.core.market.market import Market
from bot.core.market.orderbook import Books, OrderBook
from bot.core.market.queue import MarketUpdate
from bot.core.market.working import Step
from bot.core.risk.checks import Shown
from bot.ports.exchange import TradeTape
from bot.trading.order_gateway import OrderGateway
from bot.trading.resting_exits import RestingExits, RestPlan, withdrawal

#: Books what an answer came to, at that moment, and marks it against a book if one is at hand.
Booking: TypeAlias = Callable[[datetime, Step, OrderBook | None], None]


class WorkingOrders:
    """The orders that rest, from one look to the next."""

    def __init__(
        self, gateway: OrderGateway, exits: RestingExits, book: Booking, max_book_age: float
    ) -> None:
        """On a book older than so many seconds nothing is prolonged."""
        self._max_book_age = max_book_age
        self._gateway = gateway
        self._exits = exits
        self._book = book

    def meet(self, at: datetime, books: Books, trades: TradeTape | None) -> None:
        """What these books, and the trades before them, make of the orders that rest."""
        for row, ticker in enumerate(books.tickers):
            working = self._gateway.working.get(ticker)
            if working is None:
                continue
            seen_at, since = float(books.seen_at[row]), working.last.seen_at
            traded = trades.between(ticker, since, seen_at) if trades else None
            update = MarketUpdate(books.book(row), seen_at, traded)
            self._book(at, self._gateway.met(ticker, update, at), update.book)

    async def poll(self, at: datetime, stop: str) -> None:
        """Ask what became of them; `stop` is why nothing rests any more, '' if it may."""
        # What has to go does not wait for what the others came to.
        for ticker, working in tuple(self._gateway.working.items()):
            if why := stop or working.leaving:
                await self.withdraw(at, ticker, why)
        for step in await self._gateway.news():
            self._book(at, step, None)
        for ticker, working in tuple(self._gateway.working.items()):
            if block_reason := working.last.block_reason:
                self._exits.bar(ticker, block_reason)
                await self.withdraw(at, ticker, block_reason)

    async def is_free(self, at: datetime, shown: Shown, plan: RestPlan) -> bool:
        """Whether nothing rests in a market any more; what may rest on is prolonged."""
        ticker, book = shown.market.ticker, shown.book
        working = self._gateway.working.get(ticker)
        if working is None:
            return True
        why = working.leaving or withdrawal(working, plan)
        if why is not None:
            await self.withdraw(at, ticker, why, book)
        elif at.timestamp() - shown.seen_at <= self._max_book_age:
            self._book(at, await self._gateway.prolong(ticker), book)
        return ticker not in self._gateway.working

    async def withdraw_unseen(
        self, at: datetime, missing: Mapping[str, str], markets: Mapping[str, Market]
    ) -> None:
        """Nothing rests in a market whose book did not come, for the reason given."""
        for ticker in [ticker for ticker in self._gateway.working if ticker in missing]:
            market, why = markets.get(ticker), missing[ticker]
            is_over = market is not None and not market.is_open(at)
            why = why if is_over else f"no book of it: {why}"
            await self.withdraw(at, ticker, why, is_over=is_over)

    async def withdraw(
        self,
        at: datetime,
        ticker: str,
        why: str,
        book: OrderBook | None = None,
        *,
        is_over: bool = False,
    ) -> None:
        """Take the order of a market out of the book, as far as that can be done now."""
        if ticker in self._gateway.working:
            step = await self._gateway.withdraw(ticker, why, at, is_over=is_over)
            self._book(at, step, book)
