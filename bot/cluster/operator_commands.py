"""Start, stop, kill, resume, close, flatten: accepted by any process, carried out by the leader.

A leader acts at once, whatever the database says, and stores the flag when it can. Any other
process writes it down for the leader, or says that it cannot.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bot.cluster.leader_election import LeaderElection
from bot.cluster.operator_flags import KILLED, RUNNING, OperatorFlags
from bot.ports.persistence import StoreError

log = logging.getLogger("main")

#: Seconds the leader has to act before the caller gets an error.
OBEY_WITHIN: Final = 15.0


class OperatorCommands:
    """The commands of operators. Every method may raise StoreError: then nothing has changed."""

    def __init__(self, leadership: LeaderElection, switches: OperatorFlags) -> None:
        self._leadership = leadership
        self._switches = switches

    async def start(self) -> bool:
        """Start the leader's loop; False if it was running."""
        self._known()
        self._switches.set(RUNNING, "on")
        if (engine := self._leadership.engine) is not None:
            return await self._leadership.note(engine.control.start())
        was = self._leadership.is_running
        await self._by_leader(lambda: self._leadership.is_running)
        return not was

    async def stop(self) -> bool:
        """Stop the leader's loop; False if it was not running."""
        self._known()
        self._switches.set(RUNNING, "off")
        if (engine := self._leadership.engine) is not None:
            return await self._leadership.note(engine.control.stop())
        was = self._leadership.is_running
        await self._by_leader(lambda: not self._leadership.is_running)
        return was

    async def kill(self, reason: str) -> bool:
        """Stop entries until `resume`; False if they were stopped already."""
        self._known()
        was = self._switches.killed
        self._switches.set(KILLED, reason)
        await self._decreed()
        log.warning("Killed (%s): no entries until POST /bot/resume", reason)
        return was is None

    async def resume(self) -> bool:
        """Allow entries again, also after a drawdown; False if they were not killed."""
        self._known()
        was = self._switches.killed
        self._switches.resume()
        await self._decreed()
        if was is not None:
            log.warning("Resumed: entries are allowed unless another rule stops them")
        return was is not None

    async def close(self, ticker: str) -> None:
        """Have the position in this market closed; the leader retries until it is."""
        self._known()
        self._switches.close(ticker)
        await self._decreed()
        log.warning("The position in %s is to be closed", ticker)

    async def flatten(self) -> None:
        """Have all positions closed, and nothing entered until `resume`."""
        self._known()
        self._switches.flatten("flattened by hand")
        await self._decreed()
        log.warning("All positions are to be closed: no entries until POST /bot/resume")

    async def request_adoption(self) -> datetime:
        """Have the account taken over as the exchange has it; when that was asked."""
        self._known()
        at = self._switches.request_adoption()
        await self._decreed()
        log.warning("The account is to be adopted as the exchange has it")
        return at

    async def resolve(self, client_order_id: str, *, traded: bool) -> datetime:
        """Say what became of an order in doubt; when that was said."""
        self._known()
        at = self._switches.resolve(client_order_id, traded=traded)
        await self._decreed()
        verb = "traded" if traded else "never traded"
        log.warning("Order %s %s, an operator says", client_order_id, verb)
        return at

    def _known(self) -> None:
        if self._leadership.book is None:
            raise StoreError("no leader is known yet: try again, or see /ready")

    async def _decreed(self) -> None:
        if self._leadership.engine is not None:
            await self._leadership.note()
        else:
            await self._written()

    async def _by_leader(self, is_done: Callable[[], bool]) -> None:
        await self._written()
        try:
            async with asyncio.timeout(OBEY_WITHIN):
                while not is_done():
                    await self._leadership.polled()
        except TimeoutError:
            leads = self._leadership.role.leads or "nobody"
            late = f"{leads} leads and has not acted within {OBEY_WITHIN:g} s"
            raise StoreError(f"{late}; the request is stored and stays in force") from None

    async def _written(self) -> None:
        try:
            await self._leadership.sync()
        except StoreError:
            # Said to have failed, it must not come true later.
            self._switches.withdraw()
            raise
