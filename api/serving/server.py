"""uvicorn within bounds: it listens before the bot starts, and no client can hold or fill it.

uvicorn has no limit for what a header may hold, how long a client may take, or how many connections
there are. However it was started (`uvicorn main:app`, workers, `--reload`), it comes through
`Server.startup` once it has loaded the app: there it gets its listening sockets, and protocols with
bounds (`connections`). Leaves out servers other than uvicorn.
"""

import logging
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from api.serving.connections import Room, bounded, most_connections

log: Final = logging.getLogger("uvicorn.error")

#: Seconds that requests have left once the service is told to end.
GRACE: Final = 5
#: What part of all connections may be taken in at once.
ACCEPTED_SHARE: Final = 6


def serve_within_bounds(app: ASGIApp) -> None:
    """Let any uvicorn of this process serve that app so; other apps are served as ever."""
    startup = uvicorn.Server.startup

    async def within_bounds(
        self: uvicorn.Server, sockets: list[socket.socket] | None = None
    ) -> None:
        if not _serves(self.config, app):
            await startup(self, sockets)
            return
        backlog = self.config.backlog
        listening = _listening(self.config, sockets)
        _bound(self.config)
        await startup(self, listening)
        for one in listening or ():
            one.listen(backlog)
        if sockets is None and listening is not None:
            _say(self.config, listening)

    setattr(uvicorn.Server, "startup", within_bounds)  # noqa: B010  # to mypy, methods are fixed


def _serves(config: uvicorn.Config, app: ASGIApp) -> bool:
    """Whether it is that app, whatever uvicorn has put around it."""
    served: Any = config.loaded_app
    while served is not None and served is not app:
        served = getattr(served, "app", None)
    return served is app


def _bound(config: uvicorn.Config) -> None:
    most = most_connections()
    room = Room(most)
    # The loop of asyncio takes in so many at a time, before any can be turned away. How many may
    # queue outside is set anew once it listens.
    config.backlog = min(config.backlog, most // ACCEPTED_SHARE)
    config.http_protocol_class = bounded(config.http_protocol_class, room)
    # There is nothing to open a WebSocket for; a request for one is a GET.
    config.ws_protocol_class = None
    config.timeout_graceful_shutdown = config.timeout_graceful_shutdown or GRACE


def _listening(
    config: uvicorn.Config, sockets: list[socket.socket] | None
) -> list[socket.socket] | None:
    """The sockets to serve, listening: of two services with one port, only one gets so far.

    None where uvicorn has a file descriptor or a Unix socket of its own. Ends the process if the
    port is taken: nothing of the service has started by then.
    """
    if sockets is None and (config.fd is not None or config.uds is not None):
        return None
    try:
        if sockets is None:
            return _opened(config.host, config.port, config.backlog)
        for one in sockets:
            one.listen(config.backlog)
    except OSError as error:
        reason = error.strerror or error
        log.error("Cannot listen on %s port %s: %s", config.host, config.port, reason)  # noqa: TRY400
        sys.exit(STARTUP_FAILURE)
    return sockets


def _opened(host: str, port: int, backlog: int) -> list[socket.socket]:
    """A listening socket for each address of the host."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, str(place[0])) for family, _, _, _, place in found)
    opened: list[socket.socket] = []
    try:
        for family, address in addresses:
            # Port 0 is any free one: the same for all addresses.
            number = port or (opened[0].getsockname()[1] if opened else 0)
            opened.append(socket.create_server((address, number), family=family, backlog=backlog))
    except OSError:
        for one in opened:
            one.close()
        raise
    return opened


def _say(config: uvicorn.Config, sockets: Sequence[socket.socket]) -> None:
    """What uvicorn says of sockets that it opened itself."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    port = sockets[0].getsockname()[1]
    scheme = "https" if config.ssl else "http"
    log.info("Uvicorn running on %s://%s:%d (Press CTRL+C to quit)", scheme, host, port)
