"""uvicorn within bounds, as a real process that is started as the README says."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from api.serving.connections import MOST_BYTES, Bounds, Room
from trials.processes import free_port

ROOT = Path(__file__).parents[2]
#: Only against a test that would hang.
LONG = 60.0
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def command(port, *more):
    return [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), *more]


def environment(folder, **changes):
    checkpoint = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **checkpoint,
        "KALSHI_ENV": "sim",
        "BOT_INTERVAL": "2",
        "LOG_DIR": str(folder),
        **changes,
    }


@contextmanager
def started(folder, *more, prefix=(), port=None, **changes):
    """A service; yields its port and its process."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(
            [*prefix, *command(port, *more)],
            cwd=ROOT,
            env=environment(folder, **changes),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + LONG
        while b"200 OK" not in said(port, GET + b"\r\n"):
            assert process.poll() is None, (folder / "out.txt").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(LONG) in {0, -signal.SIGTERM}
        finally:
            process.kill()


def said(port, request, until=b"\r\n\r\n"):
    """What the service says to those bytes; all of it until it hangs up if `until` is None."""
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), LONG) as one:
        one.settimeout(LONG)
        one.sendall(request)
        while until is None or until not in answer:
            more = one.recv(65_536)
            if not more:
                break
            answer += more
    return answer


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("server")) as (port, _):
        yield port


@pytest.fixture(scope="module")
def h11(tmp_path_factory):
    with started(tmp_path_factory.mktemp("h11"), "--http", "h11", "--loop", "asyncio") as (port, _):
        yield port


@pytest.fixture(params=["port", "h11"])
def any_port(request):
    return request.getfixturevalue(request.param)


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"3e8\r\n" + b"a" * 1_000 + b"\r\n"
ENDLESS = {
    "header": (GET + b"X-A: ", b"a"),
    "headers": (GET, b"a:b\r\n"),
    "name": (GET, b"a"),
    "address": (b"GET /", b"a"),
    "query": (b"GET /health?", b"a"),
    "method": (b"", b"A"),
    "body of a GET": (GET + CHUNKED, CHUNK),
    "body of a POST": (b"POST /bot/stop HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED, CHUNK),
    "extension": (GET + CHUNKED + b"1;", b"a"),
    "trailer": (GET + CHUNKED + b"0\r\nX: ", b"a"),
    "empty lines": (b"", b"\r\n"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_whoever_never_ends_is_cut_off(any_port, kind):
    start, more = ENDLESS[kind]
    piece = more * (32_768 // len(more) + 1)
    sent = 0
    with socket.create_connection(("127.0.0.1", any_port), LONG) as one, suppress(OSError):
        one.sendall(start)
        while sent < 2_000 * MOST_BYTES:
            one.sendall(piece)
            sent += len(piece)
    assert sent < 2_000 * MOST_BYTES
    assert b"200 OK" in said(any_port, GET + b"\r\n")


def test_so_many_headers_or_requests_at_once_nobody_means(port):
    assert b" 400 " in said(port, GET + b"a: b\r\n" * 200 + b"\r\n")
    assert b" 400 " in said(port, (GET + b"\r\n") * 200, None)
    assert b" 400 " in said(port, b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n")
    assert (
        said(port, (GET + b"\r\n") * 3 + GET + b"Connection: close\r\n\r\n", None).count(b"200 OK")
        == 4
    )


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b" 200 "),
        (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b" 200 "),
        (b"GET /health HTTP/1.0\r\n\r\n", b" 200 "),
        (b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", b" "),
        (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", b" "),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b" "),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b" 400 "),
        (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b" 400 "),
    ],
)
def test_odd_requests_are_answered_as_http(any_port, request_, status):
    assert status in said(any_port, request_).partition(b"\r\n")[0]
    assert b" 200 " in said(any_port, GET + b"\r\n")


@pytest.mark.parametrize("more", [(), ("--http", "h11", "--loop", "asyncio")])
def test_those_who_only_hold_the_line_keep_nobody_out(tmp_path, more):
    few = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    held = []
    with started(tmp_path / "few", *more, prefix=few) as (port, _):
        try:
            for number in range(400):
                one = socket.create_connection(("127.0.0.1", port), LONG)
                held.append(one)
                one.sendall(GET[: number % len(GET)])
            for _ in range(20):
                assert b"200 OK" in said(port, GET + b"\r\n")
        finally:
            for one in held:
                one.close()
        words = (tmp_path / "few" / "out.txt").read_text()
    assert "out of system resource" not in words
    assert words.count("Too many connections") == 1


def test_a_port_that_is_taken_ends_it_before_anything_is_opened(tmp_path, port):
    folder = tmp_path / "second"
    ended = subprocess.run(
        command(port),
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )

    assert ended.returncode == 3
    assert f"Cannot listen on 127.0.0.1 port {port}" in ended.stdout + ended.stderr
    assert "leads now" not in ended.stdout
    assert not folder.exists()


def test_sigterm_reaches_the_service_of_the_procfile(tmp_path):
    line = (ROOT / "Procfile").read_text().partition("web: ")[2].strip()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    port = free_port()
    out = tmp_path / "out.txt"
    with out.open("w") as words:
        shell = subprocess.Popen(
            ["sh", "-c", line],
            cwd=ROOT,
            stdout=words,
            stderr=subprocess.STDOUT,
            env=environment(tmp_path / "logs", PORT=str(port), PATH=path),
        )
    try:
        end = time.monotonic() + LONG
        while b"200 OK" not in said(port, GET + b"\r\n"):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        shell.send_signal(signal.SIGTERM)
        assert shell.wait(LONG) in {0, -signal.SIGTERM}

    assert "Application shutdown complete" in out.read_text()


def test_no_token_in_a_path_reaches_the_log(tmp_path):
    secret = "a-secret-for-who-reads"
    folder = tmp_path / "door"
    with started(folder, API_READ_TOKEN=secret, LOG_LEVEL="DEBUG") as (port, _):
        for path in (f"/r/{secret}/state/full", f"/r/{secret}x/health", f"/%72/{secret}/nothing"):
            said(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert "/state/full" in (folder / "out.txt").read_text()
    assert secret not in (folder / "out.txt").read_text()


class Connection(Bounds):
    """One that notes what becomes of it."""

    def __init__(self):
        self.end = None

    def give_way(self, *, newcomer):
        self.end = "turned away" if newcomer else "closed"


def test_the_one_that_waits_longest_makes_room_and_busy_ones_do_not():
    room, ones = Room(3), [Connection() for _ in range(5)]
    for one in ones[:3]:
        room.enter(one)
    room.busy(ones[0])

    room.enter(ones[3])
    assert [one.end for one in ones] == [None, "closed", None, None, None]
    for one in (ones[2], ones[3]):
        room.busy(one)
    room.enter(ones[4])
    assert ones[4].end == "turned away"
    assert len(room) == 3
    room.leave(ones[0])
    assert len(room) == 2
