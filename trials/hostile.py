"""`python -m trials.hostile`: the service on an exchange that sends too much; memory stays bounded.

Each attack has a service of its own, whose exchange answers part of what it is asked with a
hundred megabytes, a gzip bomb, or as much as is just let through. Prints the most memory the
service ever held; fails above the limit, and if the service does not say what is wrong.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

from trials.processes import HOST, Nursery, Started, TrialFailed, until

#: Megabytes that a service may hold whatever it is sent.
MOST: Final = 512.0
SECONDS: Final = 20.0
_MEGABYTE: Final = 2**20
_LEVEL: Final = b'["0.3400","60.25"],'
_ENTRY: Final = b'{"ticker":"KXRAIN-A","status":"active","volume_24h_fp":"1.00","x":[1,2,3]},'

Body = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Attack:
    """What is answered, in place of something sound, to requests whose path begins so."""

    name: str
    path: str
    body: Body
    is_gzip: bool = False


def _megabytes(
    count: int, piece: bytes, before: bytes = b"", after: bytes = b""
) -> Iterator[bytes]:
    part = piece * (_MEGABYTE // len(piece))
    yield before
    for _ in range(count):
        yield part
    yield after


def _packed(body: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    for part in body:
        yield packer.compress(part)
    yield packer.flush()


def _listing() -> Iterator[bytes]:
    return _megabytes(100, _ENTRY, b'{"cursor":"","markets":[', b"null]}")


@cache
def _bomb_bytes() -> bytes:
    return b"".join(_packed(_megabytes(300, _ENTRY, b'{"cursor":"","markets":[', b"null]}")))


def _bomb() -> Iterator[bytes]:
    yield _bomb_bytes()


def _levels(count: int) -> Iterator[bytes]:
    before = b'{"orderbooks":[{"ticker":"KXRAIN-00","orderbook_fp":{"no_dollars":[],"yes_dollars":['
    yield before + _LEVEL * (count - 1) + _LEVEL[:-1] + b"]}}]}"


def _titles() -> Iterator[bytes]:
    market = {**_market(0), "title": "\U0001f600" * (1_900_000 // 2)}
    yield json.dumps({"markets": [market], "cursor": ""}, ensure_ascii=False).encode()


def _market(number: int) -> dict[str, object]:
    return {
        "ticker": f"KXRAIN-{number:02d}",
        "event_ticker": "KXRAIN",
        "title": "Rain",
        "yes_sub_title": "Rain",
        "status": "active",
        "open_time": "2020-01-01T00:00:00Z",
        "close_time": "2900-01-01T00:00:00Z",
        "volume_24h_fp": f"{100 - number}.00",
        "open_interest_fp": "1.00",
        "result": "",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    }


def _endless() -> Iterator[bytes]:
    """A page of a listing that goes on for ever, each with markets never listed before."""
    page = next(_PAGES)
    entry = b'{"ticker":"%x","status":"active","volume_24h_fp":"1"},'
    entries = (entry % (page * _ENTRIES + number) for number in range(_ENTRIES))
    yield b'{"cursor":"%d","markets":[' % page + b"".join(entries)[:-1] + b"]}"


def _grids() -> Iterator[bytes]:
    """Markets whose price grids have thousands of steps, and are others in each answer."""
    page = next(_PAGES)
    steps = [
        {"start": f"0.{page:06d}", "end": f"0.{step:06d}1", "step": "0.01"}
        for step in range(page + 1, page + _STEPS)
    ]
    markets = [
        {**_market(number), "price_ranges": [*steps, {**steps[0], "step": f"0.{number + 1:05d}"}]}
        for number in range(20)
    ]
    yield json.dumps({"markets": markets, "cursor": ""}).encode()


#: Numbers of pages that are never the same, and what is just let through on one.
_PAGES: Final = count(1)
_ENTRIES: Final = 120_000
_STEPS: Final = 5_000


ATTACKS: Final = (
    Attack("100 MB of JSON to everything", "/", _listing),
    Attack("a gzip bomb of 300 MB to everything", "/", _bomb, is_gzip=True),
    Attack("a gzip bomb of 300 MB for books", "/markets/orderbooks", _bomb, is_gzip=True),
    Attack("a book of 120,000 levels", "/markets/orderbooks", lambda: _levels(120_000)),
    Attack("a title of 3.8 MB", "/markets?", _titles),
    Attack("a listing without end", "/markets?limit=1000", _endless),
    Attack("long price grids, always others", "/markets?tickers", _grids),
)


def _sound(path: str) -> bytes:
    if path.startswith("/markets?"):
        return json.dumps({"markets": [_market(n) for n in range(20)], "cursor": ""}).encode()
    return b'{"orderbooks":[],"events":[],"trades":[],"cursor":""}'


@contextmanager
def hostile(attack: Attack) -> Iterator[tuple[str, Callable[[], int]]]:
    """The address of such an exchange, and how often it attacked so far."""
    loop = asyncio.new_event_loop()
    attacks = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attacks
        with suppress(ConnectionError, asyncio.IncompleteReadError), closing(writer):
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ")[1].decode()
            is_attack = path.startswith(attack.path)
            attacks += is_attack
            packing = b"Content-Encoding: gzip\r\n" if is_attack and attack.is_gzip else b""
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + packing + b"\r\n")
            for part in attack.body() if is_attack else [_sound(path)]:
                writer.write(part)
                await writer.drain()

    server = loop.run_until_complete(asyncio.start_server(answer, HOST, 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{port}", lambda: attacks
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(_ended(server))
        loop.close()


def _faulty(service: Started) -> dict[str, Any] | None:
    """Its health, once that gives a reason."""
    health = service.get("/health")
    return health if health and health["reasons"] else None


async def _ended(server: asyncio.Server) -> None:
    """Close it, and break off what it is still sending."""
    server.close()
    answers = asyncio.all_tasks() - {asyncio.current_task()}
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


def held(attack: Attack, folder: Path, seconds: float) -> tuple[float, str]:
    """The most megabytes a service held under this attack, and what it says is wrong."""
    with hostile(attack) as (address, attacks):
        settings = {
            "KALSHI_ENV": "sim",
            "KALSHI_BASE_URL": address,
            "BOT_INTERVAL": "2",
            "LOG_DIR": str(folder / "logs"),
            "DATABASE_URL": f"sqlite:///{folder}/kept.db",
        }
        with Nursery().running(folder, settings) as service:
            until(attacks, "the service asks the exchange")
            time.sleep(seconds)
            health = until(lambda: service.get("/health"), "the service answers")
            with suppress(TrialFailed):
                health = until(lambda: _faulty(service), "the service says what is wrong")
            return service.peak, "; ".join(health["reasons"])


def main(argv: Sequence[str]) -> int:
    """All attacks one after the other; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    wanted = parser.parse_args(argv)
    failed = False
    for attack in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            peak, reported = held(attack, Path(folder), wanted.seconds)
        sys.stdout.write(
            f"{attack.name}: {peak:.0f} MB at most; it says: {reported[:200] or 'ok'}\n"
        )
        sys.stdout.flush()
        failed = failed or peak > MOST
    if failed:
        sys.stdout.write(f"FAILED more than {MOST:.0f} MB\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
