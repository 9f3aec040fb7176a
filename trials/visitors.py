"""`python -m trials.visitors`: the service in the demo, and all hostile visitors one after another.

Each attack of `trials.attacks` goes on for some seconds. Meanwhile `/health` is asked in turn on a
connection that is kept, as a dashboard does, and on a new one, as a platform's probe does, which
queues behind all others that come in; and the bot has to go on with its cycles. Prints for each how
long that took, how much of it the machine ran something else while we were ready to run, the worst
lateness of a process that only sleeps, the most memory and the cycles. Fails above the limit of
memory, if cycles stop, or if a question is not answered.
"""

import argparse
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from bench.common import say
from trials.attacks import ATTACKS, attacked
from trials.hostile import MOST
from trials.processes import HOST, TOKEN, Nursery, Started, TrialFailed, unserved_of

SECONDS: Final = 8.0
#: Seconds between an answer and the next question, and seconds that a sleeper sleeps.
REST: Final = 0.02
NAP: Final = 0.005
#: Seconds between the starts of two cycles.
INTERVAL: Final = 1
_QUESTION: Final = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Wait:
    """Milliseconds that one answer took; and of those, how long we waited for a processor."""

    took: float
    unserved: float
    is_kept: bool
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the service under one attack."""

    name: str
    waits: Sequence[Wait]
    machine_late: float
    peak: float
    cycles: int
    seconds: float

    @property
    def is_held(self) -> bool:
        """Whether memory stayed bounded, each question was answered and the bot went on."""
        is_at_work = self.cycles >= self.seconds / INTERVAL / 2
        is_heard = bool(self.waits) and all(one.is_answered for one in self.waits)
        return self.peak <= MOST and is_at_work and is_heard

    def line(self) -> str:
        """For people."""
        kept, new = (
            [one for one in self.waits if one.is_kept is is_kept] for is_kept in (True, False)
        )
        unanswered = sum(not one.is_answered for one in self.waits)
        return (
            f"{self.name:18} /health, ms: kept {_figures(kept)}; new {_figures(new)}; "
            f"{unanswered} of {len(self.waits)} unanswered; "
            f"sleeper late by {self.machine_late:.0f}; {self.peak:.0f} MB; "
            f"{self.cycles} cycles in {self.seconds:.0f} s"
        )


def _figures(waits: Sequence[Wait]) -> str:
    own = [max(0.0, one.took - one.unserved) for one in waits]
    took = [one.took for one in waits]
    return f"p99 {_p99(took):.0f} (own {_p99(own):.0f}), max {max(took):.0f} ({max(own):.0f})"


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def outcome(service: Started, attack: str, seconds: float) -> Outcome:
    """The service under that attack for so long."""
    service.forget_peak()
    with _visited(service.port, attack), _sleeping() as lateness:
        cycles, began = service.status()["loop_count"], time.monotonic()
        waits = list(_waits(service, began + seconds))
    lasted = time.monotonic() - began
    more = service.status()["loop_count"] - cycles
    return Outcome(attack, waits, lateness[0] * 1e3, service.peak, more, lasted)


@contextmanager
def _visited(port: int, attack: str) -> Iterator[None]:
    with attacked(port, attack) as visitor:
        yield
        # One that had sent all it wanted has ended; one that failed attacked nobody.
        if visitor.poll():
            raise TrialFailed(f"the visitor {attack} ended by itself: {visitor.returncode}")


@contextmanager
def _sleeping() -> Iterator[list[float]]:
    """A process that only sleeps; afterwards the list has how many seconds late it woke at most."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    over = context.Event()
    sleeper = context.Process(target=_naps, args=(over, theirs), daemon=True)
    sleeper.start()
    lateness: list[float] = []
    try:
        yield lateness
    finally:
        over.set()
        lateness.append(ours.recv())
        sleeper.join()


def _naps(over: Event, told: "multiprocessing.connection.Connection[object, object]") -> None:
    late = 0.0
    while not over.is_set():
        before = time.monotonic()
        time.sleep(NAP)
        late = max(late, time.monotonic() - before - NAP)
    told.send(late)


def _waits(service: Started, end: float) -> Iterator[Wait]:
    with _connected(service.port) as kept:
        while time.monotonic() < end:
            yield _wait(service, kept)
            time.sleep(REST)
            yield _wait(service, None)
            time.sleep(REST)


def _wait(service: Started, kept: socket.socket | None) -> Wait:
    """One question on the connection that is kept, or on a new one."""
    unserved, began = service.unserved + unserved_of("self"), time.monotonic()
    is_answered = False
    with suppress(OSError), nullcontext(kept) if kept else _connected(service.port) as one:
        is_answered = _is_answered(one)
    ended = time.monotonic()
    unserved = service.unserved + unserved_of("self") - unserved
    return Wait((ended - began) * 1e3, unserved * 1e3, kept is not None, is_answered)


def _connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=30)


def _is_answered(one: socket.socket) -> bool:
    """Whether the question is answered there; the answer is JSON and ends with a brace."""
    one.sendall(_QUESTION)
    received = one.recv(65_536)
    while received and not received.endswith(b"}"):
        received += one.recv(65_536)
    return received.startswith(b"HTTP/1.1 200")


def main(argv: Sequence[str]) -> int:
    """All attacks one after the other; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.visitors", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each attack")
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS), choices=list(ATTACKS))
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "KALSHI_ENV": "sim",
            "BOT_INTERVAL": str(INTERVAL),
            "API_TOKEN": TOKEN,
            "LOG_DIR": f"{folder}/logs",
        }
        with Nursery().running(Path(folder), settings) as service:
            service.wait_for(lambda status: status["loop_count"] > 1, "cycles end")
            return _all(service, wanted.attacks, wanted.seconds)


def _all(service: Started, attacks: Sequence[str], seconds: float) -> int:
    failed = []
    for name in attacks:
        found = outcome(service, name, seconds)
        say(found.line())
        if not found.is_held:
            failed.append(name)
    if failed:
        say(f"FAILED under {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TrialFailed as error:
        sys.exit(f"FAILED {error}")
