"""What it costs to push a state to 500 who listen, next to the least an ASGI app can do.

`python -m bench.events [--listeners N] [--seconds S] [--rounds N]`

Both send the same bytes to every listener, four times a second; the clients are a process of their
own. Counted is the processor time of the serving process for each frame to all. The floor waits
for one event and sends what it was given.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.deps import ServiceFacts
from api.serving.events import Frame
from bench import sample
from bench.common import Round, in_turn, machine, ratio, say
from bench.server import Server, running
from bench.service import services
from bot.dashboard.snapshot import Snapshot, SnapshotHolder

PATH: Final = "/events"
#: Seconds between two frames.
EVERY: Final = 0.25
#: Seconds in which all must be there.
PATIENCE: Final = 20.0
#: Milliseconds that a frame to all may cost.
LIMIT: Final = 20.0


class Cost(NamedTuple):
    """Milliseconds of processor time for each frame to all, and the frames of each listener."""

    per_frame: float
    frames: float


def pushing(most: str) -> FastAPI:
    """The service's own app with a state that changes all the time, and room for so many."""
    holder = sample.snapshot_holder()

    @asynccontextmanager
    async def opened() -> AsyncIterator[object]:
        async with _changing(holder):
            yield services(holder)

    app = create_app(opened, ServiceFacts(version="0", environment="test", mode="paper"))  # type: ignore[arg-type]  # as far as they are asked
    show = app.show

    def roomy(*arguments: object) -> object:
        holds = show(*arguments)  # type: ignore[arg-type]
        app.state.listeners.most = int(most)
        return holds

    app.show = roomy  # type: ignore[method-assign, assignment]
    return app


def floor() -> ASGIApp:
    """An app that sends the frame of every change to all who asked, and does nothing else."""
    holder = sample.snapshot_holder()
    started: list[asyncio.Task[None]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _lifespan(receive, send)
        if not started:
            started.append(asyncio.create_task(_change(holder)))
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        message = Frame.of(holder.snapshot).message
        while True:
            await holder.newer()
            await send(message)

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@asynccontextmanager
async def _changing(holder: SnapshotHolder) -> AsyncIterator[None]:
    task = asyncio.create_task(_change(holder))
    try:
        yield
    finally:
        task.cancel()


async def _change(holder: SnapshotHolder) -> None:
    shown, number = holder.snapshot, 0
    while True:
        await asyncio.sleep(EVERY)
        number += 1
        holder.snapshot = _renamed(shown, number)


def _renamed(shown: Snapshot, number: int) -> Snapshot:
    return replace(shown, etag=f'"{number:024x}"')


class Crowd:
    """So many who listen to one server for some seconds."""

    def __init__(self, server: Server, listeners: int, seconds: float) -> None:
        self._server = server
        given = (str(server.port), str(listeners), str(seconds))
        self._command = [sys.executable, "-m", "bench.events", "--listen", *given]

    def __call__(self) -> Cost:
        """Listen, in another process; counted is from when all are there."""
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True) as crowd:
            assert crowd.stdout is not None
            crowd.stdout.readline()
            before = self._server.cpu_seconds
            frames = json.loads(crowd.stdout.readline())
            spent = self._server.cpu_seconds - before
        return Cost(spent / frames * 1e3, frames)


async def listen(port: int, listeners: int, seconds: float) -> None:
    """Read what comes to so many connections; says when all are there, and the mean of frames."""
    counts = [0] * listeners
    ready = asyncio.Semaphore(0)

    async def one(place: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(f"GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        while True:
            await reader.readuntil(b"\n\n")
            counts[place] += 1
            if counts[place] == 2:
                ready.release()

    async with asyncio.timeout(seconds + PATIENCE), asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(place)) for place in range(listeners)]
        for _ in tasks:
            await ready.acquire()
        before = sum(counts)
        say("ready")
        await asyncio.sleep(seconds)
        say(json.dumps((sum(counts) - before) / listeners))
        for task in tasks:
            task.cancel()


def main(argv: list[str]) -> int:
    """Prints milliseconds per frame and the ratio; 1 if a frame costs more than it may."""
    if argv[:1] == ["--listen"]:
        asyncio.run(listen(int(argv[1]), int(argv[2]), float(argv[3])))
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args(argv)
    count = wanted.listeners
    body = len(Frame.of(sample.snapshot_holder().snapshot).message["body"])
    say(f"{PATH} to {count} listeners, {body:,} bytes a frame ({machine()})")
    with (
        running("bench.events:pushing", str(4 * count)) as ours,
        running("bench.events:floor") as bare,
    ):
        crowds = (Crowd(one, count, wanted.seconds) for one in (ours, bare))
        rounds = in_turn(*crowds, wanted.rounds)
    worst = max(one.ours.per_frame for one in rounds)
    say(f"a frame to all costs at most {worst:.1f} ms of processor time (limit {LIMIT:g})")
    costs = [Round(one.ours.per_frame, one.theirs.per_frame) for one in rounds]
    say(f"processor time against the floor: {ratio(costs)}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
