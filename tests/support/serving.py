"""An application behind a real port of this machine, served from a thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

#: Seconds; only against a test that would hang.
PATIENCE = 20


@contextmanager
def served(app: Any, port: int = 0, **settings: Any) -> Iterator[str]:
    """Serve an application from a thread; its address. Without a port, on one that is free."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", **settings)
    server = uvicorn.Server(config)
    ready = threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(server.serve())
        while not server.started and not task.done():  # noqa: ASYNC110  # it sets no event
            await asyncio.sleep(0.01)
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="served")
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
