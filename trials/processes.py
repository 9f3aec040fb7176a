"""Real processes for trials: the service, and the exchange it trades on.

The service is forked from a process that has imported everything, so that one starts in a blink
and hundreds can be killed. It is `uvicorn main:app` all the same: its own process, settings from
its environment, a port of its own, its words in a file.
"""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from bot.clock import SystemClock
from bot.kalshi.auth import Signer
from bot.model import scorer
from trials.restless import Restless

ROOT: Final = Path(__file__).parents[1]
HOST: Final = "127.0.0.1"
#: What a POST to a service on trial must bring.
TOKEN: Final = "a-token-for-trials"
#: Seconds within which a process does what is waited for.
PATIENCE: Final = 60.0
_KEPT: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


class TrialFailed(Exception):  # noqa: N818  # a verdict, not a mishap
    """A promise was broken; the message says which."""


Found = TypeVar("Found")


def until(
    condition: Callable[[], Found | None],
    what: str,
    seconds: float = PATIENCE,
    every: float = 0.01,
) -> Found:
    """What the condition gives once it is true; other processes set no event to wait for."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TrialFailed(f"within {seconds:g} s it did not happen: {what}")
        time.sleep(every)
    return found


def fill_line(name: str, ticker: str, side: str, amounts: Sequence[str]) -> str:
    """A fill in words; amounts are size, price and fee, as decimals however they are written."""
    return f"{name} {side} {ticker} {' '.join(f'{Decimal(one).normalize():f}' for one in amounts)}"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Exchange:
    """A simulated exchange that listens, and the key that may trade there."""

    address: str
    key_file: Path

    @property
    def keys(self) -> Mapping[str, str]:
        """The settings that trade with its key."""
        key = json.loads(self.key_file.read_text())
        return {"KALSHI_API_KEY": key["key_id"], "KALSHI_SECRET": key["private_key"]}

    def fills(self) -> set[str]:
        """All fills of the account by the exchange's own record, a line each."""
        return {
            fill_line(
                one["fill_id"],
                one["ticker"],
                {"bid": "buy", "ask": "sell"}[one["book_side"]],
                (one["count_fp"], one["yes_price_dollars"], one["fee_cost"]),
            )
            for one in self._listed("fills")
        }

    def resting(self) -> list[str]:
        """The client order ids of what rests of the account."""
        return [one["client_order_id"] for one in self._listed("orders", status="resting")]

    def _listed(self, what: str, **asked: str) -> Iterator[dict[str, Any]]:
        keys, path = self.keys, f"/portfolio/{what}"
        signer = Signer(keys["KALSHI_API_KEY"], keys["KALSHI_SECRET"], SystemClock())
        cursor = ""
        while True:
            headers = signer.headers("GET", httpx.URL(self.address).path + path)
            params = {**asked, "limit": "1000", "cursor": cursor}
            answer = httpx.get(f"{self.address}{path}", params=params, headers=headers)
            page = answer.raise_for_status().json()
            yield from page[what] or ()
            cursor = page["cursor"]
            if not cursor:
                return


@contextmanager
def exchange(folder: Path, *arguments: str) -> Iterator[Exchange]:
    """The simulated exchange in a process of its own."""
    keys = folder / "keys.json"
    command = [sys.executable, "-m", "bot", "simulate", "--port", "0", "--keys", str(keys)]
    with (
        (folder / "exchange.txt").open("w") as errors,
        subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise TrialFailed((folder / "exchange.txt").read_text())
            yield Exchange(line.split()[-1], keys)
        finally:
            process.terminate()


class Nursery:
    """Starts services."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["api.app", "bot.app.bootstrap", "uvicorn.protocols.http.httptools_impl", "uvloop"]
        )

    def start(
        self, folder: Path, settings: Mapping[str, str], *, restless: bool = False
    ) -> "Started":
        """A service with these settings, and no others; its words go to `stdout.txt` there.

        A restless one trades in every pass: its model is `trials.restless`, all else is the same.
        """
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = self._context.Process(
            target=_serve,
            args=(port, str(folder), {**checkpoint, **settings}, restless),
            daemon=True,
        )
        process.start()
        return Started(process, port, folder)

    @contextmanager
    def running(
        self, folder: Path, settings: Mapping[str, str], *, restless: bool = False
    ) -> Iterator["Started"]:
        """Such a service for as long as the block."""
        service = self.start(folder, settings, restless=restless)
        try:
            yield service
        finally:
            service.end()


class Started:
    """A service that was started."""

    def __init__(self, process: BaseProcess, port: int, folder: Path) -> None:
        self.folder = folder
        self.port = port
        self._process = process
        self._client = httpx.Client(base_url=f"http://{HOST}:{port}", timeout=10)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def peak(self) -> float:
        """The most megabytes it ever held in memory, as Linux tells it."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1_024

    def forget_peak(self) -> None:
        """Let the peak begin anew with what it holds now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    @property
    def unserved(self) -> float:
        """Seconds so far in which it was ready to run and the machine ran something else."""
        return unserved_of(str(self._process.pid))

    @property
    def cpu_seconds(self) -> float:
        """Processor time it took so far, as Linux tells it."""
        ticks = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def words(self) -> str:
        """All it said."""
        return (self.folder / "stdout.txt").read_text()

    def get(self, path: str) -> dict[str, Any] | None:
        """The JSON of a GET; None while nobody answers."""
        with suppress(httpx.TransportError):
            answer: dict[str, Any] = self._client.get(path).json()
            return answer
        return None

    def text(self, path: str) -> str:
        """The text of a GET."""
        return self._client.get(path).text

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self._client.base_url)

    def post(self, path: str) -> None:
        """A POST that must succeed."""
        answer = self._client.post(path, headers={"authorization": f"Bearer {TOKEN}"})
        if answer.is_error:
            raise TrialFailed(f"POST {path}: {answer.text}")

    def status(self) -> dict[str, Any]:
        """`/bot/status`, or nothing while nobody answers."""
        return self.get("/bot/status") or {}

    def wait_for(self, condition: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        """The status once it is so."""

        def now() -> dict[str, Any] | None:
            if not self.is_alive:
                raise TrialFailed(f"the service ended by itself:\n{self.words[-2_000:]}")
            status = self.status()
            return status if status and condition(status) else None

        return until(now, what)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at this very instant."""
        self.send(signal.SIGKILL)
        self.gone()

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        if self.is_alive:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        self.gone()

    def gone(self) -> None:
        """Wait until it has ended."""
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            raise TrialFailed("the service did not end within 30 s")
        self._client.close()


def unserved_of(process: str) -> float:
    """Seconds that a process has waited for a processor, as Linux tells it; "self" is this one."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9


def _serve(port: int, folder: str, settings: dict[str, str], restless: bool) -> None:
    """The service, in a process of its own."""
    words = os.open(f"{folder}/stdout.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(words, 1)
    os.dup2(words, 2)
    os.environ.clear()
    os.environ.update(settings)
    # Settings come from here alone: a .env of whoever tries this must not join in.
    os.chdir(folder)
    sys.path.insert(0, str(ROOT))
    import uvicorn  # noqa: PLC0415  # in the child, where it is used

    if restless:
        setattr(scorer, "chosen", lambda *_: Restless())  # noqa: B010  # in this process alone
    uvicorn.run("main:app", host=HOST, port=port, log_level="warning", access_log=False)
