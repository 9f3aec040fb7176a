"""`python -m trials.fuzz`: odd answers of the exchange against the real client.

Each case takes a sound answer, spoils it in a way that knows its structure (fields and elements
left out, doubled, swapped, replaced by what is hard to read), packs it for the wire in a sound or
spoilt way, and asks the client for it. What comes must be a value or an ExchangeError of one
bounded line, within bounded time and memory. Hypothesis chooses, and shrinks what fails.
"""

import argparse
import asyncio
import logging
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import httpx
import stamina
from hypothesis import HealthCheck, Phase, given, settings

from bot.clock import RecordedClock
from bot.kalshi.calls import Calls
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.requests import KalshiTrading
from bot.ports.exchange import LONGEST_REASON, ExchangeError
from trials.fuzz_cases import Case, cases
from trials.fuzz_questions import NOON, QUESTIONS

#: Seconds one case may take, and megabytes a process of ROUND cases may grow by.
MOST_SECONDS: Final = 2.0
MOST_MEGABYTES: Final = 250.0
#: Cases of one process: Hypothesis remembers what it tried, and memory is the client's to grow.
ROUND: Final = 5_000
BASE: Final = "https://exchange.invalid/trade-api/v2"


@dataclass(slots=True)
class Outcomes:
    """What came of the cases."""

    values: int = 0
    errors: int = 0
    slowest: float = 0.0
    by_question: Counter[str] = field(default_factory=Counter)


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, chunk: int) -> None:
        self._body = body
        self._chunk = chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._chunk):
            yield self._body[start : start + self._chunk]


class Client:
    """The real clients on a transport that answers every request with the case at hand."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._asked = 0
        self._runner = asyncio.Runner()
        self.outcomes = Outcomes()

    def close(self) -> None:
        """End its event loop."""
        self._runner.close()

    def hold(self, case: Case) -> None:
        """Ask, and hold what comes to the promise. Raises AssertionError, or whatever broke."""
        self._case, self._asked = case, 0
        # Of the processor: on the wall a busy machine would fail the client.
        start = time.process_time()
        try:
            self._runner.run(self._ask(case.question))
            self.outcomes.values += 1
        except ExchangeError as error:
            self.outcomes.errors += 1
            told = str(error)
            if not told or len(told) > LONGEST_REASON + 1 or not told.isprintable():
                raise AssertionError(f"no bounded line: {told[:300]!r}") from error
        took = time.process_time() - start
        self.outcomes.slowest = max(self.outcomes.slowest, took)
        self.outcomes.by_question[case.question] += 1
        if took > MOST_SECONDS:
            raise AssertionError(f"{took:.1f} s for one answer")

    async def _ask(self, question: str) -> object:
        ask, _ = QUESTIONS[question]
        async with open_http(BASE, httpx.MockTransport(self._answer)) as http:
            budget = TokenBudget(lambda: 0.0, capacity=1e9)
            calls = Calls(http, budget)
            client = KalshiClient(http, budget, RecordedClock(NOON))
            return await ask(client, KalshiTrading(calls, calls))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        case = self._case
        self._asked += 1
        if case is None or self._asked > MOST_REQUESTS:
            raise AssertionError(f"more than {MOST_REQUESTS} requests: {request.url}")
        return httpx.Response(
            case.status, headers=list(case.headers), stream=_Body(case.body, case.chunk)
        )


#: Requests one question may lead to, whatever is answered.
MOST_REQUESTS: Final = 60


def fuzz(count: int, *, is_random: bool) -> Outcomes:
    """So many cases, the same ones each time unless they are random.

    Raises AssertionError, or what broke, with the smallest case that does it.
    """
    client = Client()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not is_random,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def hold(case: Case) -> None:
        client.hold(case)

    try:
        # What may pass by itself is asked again, without a wait.
        with stamina.set_testing(True, attempts=2):
            hold()
    finally:
        client.close()
    return client.outcomes


def _resident() -> float:
    """The most megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def measured(count: int) -> tuple[Outcomes, float]:
    """So many random cases, and the megabytes by which this process grew at most."""
    logging.getLogger("main").setLevel(logging.ERROR)
    stamina.instrumentation.set_on_retry_hooks([])
    before = _resident()
    return fuzz(count, is_random=True), _resident() - before


def in_rounds(count: int) -> tuple[Outcomes, float]:
    """The same in processes one after the other: the sum, and the most that any of them grew."""
    whole, most = Outcomes(), 0.0
    spawn = multiprocessing.get_context("spawn")
    rounds = [min(ROUND, count - start) for start in range(0, count, ROUND)]
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for outcomes, grown in pool.map(measured, rounds):
            whole.values += outcomes.values
            whole.errors += outcomes.errors
            whole.slowest = max(whole.slowest, outcomes.slowest)
            whole.by_question += outcomes.by_question
            most = max(most, grown)
    return whole, most


def main(argv: Sequence[str]) -> int:
    """So many cases; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    wanted = parser.parse_args(argv)
    start = time.monotonic()
    outcomes, grown = in_rounds(wanted.cases)
    sys.stdout.write(
        f"{sum(outcomes.by_question.values())} cases in {time.monotonic() - start:.0f} s: "
        f"{outcomes.values} values, {outcomes.errors} errors of the exchange, nothing else; the "
        f"slowest took {outcomes.slowest:.2f} s; no process grew by more than {grown:.0f} MB\n"
    )
    if grown > MOST_MEGABYTES:
        sys.stdout.write(f"FAILED more than {MOST_MEGABYTES:.0f} MB\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
