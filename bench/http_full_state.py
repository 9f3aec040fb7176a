"""How fast `/state/full` is answered, next to the least an ASGI app can do.

`python -m bench.http_full_state [--seconds S] [--rounds N]`

The floor sends the same bytes and headers, whatever is asked. Rates depend on the machine and on
the client beside the server; the processor time per answer is the server's own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.common import Round, in_turn, machine, ratio, say
from bench.load import Load, ask
from bench.server import Server, commit_pass, running

PATH: Final = "/state/full"


class Cost(NamedTuple):
    """What a server bore, and its processor time per answer in microseconds."""

    load: Load
    per_answer: float


class Question:
    """A GET with its headers, asked of one server for some seconds."""

    def __init__(self, server: Server, seconds: float, headers: Sequence[str] = ()) -> None:
        self._server = server
        self._command = [sys.executable, "-m", "bench.load", str(server.port), PATH]
        self._command += [str(seconds), *headers]

    def __call__(self) -> Cost:
        """Ask, in another process."""
        before = self._server.cpu_seconds
        asked = subprocess.run(self._command, check=True, stdout=subprocess.PIPE)
        load = Load(**json.loads(asked.stdout))
        return Cost(load, (self._server.cpu_seconds - before) / load.answers * 1e6)


def main(argv: list[str]) -> int:
    """Prints requests per second of both, and ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.http_full_state", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args(argv)
    say(f"/state/full against a bare ASGI app ({machine()})")
    with running("bench.service:ours") as ours, tempfile.TemporaryDirectory() as folder:
        answer = ask(ours.port, PATH, [])
        commit_pass(answer, Path(folder) / "answer.json")
        etag = dict(answer.headers)["etag"]
        say(f"{len(answer.body):,} bytes, {len(answer.headers)} headers, 32 connections")
        with running("bench.server:floor", f"{folder}/answer.json") as floor:
            bare = Question(floor, wanted.seconds)
            for name, headers in (
                ("200", []),
                ("200 gzip", ["Accept-Encoding: gzip"]),
                ("304", [f"If-None-Match: {etag}"]),
            ):
                asked = Question(ours, wanted.seconds, headers)
                say(_compared(name, in_turn(asked, bare, wanted.rounds)))
        with running("bench.service:unbounded") as unbounded:
            known = [f"If-None-Match: {etag}"]
            asked, bare = (Question(one, wanted.seconds, known) for one in (ours, unbounded))
            say("304 against the same app served without bounds for connections")
            say(_compared("304", in_turn(asked, bare, wanted.rounds)))
    return 0


def _compared(name: str, rounds: Sequence[Round[Cost]]) -> str:
    rates = [Round(one.ours.load.rate, one.theirs.load.rate) for one in rounds]
    # Time per answer, turned over: more is better here as well.
    costs = [Round(one.theirs.per_answer, one.ours.per_answer) for one in rounds]
    ours, bare = median(one.ours for one in rates), median(one.theirs for one in rates)
    p99 = median(one.ours.load.p99 for one in rounds)
    return (
        f"{name:8}  {ours:8,.0f}/s (p99 {p99:.1f} ms), bare {bare:8,.0f}/s: {ratio(rates)} of it; "
        f"by processor time {median(c.theirs for c in costs):.0f} us, {ratio(costs)} of it"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
