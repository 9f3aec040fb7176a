"""The faults that are in force on a simulated exchange, and when each of them strikes.

Each fault draws from an RNG stream of its own, seeded by the exchange: the same seed, faults and
requests give the same failures. Time is that of the service's clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bot.sim.faults.frames import StreamFaults
from bot.sim.faults.kinds import FaultSpec, described
from bot.sim.faults.schedule import FaultSchedule, Timed
from bot.sim.faults.world import PAUSES, WORLD, Undo
from bot.sim.rest.service import RestContext

Json = dict[str, Any]

FAULT_IDS: Final = "00fa"


@dataclass(slots=True, eq=False)
class ActiveFault:
    """A fault through its life. `fired` is how often it has struck."""

    fault_id: str
    spec: FaultSpec
    begun: datetime
    ends: datetime | None
    rng: Random
    fired: int = 0
    is_over: bool = False
    undo: Undo | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Whether neither its count nor its time is used up."""
        return not self.is_over and (self.ends is None or now < self.ends)

    def strikes(self, where: str) -> bool:
        """Whether it strikes there this time. Draws a random number if it could."""
        return self.spec.strikes(where) and self.rng.random() < self.spec.probability

    def fire(self) -> None:
        """Count that it struck."""
        self.fired += 1
        if self.spec.count is not None and self.fired >= self.spec.count:
            self.is_over = True


class Faults:
    """All faults of one exchange."""

    def __init__(self, service: RestContext) -> None:
        self._service = service
        self._faults: dict[str, ActiveFault] = {}
        self._active: list[ActiveFault] = []
        self._waiting: list[tuple[datetime, datetime | None, FaultSpec]] = []
        self.stream = StreamFaults(self)
        #: Waits so many seconds before a slow answer.
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    @property
    def now(self) -> datetime:
        """The time of faults."""
        return self._service.clock.now()

    @property
    def any_active(self) -> bool:
        """Whether there is anything to ask for."""
        return bool(self._active)

    def add(self, spec: FaultSpec, until: datetime | None = None) -> ActiveFault:
        """Put a fault in force, until its duration or that time has passed."""
        now = self.now
        until = until if spec.duration is None else now + timedelta(seconds=spec.duration)
        fault_id = self._service.state.ids.next(FAULT_IDS)
        fault = ActiveFault(fault_id, spec, now, until, Random(fault_id))
        self._faults[fault_id] = fault
        self._active.append(fault)
        self._begin(fault)
        return fault

    def follow(self, schedule: FaultSchedule) -> None:
        """Put faults in force at their times from now on."""
        start = self.now
        self._waiting += [_dated(start, timed) for timed in schedule.entries]
        self._waiting.sort(key=lambda one: one[0])
        self.catch_up()

    def drawn(self, where: str, kinds: Collection[str]) -> list[ActiveFault]:
        """The faults of these kinds due there; nothing begins or ends until one is fired."""
        if not self._active:
            return []
        now = self.now
        return [
            fault
            for fault in self._active
            if fault.spec.kind in kinds and fault.is_in_force(now) and fault.strikes(where)
        ]

    def _begin_due(self, now: datetime) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, until, spec = self._waiting.pop(0)
            self.add(spec, until)

    def catch_up(self) -> None:
        """End what is over and begin what is due."""
        if not (self._active or self._waiting):
            return
        now = self.now
        self._begin_due(now)
        for fault in self._active:
            fault.is_over = not fault.is_in_force(now)
        self._end_those_over()

    def listing(self) -> list[Json]:
        """Every fault since the last clearing, as JSON."""
        self.catch_up()
        return [self.reported(fault) for fault in self._faults.values()]

    def reported(self, fault: ActiveFault) -> Json:
        """One fault as JSON."""
        life = {"id": fault.fault_id, "active": not fault.is_over, "fired": fault.fired}
        return {**life, **described(fault.spec)}

    def waiting(self) -> int:
        """How many scheduled faults have not begun."""
        return len(self._waiting)

    def clear(self) -> int:
        """End all faults, those still to come too, and forget them; how many there were."""
        count = len(self._faults) + len(self._waiting)
        self._waiting.clear()
        for fault in self._active:
            fault.is_over = True
        self._end_those_over()
        self._faults.clear()
        return count

    def remove(self, fault_id: str) -> bool:
        """End one fault and forget it; whether there was one."""
        fault = self._faults.pop(fault_id, None)
        if fault is None:
            return False
        fault.is_over = True
        self._end_those_over()
        return True

    def _begin(self, fault: ActiveFault) -> None:
        begin = WORLD.get(fault.spec.kind)
        if begin is not None and fault.rng.random() < fault.spec.probability:
            self._service.driver.catch_up()
            fault.undo = begin(self._service, fault.spec.parameters)
            fault.fired += 1
            fault.is_over = fault.undo is None

    def _end_those_over(self) -> None:
        over: Sequence[ActiveFault] = [fault for fault in self._active if fault.is_over]
        if not over:
            return
        self._active = [fault for fault in self._active if not fault.is_over]
        for fault in over:
            if fault.undo is not None:
                self._service.driver.catch_up()
                fault.undo()
                self._renew(fault.spec.kind)

    def _renew(self, kind: str) -> None:
        """Begin the pauses in force again, which the end of another one has ended."""
        if kind in PAUSES:
            for fault in self._active:
                if fault.spec.kind == kind and fault.undo is not None:
                    WORLD[kind](self._service, fault.spec.parameters)


def _dated(start: datetime, timed: Timed) -> tuple[datetime, datetime | None, FaultSpec]:
    until = None if timed.until is None else start + timedelta(seconds=timed.until)
    return start + timedelta(seconds=timed.at), until, timed.spec
