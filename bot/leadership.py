"""Who trades: of all processes that share a database, one leads for a term; the others look on.

The leader holds a lease that it renews. It is sure of it only for a part of the time that the
database gives, by a clock of its own, so a process that was paused finds out before it acts; and
every write is fenced by the term's number in the database itself. Leaves out what leading means
(`Engine`) and how the database does it (`Election`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Final

from bot.durable import Lead, LeaseLostError, StoreError, Term
from bot.election import Candidate, Election, Engine, Offices, Onlooker
from bot.ports import ExchangeError
from bot.runner import pause
from bot.state import Role
from bot.switches import KILLED, RUNNING, Switches

log = logging.getLogger("main")

#: Renewals in the time of a lease, and looks of those who look on.
BEATS: Final = 5
LOOKS: Final = 10
#: The share of a lease within which its holder is sure of it.
SURE: Final = 0.8
#: Seconds before the database, or the exchange at the start of a term, is tried again.
RETRY: Final = 2.0
#: Seconds that whoever leads has to obey, before the caller hears that it did not.
OBEY_WITHIN: Final = 15.0


class Leadership:
    """Leads whenever it can, and looks on otherwise.

    `settled` is set once it is known, for the first time, how this process stands.
    """

    def __init__(
        self,
        candidate: Candidate,
        switches: Switches,
        stopwatch: Callable[[], float],
    ) -> None:
        """`stopwatch` is in seconds and never jumps; it goes on while the process is paused."""
        self.settled = asyncio.Event()
        self._who = candidate
        self._on_role: Callable[[], None] = _nobody_hears
        self._switches = switches
        self._stopwatch = stopwatch
        self._role = Role()
        self._sure_until = -inf
        self._election: Election | None = None
        self._engine: Engine | None = None
        self._looking: tuple[Onlooker, Lead, int] | None = None
        self._looked = asyncio.Event()
        self._wake = asyncio.Event()
        self._ending = False
        self._lost = False

    @property
    def role(self) -> Role:
        """How this process stands, now."""
        return self._role

    @property
    def killed(self) -> str | None:
        """Why operators let nothing be entered, None if they let it; not known counts as killed."""
        return self._switches.killed

    @property
    def resumed(self) -> datetime | None:
        """When an operator last let entries go on."""
        return self._switches.resumed

    def sure(self) -> bool:
        """Whether this process leads beyond doubt, at this very moment."""
        return self.seconds_sure > 0

    @property
    def seconds_sure(self) -> float:
        """For how long it still leads beyond doubt if nothing is heard; 0 if it does not."""
        if not self._role.leader or self._lost:
            return 0.0
        return max(self._sure_until - self._stopwatch(), 0.0)

    async def run(self, offices: Offices) -> None:
        """Take part until `end`; a database that cannot be opened is tried again."""
        self._on_role = offices.on_role
        while not self._ending:
            try:
                async with offices.database() as election:
                    self._election = election
                    await self._take_part(election, offices)
            except StoreError as error:
                self._trouble(error)
                await self._rest(RETRY)
            finally:
                self._election = None

    def end(self) -> None:
        """Take no part any more: stop the loop, and let somebody else lead at once."""
        self._ending = True
        self._wake.set()

    async def start(self) -> bool:
        """Start the loop, whoever leads; False if it was running. Raises StoreError."""
        self._switches.set(RUNNING, "on")
        if self._engine is not None:
            return await self._at_once(self._engine.control.start())
        was = self._is_running
        await self._by_leader(lambda: self._is_running)
        return not was

    async def stop(self) -> bool:
        """Stop the loop, whoever leads; False if it was not running. Raises StoreError."""
        self._switches.set(RUNNING, "off")
        if self._engine is not None:
            return await self._at_once(self._engine.control.stop())
        was = self._is_running
        await self._by_leader(lambda: not self._is_running)
        return was

    async def kill(self, reason: str) -> bool:
        """Let nothing be entered until `resume`; False if that was so. Raises StoreError."""
        was = self._switches.killed
        self._switches.set(KILLED, reason)
        log.warning("Killed (%s): nothing is entered until POST /bot/resume", reason)
        await self._decreed()
        return was is None

    async def resume(self) -> bool:
        """Let entries go on, also after a drawdown; False if they were not killed. StoreError."""
        was = self._switches.killed
        self._switches.resume()
        log.warning("Resumed: entries go on")
        await self._decreed()
        return was is not None

    async def _take_part(self, election: Election, offices: Offices) -> None:
        while not self._ending:
            began = self._stopwatch()
            term = await election.take(self._who.holder, self._who.seconds, self._who.book)
            if term is None:
                await self._look_on(election, offices)
                self.settled.set()
            else:
                self._looking = None
                await self._lead(election, offices, term, began)
            await self._rest(self._who.seconds / LOOKS)

    async def _look_on(self, election: Election, offices: Offices) -> None:
        lead = await election.lead()
        book = lead.book or self._who.book
        if self._looking is None or self._looking[1].book != lead.book:
            onlooker = offices.onlooker()
            kept = await election.kept(book)
            onlooker.begin(kept)
            self._looking = onlooker, lead, kept.commit
            self._switches.forget()
        onlooker, _, commit = self._looking
        await self._switches.sync(election, book)
        self._stand(Role(leads=lead.holder, epoch=lead.epoch, killed=self._switches.killed))
        news = await election.news(book, commit)
        onlooker.see(news)
        self._looking = onlooker, lead, news.commit
        self._looked.set()

    async def _lead(self, election: Election, offices: Offices, term: Term, began: float) -> None:
        self._lost = False
        self._prolong(began)
        self._switches.forget()
        self._stand(Role(leader=True, leads=term.holder, epoch=term.epoch))
        log.info("This process leads now: term %d", term.epoch)
        async with asyncio.TaskGroup() as group:
            renewals = group.create_task(self._renewals(election, term), name="lease")
            await self._reigned(election, offices, term)
            renewals.cancel()
        if self._lost:
            log.warning("Another process leads now; what this one had not kept is forgotten")
        self._stand(Role(store_fault=self._role.store_fault))
        with suppress(StoreError):
            await election.release(term)

    async def _reigned(self, election: Election, offices: Offices, term: Term) -> None:
        try:
            await self._reign(election, offices, term)
        except LeaseLostError:
            self._lose()
        except (ExchangeError, StoreError) as error:
            log.error("This term ends: %s", error)  # noqa: TRY400  # expected: no trace
            self._wake.clear()
            await self._rest(RETRY)
        finally:
            self._engine = None
            self.settled.set()

    async def _reign(self, election: Election, offices: Offices, term: Term) -> None:
        async with offices.engine(term, self._lose) as engine:
            self._engine = engine
            while not (self._ending or self._lost):
                await self._obey(election, engine)
                with suppress(StoreError):
                    await engine.beat()
                self.settled.set()
                await self._rest(self._who.seconds / BEATS)

    async def _obey(self, election: Election, engine: Engine) -> None:
        with suppress(StoreError):
            await self._switches.sync(election, self._who.book)
        self._stand(replace(self._role, killed=self._switches.killed))
        await (engine.control.start() if self._switches.runs else engine.control.stop())

    async def _renewals(self, election: Election, term: Term) -> None:
        while not self._lost:
            await asyncio.sleep(self._who.seconds / BEATS)
            began = self._stopwatch()
            try:
                await election.renew(term, self._who.seconds)
            except LeaseLostError:
                self._lose()
            except StoreError as error:
                self._trouble(error)
            else:
                self._prolong(began)
                self._stand(replace(self._role, store_fault=None))

    async def _at_once(self, change: Awaitable[bool]) -> bool:
        """What this process itself runs changes now, whatever the database says."""
        changed = await change
        await self._note()
        return changed

    async def _note(self) -> None:
        """Write down what operators want, at once if possible, else with the next beat."""
        if self._election is not None:
            with suppress(StoreError):
                await self._switches.sync(self._election, self._who.book)

    async def _by_leader(self, is_done: Callable[[], bool]) -> None:
        await self._written()
        try:
            async with asyncio.timeout(OBEY_WITHIN):
                while not is_done():
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            raise StoreError(
                f"{self._role.leads or 'nobody'} leads and has not obeyed within "
                f"{OBEY_WITHIN:g} s; what was asked is written down and holds"
            ) from None

    async def _decreed(self) -> None:
        self._stand(replace(self._role, killed=self._switches.killed))
        if self._engine is not None:
            await self._note()
        else:
            await self._written()

    async def _written(self) -> None:
        if self._election is None or self._looking is None:
            raise StoreError("nobody is known to lead yet: try again, or look at /ready")
        book = self._looking[1].book or self._who.book
        await self._switches.sync(self._election, book)

    @property
    def _is_running(self) -> bool:
        return self._looking is not None and self._looking[0].is_running

    def _lose(self) -> None:
        self._lost = True
        self._wake.set()

    def _prolong(self, began: float) -> None:
        self._sure_until = began + SURE * self._who.seconds

    def _trouble(self, error: StoreError) -> None:
        if self._role.store_fault is None:
            log.error("The database does not answer: %s", error)
        self._stand(replace(self._role, store_fault=str(error)))
        self.settled.set()

    def _stand(self, role: Role) -> None:
        if role != self._role:
            self._role = role
            self._on_role()

    async def _rest(self, seconds: float) -> None:
        await pause(self._wake, seconds)
        self._wake.clear()


def _nobody_hears() -> None:
    """Before the process takes part, nobody is told how it stands."""
