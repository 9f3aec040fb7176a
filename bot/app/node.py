"""The open service: one object that the API asks, whichever process leads.

It opens the engine of a term and the standby between terms, and points at the bot that is read from
now. Leaves out who leads (`leader_election`) and how the parts are joined (`composition`).
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bot.app import execution_backends
from bot.app.account_identity import kill_if_traded, refuse_another
from bot.app.cash_ledger import StoredCash
from bot.app.close_orders import CloseOrders
from bot.app.composition import assembled, order_ids, unkept
from bot.app.execution_backends import BookLedger, ExecutionBackend
from bot.app.node_context import NodeContext, TermResources
from bot.app.stored_trades import StoredTrades
from bot.app.term.bot import Bot
from bot.cluster.own_role import OwnRole
from bot.cluster.ports import LoopControl, NodeFactories
from bot.config import VERSION
from bot.core.events import Noted, NoteKind
from bot.core.market.money import whole_cents
from bot.dashboard.snapshot import decoded
from bot.engine.loop import resolve_until
from bot.ports.exchange import Clock
from bot.ports.persistence import (
    Checkpoint,
    CommitBatch,
    CommittedChanges,
    LeaseLostError,
    StateRecord,
    Store,
    StoreError,
    Term,
)
from bot.ports.views import BotState
from bot.store.account_history import BookHistory
from bot.store.account_store import AccountStore
from bot.store.database import Database, opened

log = logging.getLogger("main")

#: Between two runs of retention.
PRUNE_EVERY: Final = timedelta(hours=1)

#: Seconds in which what traded of orders that rested is to be known as a term ends; if it is not,
#: the next term finds out.
BOOKED_WITHIN: Final = 5.0

#: What a term hands on to the next, about the exchange.
FENCE: Final = "fence"
#: What an account is known by.
ACCOUNT: Final = "account"


class Node:
    """What the API needs, and what a leader session and a standby are here."""

    def __init__(
        self,
        world: NodeContext,
        book: str,
        own_role: OwnRole,
        earlier_book: str | None = None,
    ) -> None:
        """`earlier_book` is what an account of an earlier version may be called."""
        self.snapshot_holder = world.snapshot_holder
        self.clock = world.clock
        self.own_role = own_role
        self.book = book
        self._earlier_book = earlier_book
        self.bot = unkept(world)
        self._world = world
        self._first = world.snapshot_holder.status
        self._database: Database | None = None
        self._past: BookHistory | None = None
        self._leads = False

    @property
    def past(self) -> BookHistory:
        """Where the past of the account is read. Raises StoreError before it is open."""
        if self._past is None:
            raise StoreError("the database has not been opened yet: its fault is in /bot/status")
        return self._past

    def factories(self) -> NodeFactories:
        """How leadership opens what it needs."""
        return NodeFactories(
            database=self._open_database,
            engine=self._open_session,
            standby=self._standby_session,
            on_role=self.show_role,
        )

    async def resolve_orders(self, stopping: asyncio.Event) -> None:
        """Resolve orders in doubt while this process leads, until the event is set."""
        await resolve_until(stopping, self._resolve_in_doubt, self._world.hints.orders)

    async def _resolve_in_doubt(self) -> None:
        if self._leads:
            await self.bot.resolve_in_doubt()

    def show_role(self) -> None:
        """The role of this process has changed: show it at once."""
        role = self._world.role_status.role()
        if role.leader and not self.snapshot_holder.status.leader:
            # What was shown of another leader's loop is not true of this one.
            self.snapshot_holder.status = role.on(self._first)
        if role.leader:
            self.bot.note(self.clock.now())
        with self.bot.faults.within("the role"):
            self.bot.publisher.show_role()

    @asynccontextmanager
    async def _open_database(self) -> AsyncIterator[Database]:
        # One that this process has had open is missed: no new one takes its place unasked.
        may_begin = self._database is None
        async with opened(self._world.settings.database, may_begin=may_begin) as database:
            self._database = database
            self._past = database.account_history(self.book)
            yield database

    def _standby_session(self) -> "StandbySession":
        self.bot = unkept(self._world)
        return StandbySession(self.bot, self.clock)

    @asynccontextmanager
    async def _open_session(
        self, term: Term, lose: Callable[[], None]
    ) -> AsyncIterator["LeaderSession"]:
        database = self._database
        if database is None:  # pragma: no cover  # whoever leads has opened it
            raise StoreError("the database is not open")
        async with execution_backends.opened(
            self._world.settings, self.clock, self._world.data
        ) as backend:
            self.bot = bot = await self._begun(database, term, backend, lose)
            bot.notify(_term_started(term, self.clock.now()))
            with self._leading():
                try:
                    yield LeaderSession(bot, self._world, backend, self._pruning(database, term))
                finally:
                    await _closed(bot, backend)

    @contextmanager
    def _leading(self) -> Iterator[None]:
        self._leads = True
        try:
            yield
        finally:
            self._leads = False

    async def _begun(
        self, database: Database, term: Term, backend: ExecutionBackend, lose: Callable[[], None]
    ) -> Bot:
        """The bot as the term before left it, with that term fenced off."""
        now = self.clock.now()
        # What was shown of another leader's loop is not true of this one.
        self.snapshot_holder.status = self._world.role_status.role().on(self._first)
        if (await self._readable(database)).commit == 0 and not await self._renamed(database, term):
            await self._open_new(database, term, backend)
        checkpoint = await database.checkpoint(self.book)
        store = database.store(term, self.book)
        await refuse_another(backend, store, checkpoint, self.book)
        with _legible(self.book):
            handed_on = await backend.begin(_handed_on(checkpoint))
        if handed_on is not None:
            fence = StateRecord(FENCE, "", handed_on.encode())
            await store.commit(CommitBatch(state_records=[fence]))
        self._world.journal.turn_to(f"{self.book} {await _account(store, checkpoint)}")
        bot = assembled(self._world, _resources(store, backend, order_ids(term, now), lose))
        with _legible(self.book):
            bot.restore(checkpoint)
        ledger = self._book_ledger(database, term, checkpoint)
        backend.attach(bot, ledger, self._world.role_status)
        # Before anything is said about entries: that they begin in doubt is no news.
        await backend.poll()
        self.snapshot_holder.status = replace(
            self.snapshot_holder.status,
            positions_count=len(bot.trader.portfolio.positions),
            total_exposure=whole_cents(bot.trader.portfolio.exposure),
        )
        _show_restored(bot, checkpoint, now)
        return bot

    async def _renamed(self, database: Database, term: Term) -> bool:
        """Whether the account was there under its earlier name, and now is under this one."""
        earlier = self._earlier_book
        if earlier is None or not await database.rename_book(term, earlier, self.book):
            return False
        log.warning(
            "The account %s is called %s from now on: the same exchange", earlier, self.book
        )
        return True

    def _book_ledger(self, database: Database, term: Term, checkpoint: Checkpoint) -> BookLedger:
        age = timedelta(days=self._world.settings.keep_days)
        trades = StoredTrades(database, self.book, self.clock, age)
        return BookLedger(StoredCash(database, term, self.book), trades, checkpoint)

    async def _open_new(self, database: Database, term: Term, backend: ExecutionBackend) -> None:
        cash = await backend.cash()
        await database.open_book(term, self.book, cash, self.clock.now())
        log.warning("Opened a new account: %s with $%s in %s", self.book, cash, database.where)
        await kill_if_traded(backend, database, self.book, self.clock)

    async def _readable(self, database: Database) -> Checkpoint:
        """The account; if it cannot be read, show what was published last and raise StoreError."""
        try:
            return await database.checkpoint(self.book)
        except StoreError:
            with suppress(StoreError):
                await self._show_last(database)
            raise

    async def _show_last(self, database: Database) -> None:
        seen = await database.history(self.book)
        bot = unkept(self._world)
        bot.recall(seen)
        self.bot = bot
        _show_restored(bot, seen, self.clock.now())

    def _pruning(self, database: Database, term: Term) -> "RetentionTask":
        days = timedelta(days=self._world.settings.keep_days)
        return RetentionTask(database, term, self.book, days, self.clock)


class RetentionTask:
    """Prunes what is too old, now and then."""

    def __init__(
        self, database: Database, term: Term, book: str, age: timedelta, clock: Clock
    ) -> None:
        self._database = database
        self._term = term
        self._book = book
        self._age = age
        self._clock = clock
        self._due: datetime | None = None

    async def prune(self) -> None:
        """Prune, if that is due. May raise StoreError, LeaseLostError."""
        now = self._clock.now()
        if self._due is None or now >= self._due:
            self._due = now + PRUNE_EVERY
            gone = await self._database.prune(self._term, self._book, now - self._age)
            log.debug("Pruned %d old rows", gone)


class LeaderSession:
    """A bot that leads."""

    def __init__(
        self, bot: Bot, world: NodeContext, backend: ExecutionBackend, pruning: RetentionTask
    ) -> None:
        self._bot = bot
        self._backend = backend
        self._resumed = world.role_status.resumed
        self._hints = world.hints
        self._clock = world.clock
        self._pruning = pruning
        self._close_orders = CloseOrders(bot, world.role_status, world.clock)

    @property
    def control(self) -> LoopControl:
        """The loop's switch."""
        return self._bot.control

    async def beat(self) -> None:
        """Publish what changed between two passes. May raise StoreError, LeaseLostError."""
        if resumed := self._resumed():
            self._bot.trader.resume(resumed)
            await self._backend.resume(resumed)
        if self._hints.take():
            self._backend.hint()
        await self._backend.poll()
        await self._backend.obey()
        self._bot.trader.poll(self._clock.now())
        self._bot.note(self._clock.now())
        await self._close_orders.poll()
        await self._bot.persist_notes()
        with self._bot.faults.within("the role"):
            self._bot.publisher.show_role()
        await self._bot.unit_of_work.publish()
        await self._pruning.prune()


class StandbySession:
    """A bot that only shows what the leader's bot does."""

    def __init__(self, bot: Bot, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock

    @property
    def is_running(self) -> bool:
        """Whether the leader's loop runs, as it reports."""
        return self._bot.snapshot_holder.status.running

    def begin(self, checkpoint: Checkpoint) -> None:
        """Start from the whole committed state of a book."""
        with _legible("the leader"):
            self._bot.restore(checkpoint)
        self._show(checkpoint.published)

    def apply(self, news: CommittedChanges) -> None:
        """Apply what was committed after it."""
        self._bot.catch_up(news)
        self._show(news.published)

    def _show(self, body: bytes | None) -> None:
        if (state := _legible_state(body)) is not None:
            with self._bot.faults.within("the leader's state"):
                self._bot.publisher.apply_replica(state, self._clock.now())
                self._bot.markets.apply(state, self._clock.now())


def _resources(
    store: Store, backend: ExecutionBackend, names: Iterator[str], lose: Callable[[], None]
) -> TermResources:
    return TermResources(
        store=store,
        venue=backend.venue,
        order_ids=names,
        lose=lose,
        block_reason=lambda: backend.block_reason,
        purse=backend.purse,
        unknown=backend.unknown,
        foreign=backend.foreign,
        account_note=lambda: backend.account_note,
    )


async def _closed(bot: Bot, backend: ExecutionBackend) -> None:
    # A second Ctrl-C must not leave the loop behind, nor an order in a book.
    await asyncio.shield(_ended(bot, backend))
    with suppress(StoreError, LeaseLostError):
        await bot.persist_notes()
        await bot.unit_of_work.publish()


async def _ended(bot: Bot, backend: ExecutionBackend) -> None:
    """Stop the loop, cancel what rests, and book what traded until then, if possible."""
    await bot.control.stop()
    await backend.end()
    with suppress(TimeoutError):
        async with asyncio.timeout(BOOKED_WITHIN):
            await bot.resolve_in_doubt()


@contextmanager
def _legible(whose: str) -> Iterator[None]:
    """Turn state that cannot be read (of another version) into the end of the term."""
    try:
        yield
    except (ValueError, msgspec.DecodeError) as error:
        raise StoreError(
            f"the stored state of {whose} cannot be read: {error}. Run "
            "the version that wrote it, or restore a backup of the database"
        ) from error


def _term_started(term: Term, at: datetime) -> Noted:
    message = f"version {VERSION} leads from now on, in term {term.epoch} of this database"
    return Noted(at, NoteKind.TERM_STARTED, message)


async def _account(store: AccountStore, checkpoint: Checkpoint) -> str:
    """The identity of this account, also against one of the same name in another database."""
    body = checkpoint.state_records.get(ACCOUNT, {}).get("")
    if body is not None:
        return body.decode()
    name = secrets.token_hex(8)
    await store.commit(CommitBatch(state_records=[StateRecord(ACCOUNT, "", name.encode())]))
    return name


def _handed_on(checkpoint: Checkpoint) -> str | None:
    """What the previous term left for this one."""
    body = checkpoint.state_records.get(FENCE, {}).get("")
    return body.decode() if body else None


def _show_restored(bot: Bot, checkpoint: Checkpoint, at: datetime) -> None:
    """Show what was published last until the first pass is over."""
    if (state := _legible_state(checkpoint.published)) is not None:
        with bot.faults.within("the published snapshot"):
            bot.publisher.show_restored(state, at)
    if fault := bot.faults.taken():
        bot.snapshot_holder.status = replace(
            bot.snapshot_holder.status, last_error=fault, last_error_at=at
        )


def _legible_state(body: bytes | None) -> BotState | None:
    """The published state; None without one, or with a warning for another version's."""
    if body is None:
        return None
    try:
        return decoded(body)
    except ValueError as error:
        log.warning("The leader runs another version: %s", error)
        return None
