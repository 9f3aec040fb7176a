"""The database: a lease, books, and what operators want of them. All of it may raise StoreError.

SQLite in a file of its own, or PostgreSQL. Every call ends within seconds, whatever became of
the database, and the next one finds it again once it is back. On SQLite a process that is paused
in the middle of writing holds its file; PostgreSQL lets go of such a one.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import select

from bot.core.account.reconcile import CashAcceptance
from bot.ports.persistence import Checkpoint, CommittedChanges, LeaseState, StoreError, Term
from bot.store import leases, reading, retention, schema, writing
from bot.store.account_history import BookHistory
from bot.store.account_store import AccountStore
from bot.store.connections import address
from bot.store.connections import trace as traces
from bot.store.connections.session import StoreSession
from bot.store.connections.trace import Trace
from bot.store.writing import Chapter


@asynccontextmanager
async def opened(url: str, *, may_begin: bool = True) -> AsyncIterator["Database"]:
    """The database at this address, its tables made or brought up to date.

    Unless `may_begin`, a file that is missing is not made.

    Raises StoreError for an address that cannot be used, a server that does not answer, a file
    that is no database or has lost an account, and a database of a newer version. Several
    processes may do this at once.
    """
    async with address.session(url, may_begin=may_begin) as session:
        await _refuse_an_older_copy(session)
        await schema.bring_up(session)
        yield Database(session)


class Database:
    """See the module. Terms fence whatever is written to a book: LeaseLostError, and no row."""

    def __init__(self, session: StoreSession) -> None:
        self._session = session

    @property
    def where(self) -> str:
        """Which database this is, for people."""
        return self._session.where

    async def check(self) -> None:
        """Whether it answers."""
        await self._session.read(lambda connection: connection.scalar(select(1)))

    async def take(self, holder: str, seconds: float, book: str) -> Term | None:
        """The next term for this holder, or None while another one leads.

        It lasts `seconds` by the clock of the database unless it is renewed. A holder that asks
        again begins a new term, and its old one is over.
        """
        if not await self._session.read(partial(leases.is_free, holder=holder)):
            return None
        taking = partial(leases.take, holder=holder, seconds=seconds, book=book)
        term = await self._session.write(taking)
        if term is not None:
            commit = await self._session.read(partial(writing.newest, book=book))
            await self._session.trace(Trace(term.epoch, book, commit))
        return term

    async def renew(self, term: Term, seconds: float) -> None:
        """Renew the lease for so many seconds from now. Raises LeaseLostError."""
        await self._session.write(partial(leases.renew, term=term, seconds=seconds))

    async def release(self, term: Term) -> None:
        """Release the lease; one that was lost already is no error."""
        await self._session.write(partial(leases.release, term=term))

    async def leader(self) -> LeaseState:
        """Who leads now."""
        return await self._session.read(leases.leader)

    def store(self, term: Term, book: str) -> AccountStore:
        """The store of a book in this term."""
        return AccountStore(self._session, Chapter(term, book))

    def account_history(self, book: str) -> BookHistory:
        """The history of a book."""
        return BookHistory(self._session, book)

    async def open_book(self, term: Term, book: str, cash: Decimal, at: datetime) -> None:
        """Begin a book with so much cash; one that exists stays as it is."""
        await self._session.write(
            partial(writing.open_book, chapter=Chapter(term, book), cash=cash, at=at)
        )

    async def rename_book(self, term: Term, earlier: str, book: str) -> bool:
        """Give the book of an earlier name another; False if there is none, or both are there."""
        renaming = partial(writing.rename_book, chapter=Chapter(term, book), earlier=earlier)
        return await self._session.write(renaming)

    async def move_cash(
        self, term: Term, book: str, amount: Decimal, why: str, at: datetime
    ) -> bool:
        """Book cash that came (or went, if below 0), once for each `why`.

        True if this term booked that, now or before; False if an earlier one did, or if it is
        part of cash that was accepted, or that the book was opened with.
        """
        chapter = Chapter(term, book)
        return await self._session.write(
            partial(writing.move_cash, chapter=chapter, amount=amount, why=why, at=at)
        )

    async def accept_cash(self, term: Term, book: str, accepted: CashAcceptance) -> Decimal:
        """Book cash that nothing explains, once for each moment; how much of it this term booked.

        Movements until then are part of it: none of them is booked any more.
        """
        return await self._session.write(
            partial(writing.accept_cash, chapter=Chapter(term, book), accepted=accepted)
        )

    async def fill_ids(self, book: str, since: datetime) -> frozenset[str]:
        """The ids of all fills of a book since then."""
        return await self._session.read(partial(reading.fill_ids, book=book, since=since))

    async def orders_among(self, book: str, names: frozenset[str]) -> frozenset[str]:
        """Those of these client order ids that are orders of a book."""
        return await self._session.read(partial(reading.orders_among, book=book, names=names))

    async def cash_until(self, book: str) -> datetime:
        """Up to when all that moved the cash of a book is in it: accepted, or there at first."""
        return await self._session.read(partial(writing.cash_until, book=book))

    async def trades_since(self, book: str) -> datetime:
        """Since when all trades of a book are known: since it was begun, or was pruned last."""
        return await self._session.read(partial(writing.trades_since, book=book))

    async def checkpoint(self, book: str) -> Checkpoint:
        """All stored state of an account, consistent; nothing for one that was never opened."""
        found = await self._session.read(partial(reading.remains, book=book))
        return await reading.checkpoint(found, self.where)

    async def seen(self, book: str) -> Checkpoint:
        """The same for a standby: without the account if that cannot be read."""
        with suppress(StoreError):
            return await self.checkpoint(book)
        return await self.history(book)

    async def history(self, book: str) -> Checkpoint:
        """The same without the account."""
        found = await self._session.read(partial(reading.seen, book=book))
        return await reading.checkpoint(found, self.where)

    async def news(self, book: str, after: int) -> CommittedChanges:
        """What came after a commit: of what lies far back, only the newest events."""
        return await self._session.read(partial(reading.news, book=book, after=after))

    async def switch(self, book: str, name: str, value: str, at: datetime) -> None:
        """Store what operators want; not fenced."""
        await self._session.write(partial(writing.switch, book=book, name=name, value=value, at=at))

    async def switches(self, book: str) -> Mapping[str, str]:
        """What operators want of a book."""
        return await self._session.read(partial(reading.wanted, book=book))

    async def prune(self, term: Term, book: str, before: datetime) -> int:
        """Prune what is older, and other books not written since; the number of rows deleted.

        The account of the book stays what it was, to the last digit.
        """
        return await retention.prune(self._session, Chapter(term, book), before)


async def _refuse_an_older_copy(session: StoreSession) -> None:
    # The trace first: it never claims more than the database has.
    trace = await session.traced()
    if trace is None:
        return
    lacks = await session.read(partial(traces.behind, trace=trace))
    if lacks is not None:
        raise StoreError(
            f"{session.where} is not the one that was used last: {lacks}. Put that one back; if "
            f"this one is meant, delete the file beside it that ends in {traces.SUFFIX}"
        )
