"""Faults of the stream: frames lost, doubled, late or broken; cut lines, late pings."""

from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

import orjson

from bot.sim.faults.bodies import BROKEN, SPOILED, RandomSource
from bot.sim.faults.kinds import FaultSpec

#: What happens to frames, in this order of precedence.
_FRAME_KINDS: Final = (
    frozenset({"disconnect", "sequence_gap", "duplicate_fill", "late_fill", "garbage"})
    | SPOILED.keys()
)


class Drawn(Protocol):
    """A fault that strikes now."""

    spec: FaultSpec

    @property
    def rng(self) -> RandomSource:
        """Its random numbers."""
        ...

    def fire(self) -> None:
        """Count that it struck."""
        ...


class Draws(Protocol):
    """Knows which faults strike."""

    @property
    def any_active(self) -> bool:
        """Whether there is anything to ask for."""
        ...

    def drawn(self, where: str, kinds: Collection[str]) -> Sequence[Drawn]:
        """The faults of these kinds that strike there now."""
        ...


class StreamFaults:
    """What the faults in force do to the stream."""

    def __init__(self, faults: Draws) -> None:
        self._faults = faults

    @property
    def spoils_frames(self) -> bool:
        """Whether frames need to be shown to `frames`."""
        return self._faults.any_active

    def frames(self, channel: str, frame: str) -> list[tuple[float, str]] | None:
        """What to send for a frame (without its last brace), after seconds; None cuts the line."""
        sent = [(0.0, frame)]
        for fault in self._faults.drawn(f"WS {channel}", _FRAME_KINDS):
            fault.fire()
            if fault.spec.kind == "disconnect":
                return None
            sent = [after for before in sent for after in _struck(fault, *before)]
        return sent

    def error(self, channel: str) -> int:
        """The code of the error that a channel reports in place of a frame; 0 for none."""
        return self._code(f"WS {channel}", "channel_error")

    def refusal(self) -> int:
        """The code of the error that answers a command; 0 for none."""
        return self._code("WS command", "command_error")

    def ping_delay(self) -> float:
        """By how many seconds the next ping is late."""
        drawn = self._faults.drawn("WS ping", ("slow_ping",))
        for fault in drawn:
            fault.fire()
        return sum(float(fault.spec.parameters["delay"]) for fault in drawn)

    def _code(self, where: str, kind: str) -> int:
        for fault in self._faults.drawn(where, (kind,)):
            fault.fire()
            return int(fault.spec.parameters["code"])
        return 0


def _struck(fault: Drawn, delay: float, frame: str) -> list[tuple[float, str]]:
    kind, terms = fault.spec.kind, fault.spec.parameters
    if kind == "sequence_gap":
        return []
    if kind == "duplicate_fill":
        return [(delay, frame), (delay, frame)]
    if kind == "late_fill":
        return [(delay + terms["delay"], frame)]
    return [(delay, _changed(fault, frame))]


def _changed(fault: Drawn, frame: str) -> str:
    kind, terms = fault.spec.kind, fault.spec.parameters
    if kind == "garbage":
        return BROKEN[terms["body"]](f"{frame}}}".encode()).decode(errors="replace") or " "
    whole = _whole(frame)
    if "msg" not in whole:
        return frame
    whole["msg"] = SPOILED[kind](whole["msg"], terms, fault.rng)
    return orjson.dumps(whole).decode()[:-1]


def _whole(frame: str) -> dict[str, Any]:
    """What a frame says; nothing if it is no JSON since another fault was at it."""
    try:
        whole = orjson.loads(f"{frame}}}")
    except orjson.JSONDecodeError:
        return {}
    return whole if isinstance(whole, dict) else {}
