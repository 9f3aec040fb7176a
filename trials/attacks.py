"""What hostile visitors do to a port, one table: each goes on for some seconds, without a token.

`python -m trials.attacks NAME PORT SECONDS` does one of them.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Final

HOST: Final = "127.0.0.1"
_MEGABYTE: Final = 1_000_000
_HEAD: Final = b"%s %s HTTP/1.1\r\nHost: localhost\r\n"
#: Bytes that one visitor sends at most.
_MOST: Final = 300 * _MEGABYTE
#: New connections at once, and the seconds between two such waves.
_BURST: Final = 300
_BREATH: Final = 0.1
_FOR_EVER: Final = "100000"

Attack = Callable[[int, float], None]


def _get(path: bytes = b"/state/full", method: bytes = b"GET") -> bytes:
    return _HEAD % (method, path)


def _endless(start: bytes, more: bytes) -> Attack:
    """One connection that begins so and goes on so, as fast as it can."""

    def attack(port: int, end: float) -> None:
        sent, piece = 0, more * (65_536 // len(more))
        while time.monotonic() < end and sent < _MOST:
            with suppress(OSError), socket.create_connection((HOST, port), 2) as one:
                one.sendall(start)
                while time.monotonic() < end and sent < _MOST:
                    one.sendall(piece)
                    sent += len(piece)
            time.sleep(0.001)

    return attack


def _held(count: int, start: bytes, drip: bytes = b"") -> Attack:
    """So many connections that begin so, take nothing, and drip on."""

    def attack(port: int, end: float) -> None:
        held = list(_opened(port, count, start))
        for one in cycle(held or [None]):
            if time.monotonic() > end:
                break
            time.sleep(0.002)
            with suppress(OSError):
                if one is not None and drip:
                    one.send(drip)

    return attack


def _opened(port: int, count: int, start: bytes) -> Iterator[socket.socket]:
    for _ in range(count):
        with suppress(OSError):
            one = socket.create_connection((HOST, port), 2)
            one.settimeout(0.1)
            one.sendall(start)
            yield one


def _repeated(request: bytes) -> Attack:
    """A connection after the other with the same."""

    def attack(port: int, end: float) -> None:
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection((HOST, port), 2) as one:
                one.sendall(request)
                one.recv(1_000)

    return attack


def _burst(request: bytes, count: int = _BURST) -> Attack:
    """So many new connections at once, over and over, each with one request."""

    async def one(port: int) -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request)
            await reader.read(1_000)
            writer.transport.abort()

    async def bursts(port: int, end: float) -> None:
        while time.monotonic() < end:
            await asyncio.gather(*(one(port) for _ in range(count)))
            await asyncio.sleep(_BREATH)

    return lambda port, end: asyncio.run(bursts(port, end))


_CHUNK: Final = b"3e8\r\n" + b"a" * 1_000 + b"\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"
_UPGRADE: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: By name.
ATTACKS: Final[dict[str, Attack]] = {
    "endless_header": _endless(_get(b"/health") + b"X-A: ", b"a"),
    "endless_headers": _endless(_get(b"/health"), b"a:b\r\n"),
    "endless_address": _endless(b"GET /", b"a"),
    "endless_body_post": _endless(_get(b"/bot/stop", b"POST") + _CHUNKED, _CHUNK),
    "endless_body_get": _endless(_get(b"/health") + _CHUNKED, _CHUNK),
    "pipelined": _endless(b"", _get(b"/health") + b"\r\n"),
    "silent": _held(1_500, b""),
    "dripping_header": _held(400, _get(b"/health") + b"X-A: ", b"a"),
    "dripping_body": _held(
        400, _get(b"/bot/stop", b"POST") + b"Content-Length: 9000\r\n\r\n", b"a"
    ),
    "never_reading": _held(200, (_get(b"/openapi.json") + b"\r\n") * 15),
    "held_pages": _held(400, _get() + b"Origin: http://x\r\nIf-None-Match: *\r\n\r\n"),
    "upgrades": _repeated(_get(b"/state/full") + _UPGRADE),
    "refused": _repeated(_get(b"/bot/stop", b"POST") + b"Authorization: Bearer wrong\r\n\r\n"),
    "garbage": _repeated(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    "old_http": _repeated(b"GET /health HTTP/1.0\r\n\r\n"),
    "burst_health": _burst(_get(b"/health") + b"\r\n"),
    "burst_state": _burst(_get() + b"\r\n"),
    "burst_nothing": _burst(_get(b"/nothing") + b"\r\n"),
    "burst_history": _burst(_get(b"/decisions") + b"\r\n"),
    "burst_refused": _burst(_get(b"/bot/stop", b"POST") + b"Authorization: Bearer wrong\r\n\r\n"),
}


@contextmanager
def attacked(port: int, attack: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process of that visitor, for as long as the block."""
    command = [sys.executable, "-m", "trials.attacks", attack, str(port), _FOR_EVER]
    with subprocess.Popen(command) as visitor:
        try:
            yield visitor
        finally:
            visitor.terminate()


if __name__ == "__main__":
    ATTACKS[sys.argv[1]](int(sys.argv[2]), time.monotonic() + float(sys.argv[3]))
