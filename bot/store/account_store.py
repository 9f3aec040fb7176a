"""Writes one book for one term, and finds out whether a commit whose answer was lost arrived."""

from functools import partial

from sqlalchemy import Connection

from bot.core.market.orders import Order
from bot.ports.persistence import CommitBatch, StoreError
from bot.store import leases, writing
from bot.store.connections.session import StoreSession
from bot.store.connections.trace import Trace
from bot.store.writing import Chapter, CommitRows


class AccountStore:
    """A `persistence.Store`. A commit that failed must be submitted again."""

    def __init__(self, session: StoreSession, chapter: Chapter) -> None:
        self._session = session
        self._chapter = chapter
        self._unsure: tuple[CommitBatch, int] | None = None
        self._attempts = 0

    async def intend(self, order: Order) -> None:
        """Store an order before it is sent; idempotent.

        Raises StoreError if another order has that name, or this one has ended.
        """
        await self._session.write(partial(writing.intend, chapter=self._chapter, order=order))

    async def commit(self, done: CommitBatch) -> None:
        """Commit all of it in one transaction.

        One that failed may have arrived all the same: called again with the same object, this
        checks first and writes nothing twice.
        """
        self._attempts += 1
        work = partial(self._commit, done=done, page=CommitRows.of(done), attempt=self._attempts)
        commit = await self._session.write(work)
        self._unsure = None
        term, book = self._chapter.term, self._chapter.book
        await self._session.trace(Trace(term.epoch, book, commit))

    def _commit(
        self, connection: Connection, done: CommitBatch, page: CommitRows, attempt: int
    ) -> int:
        leases.fence(connection, self._chapter.term)
        # An abandoned thread may get its turn last, after the one that was
        # given the same commit again: it must write nothing. Within the fence there is one writer.
        if attempt != self._attempts:
            raise StoreError("this commit was superseded by a later attempt")
        if self._unsure is not None and self._has_arrived(connection, done):
            return self._unsure[1]
        taken = len(page.rows.booked)
        commit, entry = writing.advance(connection, self._chapter.book, 1, taken)
        self._unsure = done, commit
        writing.write(connection, self._chapter, page, commit, entry - taken)
        return commit

    def _has_arrived(self, connection: Connection, done: CommitBatch) -> bool:
        if self._unsure is None or self._unsure[0] is not done:
            return False
        # Nobody else writes while the term lasts: that number can be no other commit.
        return writing.newest(connection, self._chapter.book) >= self._unsure[1]
