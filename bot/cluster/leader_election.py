"""Who trades: of all processes that share a database, one leads for a term; the others stand by.

The leader holds a lease that it renews. It is sure of it only for a part of the time that the
database gives, by a clock of its own, so a process that was paused finds out before it acts; and
every write is fenced by the term's number in the database itself. Leaves out what leading means
(`Engine`), how the database does it (`LeaseStore`), and what a standby reads (`LeaderFollower`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from bot.clock import pause
from bot.cluster.leader_follower import LeaderFollower
from bot.cluster.operator_flags import OperatorFlags
from bot.cluster.own_role import OwnRole
from bot.cluster.ports import Candidate, Engine, LeaseStore, NodeFactories
from bot.cluster.role import Role
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import LeaseLostError, StoreError, StoreLostError, Term
from bot.telemetry.folded_lines import Folded

log = logging.getLogger("main")

#: Renewals in the time of a lease, and looks of a standby.
BEATS: Final = 5
STANDBY_POLLS: Final = 10
#: Seconds before the database, or the exchange at the start of a term, is tried again.
RETRY: Final = 2.0
LONGEST_RETRY: Final = 60.0


class LeaderElection:
    """Leads whenever it can, and stands by otherwise.

    `settled` is set once the role of this process is known for the first time.
    """

    def __init__(
        self,
        candidate: Candidate,
        flags: OperatorFlags,
        own: OwnRole,
        factories: NodeFactories,
        stopwatch: Callable[[], float],
    ) -> None:
        """`stopwatch` is in seconds and never jumps; it goes on while the process is paused."""
        self.settled = asyncio.Event()
        self._who = candidate
        self._flags = flags
        self._own = own
        self._factories = factories
        self._stopwatch = stopwatch
        self._folded = Folded(stopwatch)
        self._election: LeaseStore | None = None
        self._engine: Engine | None = None
        self._follower = LeaderFollower(candidate.book)
        self._polled = asyncio.Event()
        self._wake = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._said_stopped = False
        # Why the last term ended before its time.
        self._last_fault: str | None = None
        self._tries = 0

    @property
    def role(self) -> Role:
        """The role of this process, now."""
        return self._own.role

    @property
    def engine(self) -> Engine | None:
        """What this process runs as a leader; None if it does not lead."""
        return self._engine

    @property
    def book(self) -> str | None:
        """The account that is led or followed; None before that is known."""
        return self._who.book if self._engine is not None else self._follower.book

    @property
    def is_running(self) -> bool:
        """Whether the loop of another process that leads runs, as far as is known."""
        return self._follower.is_running

    async def run(self) -> None:
        """Take part until `end`; a database that cannot be opened is tried again."""
        while not self._own.is_ending:
            try:
                async with self._factories.database() as election:
                    self._election = election
                    await self._take_part(election)
            except StoreError as error:
                self._trouble(error)
                await self._rest(RETRY)
            finally:
                self._election = None

    def end(self) -> None:
        """Leave: stop the loop, and release the lease for another process at once."""
        self._own.is_ending = True
        self._stir()

    async def note(self, change: Awaitable[bool] | None = None) -> bool:
        """Apply an operator's change now; written to the database at once if possible."""
        changed = await change if change is not None else False
        self._set_role(replace(self._own.role, killed=self._flags.killed))
        # Not only the role: what an operator did is noted before anything else is done.
        self._factories.on_role()
        self._wake.set()
        with suppress(StoreError):
            await self.sync()
        return changed

    async def sync(self) -> None:
        """Write the operator flags, and read those set elsewhere. Raises StoreError."""
        if self._election is None:
            raise StoreError(self._own.role.store_fault or "the database is not open")
        await self._flags.sync(self._election)
        self._set_role(replace(self._own.role, killed=self._flags.killed))

    async def polled(self) -> None:
        """Return after the next poll of the leader's commits."""
        self._polled.clear()
        await self._polled.wait()

    async def _take_part(self, election: LeaseStore) -> None:
        while not self._own.is_ending:
            began = self._stopwatch()
            term = await election.take(self._who.holder, self._who.seconds, self._who.book)
            if term is None:
                await self._run_standby(election)
            else:
                self._follower.stop()
                await self._run_term(election, term, began)
            await self._rest(self._who.seconds / STANDBY_POLLS)

    async def _run_standby(self, election: LeaseStore) -> None:
        leader = await election.leader()
        if await self._follower.begin(election, leader, self._factories.standby):
            book = leader.book or self._who.book
            self._flags.look_at(book)
            log.info("This process is on standby: %s leads %s", leader.holder or "nobody", book)
        await self._flags.sync(election)
        self._set_role(Role(leads=leader.holder, epoch=leader.epoch, killed=self._flags.killed))
        await self._follower.apply(election, leader)
        self._polled.set()
        self.settled.set()

    async def _run_term(self, election: LeaseStore, term: Term, began: float) -> None:
        self._own.lease.begin(began)
        self._flags.look_at(self._who.book)
        self._set_role(
            Role(leader=True, leads=term.holder, epoch=term.epoch, store_fault=self._last_fault)
        )
        log.info("This process leads now: term %d", term.epoch)
        with suppress(StoreError):
            await self.sync()
        async with asyncio.TaskGroup() as group:
            renewals = group.create_task(self._renewals(election, term), name="lease")
            self._opening = group.create_task(self._guarded_session(term), name="leader session")
            await asyncio.wait({self._opening})
            renewals.cancel()
        if self._own.lease.is_lost and self._own.role.store_fault is None:
            log.warning("Another process leads now; changes it had not committed are discarded")
        self._set_role(Role(store_fault=self._own.role.store_fault))
        with suppress(StoreError):
            await election.release(term)
        if self._last_fault is not None:
            await self._rest(min(RETRY * 2**self._tries, LONGEST_RETRY))

    async def _guarded_session(self, term: Term) -> None:
        try:
            await self._run_session(term)
        except LeaseLostError:
            self._lose()
        except (ExchangeError, StoreError) as error:
            self._fail(_described(error))
        finally:
            self._engine = None
            self.settled.set()

    def _fail(self, why: str) -> None:
        log.error("This term ends: %s", why)
        self._last_fault = f"the last term ended: {why}"
        self._tries += 1
        self._set_role(replace(self._own.role, store_fault=self._last_fault))

    async def _run_session(self, term: Term) -> None:
        async with self._factories.engine(term, self._lose) as engine:
            # From here on it is asked to end, and not broken off.
            self._engine, self._opening, self._last_fault = engine, None, None
            self._tries = 0
            self._set_role(replace(self._own.role, store_fault=None))
            while not (self._own.is_ending or self._own.lease.is_lost):
                await self._beat(engine)
                await self._rest(self._who.seconds / BEATS)

    async def _beat(self, engine: Engine) -> None:
        await self._apply_flags(engine)
        with suppress(StoreError):
            await engine.beat()
        self.settled.set()

    async def _apply_flags(self, engine: Engine) -> None:
        with suppress(StoreError):
            await self.sync()
        self._set_role(replace(self._own.role, killed=self._flags.killed))
        if not self._flags.runs and not self._said_stopped:
            log.info("The bot is stopped: start it with POST /bot/start")
        self._said_stopped = not self._flags.runs
        await (engine.control.start() if self._flags.runs else engine.control.stop())

    async def _renewals(self, election: LeaseStore, term: Term) -> None:
        while not self._own.lease.is_lost:
            await asyncio.sleep(self._who.seconds / BEATS)
            began = self._stopwatch()
            try:
                await election.renew(term, self._who.seconds)
            except LeaseLostError:
                self._lose()
            except StoreLostError as error:
                self._trouble(error)
                self._lose()
            except StoreError as error:
                self._trouble(error)
            else:
                self._own.lease.renewed(began)
                self._set_role(replace(self._own.role, store_fault=self._last_fault))

    def _lose(self) -> None:
        self._own.lease.lose()
        self._stir()

    def _stir(self) -> None:
        """Wake whatever waits, and cancel a session that is opening."""
        self._wake.set()
        if self._opening is not None:
            self._opening.cancel()

    def _trouble(self, error: StoreError) -> None:
        if self._own.role.store_fault is None:
            self._folded.log(logging.ERROR, "The database cannot be used: %s", error)
        self._set_role(replace(self._own.role, store_fault=str(error)))
        self.settled.set()

    def _set_role(self, role: Role) -> None:
        if role != self._own.role:
            if self._own.role.store_fault and not role.store_fault:
                self._folded.log(logging.WARNING, "Recovered from: %s", self._own.role.store_fault)
            self._own.role = role
            self._factories.on_role()

    async def _rest(self, seconds: float) -> None:
        if not self._own.is_ending:
            await pause(self._wake, seconds)
            self._wake.clear()


def _described(error: ExchangeError | StoreError) -> str:
    """The error, and what to check if the exchange rejects the key."""
    unknown = isinstance(error, ExchangeError) and error.status in {401, 403}
    return f"{error}: check KALSHI_API_KEY, KALSHI_SECRET and KALSHI_ENV" if unknown else str(error)
