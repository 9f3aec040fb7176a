"""A load client: keep-alive connections, each asking again as soon as it is answered.

Runs in a process of its own: `python -m bench.load PORT PATH SECONDS [HEADER…]` prints a `Load` as
JSON. It reads by length: the answer has the same number of bytes each time, or the measurement
is refused.
"""

import asyncio
import json
import socket
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

CONNECTIONS = 32
WARM_UP = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came: the status line and the head, the body, and its length in all."""

    head: bytes
    body: bytes

    @property
    def length(self) -> int:
        """Bytes on the wire."""
        return len(self.head) + len(self.body)

    @property
    def status(self) -> int:
        """Such as 200."""
        return int(self.head.split(b" ", 2)[1])

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, and values, in order."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = [line.partition(": ") for line in lines if line]
        return [(name.lower(), value) for name, _, value in pairs]


@dataclass(frozen=True, slots=True)
class Load:
    """What a server bore: `rate` in answers per second after the warm-up, `p99` in milliseconds.

    `answers` counts all of them, the warm-up's too.
    """

    rate: float
    p99: float
    answers: int


def request(port: int, path: str, headers: list[str], method: str = "GET") -> bytes:
    """A request without a body as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def ask(port: int, path: str, headers: list[str], method: str = "GET") -> Answer:
    """One answer, read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request(port, path, [*headers, "Connection: close"], method))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    # Without "connection: close" the same head comes back to a connection that stays open.
    kept = head.replace(b"\r\nconnection: close", b"")
    return Answer(kept + b"\r\n\r\n", body)


class Asker(asyncio.Protocol):
    """One connection that always has one request under way."""

    def __init__(self, message: bytes, expected: Answer) -> None:
        self._message = message
        self._status = expected.head[:12]
        self._length = expected.length
        self._transport: asyncio.Transport | None = None
        self._due = 0
        self._asked_at = 0.0
        self.waits: list[float] = []
        self.fault = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count bytes; ask again when the answer is whole."""
        if self._due == self._length and not data.startswith(self._status):
            self.fault = f"answered {data[:80]!r} instead of {self._status!r}"
        self._due -= len(data)
        if self._due < 0:
            self.fault = f"an answer of more than {self._length} bytes"
        if self._due <= 0:
            self.waits.append(time.perf_counter() - self._asked_at)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up is not measured."""
        if self._transport is not None and not self._transport.is_closing():
            self.fault = f"the server hung up: {exc}"

    def _ask(self) -> None:
        assert self._transport is not None
        self._due = self._length
        self._asked_at = time.perf_counter()
        self._transport.write(self._message)


async def _load(port: int, path: str, seconds: float, headers: list[str]) -> Load:
    expected = ask(port, path, headers)
    message = request(port, path, headers)
    askers = [Asker(message, expected) for _ in range(CONNECTIONS)]
    loop = asyncio.get_running_loop()
    for asker in askers:
        await loop.create_connection(lambda asker=asker: asker, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(WARM_UP)
    answers = sum(len(asker.waits) for asker in askers)
    for asker in askers:
        asker.waits.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    faults = [asker.fault for asker in askers if asker.fault]
    if faults:
        raise SystemExit(f"bench.load: {path}: {faults[0]}")
    waits = sorted(wait for asker in askers for wait in asker.waits)
    p99 = waits[len(waits) * 99 // 100] * 1000
    return Load(len(waits) / elapsed, p99, answers + len(waits))


def main(argv: list[str]) -> int:
    """Loads a server and prints what it bore."""
    port, path, seconds, *headers = argv
    load = uvloop.run(_load(int(port), path, float(seconds), headers))
    sys.stdout.write(json.dumps(asdict(load)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
