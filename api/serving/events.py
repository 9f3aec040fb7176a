"""Pushes the state: one frame for each snapshot, encoded once and sent to all who listen.

A frame is a server-sent event with the JSON of `/state/full` as data and the tag of it as id. Who
listens waits for the next snapshot and gets the newest there is: one who is slow misses frames and
never queues them, and one who takes nothing at all is closed by the bounds of its connection
(`api.serving.connections`). FastAPI's own event stream encodes for every listener.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.serving.connections import most_connections
from bot.dashboard.snapshot import Snapshot, SnapshotHolder

#: Seconds after which something is sent, so that a proxy does not take the line for dead.
HEARTBEAT: Final = 15.0
#: What a listener is sent first: the milliseconds after which it should come back.
GREETING: Final = b"retry: 3000\n\n"
_BEAT: Final = b": \n\n"
MEDIA_TYPE: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Frame:
    """A snapshot as an event; `name` is its tag without the quotes."""

    snapshot: Snapshot
    name: str
    message: Message

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Frame":
        """The event of a snapshot: JSON has no line breaks, so its data is one line."""
        name = snapshot.etag.strip('"')
        head = f"event: state\nid: {name}\ndata: ".encode()
        return cls(snapshot, name, _part(head + snapshot.body + b"\n\n"))


class Listeners:
    """Who listens now, at most `most`; others are asked to come back later."""

    def __init__(
        self,
        snapshot_holder: SnapshotHolder,
        ended: Callable[[], Awaitable[object]],
        heartbeat: float = HEARTBEAT,
        most: int | None = None,
    ) -> None:
        """`ended` returns once the service ends."""
        self._snapshot_holder = snapshot_holder
        self._ended = ended
        self._heartbeat = heartbeat
        self.most = most_connections() // 2 if most is None else most
        self._count = 0
        self._frame = Frame.of(snapshot_holder.snapshot)

    def __len__(self) -> int:
        return self._count

    @property
    def has_room(self) -> bool:
        """Whether one more may listen."""
        return self._count < self.most

    @property
    def frame(self) -> Frame:
        """The snapshot that is shown, as an event."""
        snapshot = self._snapshot_holder.snapshot
        if snapshot is not self._frame.snapshot:
            self._frame = Frame.of(snapshot)
        return self._frame

    async def listen(self, known: str | None, receive: Receive, send: Send) -> None:
        """Send every snapshot but the `known` one, until the client or the service goes."""
        self._count += 1
        try:
            async with asyncio.TaskGroup() as group:
                ends = (self._ended(), _gone(receive), self._push(known, send), self._beat(send))
                tasks = {group.create_task(_done(end)) for end in ends}
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        finally:
            self._count -= 1

    async def _push(self, known: str | None, send: Send) -> None:
        await send(_part(GREETING))
        while True:
            frame = self.frame
            if frame.name != known:
                known = frame.name
                await send(frame.message)
            else:
                await self._snapshot_holder.newer()

    async def _beat(self, send: Send) -> None:
        # A task of its own: a deadline for each frame would cost as much as sending it.
        while True:
            await asyncio.sleep(self._heartbeat)
            await send(_part(_BEAT))


class EventStream(Response):
    """The answer to one who listens."""

    media_type = MEDIA_TYPE

    def __init__(self, listeners: Listeners, known: str | None) -> None:
        # No cache keeps what never ends, and no proxy gathers it.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._listeners = listeners
        self._known = known

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002  # what every answer is given
        receive: Receive,
        send: Send,
    ) -> None:
        """Send events until somebody goes."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._listeners.listen(self._known, receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _done(end: Awaitable[object]) -> None:
    await end


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
