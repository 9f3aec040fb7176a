"""How long `/health` waits while the bot is at work on many markets.

`python -m bench.health [--markets N] [--seconds S] [--rounds N] [--attack NAME]`

The bot of a running service is switched on and off in turn; with it on, cycles follow one
another without a pause, so that every question meets one. One question at a time, a moment
after the last was answered. With `--attack` a visitor of `trials.attacks` is there all the time.
"""

import argparse
import socket
import sys
import time
from contextlib import nullcontext
from statistics import median
from typing import Final

from bench.common import in_turn, machine, say
from bench.load import ask, request
from bench.server import Server, running
from bench.service import AUTHORIZATION
from trials.attacks import attacked

#: Seconds between an answer and the next question.
REST: Final = 0.01


def main(argv: list[str]) -> int:
    """Prints the 99th percentile at work and at rest, in milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m bench.health", description=__doc__)
    parser.add_argument("--markets", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--attack", help="of trials.attacks, such as burst_history")
    wanted = parser.parse_args(argv)
    say(f"/health during cycles of {wanted.markets:,} markets ({machine()})")
    with (
        running("bench.service:at_work", str(wanted.markets)) as server,
        attacked(server.port, wanted.attack) if wanted.attack else nullcontext(),
    ):
        rounds = in_turn(
            lambda: _p99(server, wanted.seconds, at_work=True),
            lambda: _p99(server, wanted.seconds, at_work=False),
            wanted.rounds,
        )
    busy, idle = median(one.ours for one in rounds), median(one.theirs for one in rounds)
    more = median(one.ours - one.theirs for one in rounds)
    say(f"p99 at work {busy:.1f} ms, at rest {idle:.1f} ms: {more:+.1f} ms")
    return 0


def _p99(server: Server, seconds: float, *, at_work: bool) -> float:
    path = f"/bot/{'start' if at_work else 'stop'}"
    switched = ask(server.port, path, [f"Authorization: {AUTHORIZATION}"], method="POST")
    if switched.status != 200:
        raise SystemExit(f"bench.health: {switched.head!r} {switched.body!r}")
    waits = sorted(_waits(server.port, time.perf_counter() + seconds))
    return waits[len(waits) * 99 // 100] * 1000


def _waits(port: int, until: float) -> list[float]:
    message = request(port, "/health", [])
    waits = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        while (started := time.perf_counter()) < until:
            connection.sendall(message)
            received = connection.recv(65536)
            while not received.endswith(b"}"):
                received += connection.recv(65536)
            waits.append(time.perf_counter() - started)
            time.sleep(REST)
    return waits


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
