"""A server to be measured, in a process of its own, on a socket it is handed.

`python -m bench.server FD MODULE:FUNCTION [ARGUMENT…]` serves the app which the function makes,
as in production: uvicorn, uvloop, httptools, one worker. `floor` makes the least that an ASGI
app can do: one ready answer, whatever is asked.
"""

import gc
import importlib
import json
import os
import socket
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.load import Answer

#: Headers that uvicorn adds itself.
ADDED = {"server", "date"}
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far; NaN where the system does not tell."""
        status = Path(f"/proc/{self.pid}/stat")
        if not status.exists():
            return float("nan")
        # The second field is the program's name in brackets and may hold spaces.
        fields = status.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


@contextmanager
def running(*what: str) -> Iterator[Server]:
    """A server of its own for the length of the block; it queues questions while it starts."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        port = listening.getsockname()[1]
        fd = listening.fileno()
        command = [sys.executable, "-m", "bench.server", str(fd), *what]
        child = subprocess.Popen(command, pass_fds=[fd])
    try:
        yield Server(port, child.pid)
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def commit_pass(answer: Answer, file: Path) -> None:
    """Write an answer down for `floor` to repeat."""
    headers = [pair for pair in answer.headers if pair[0] not in ADDED]
    body = b64encode(answer.body).decode()
    file.write_text(json.dumps({"status": answer.status, "headers": headers, "body": body}))


def floor(file: str) -> ASGIApp:
    """An app that gives one ready answer and does nothing else."""
    kept = json.loads(Path(file).read_text())
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept["headers"]]
    start = {"type": "http.response.start", "status": kept["status"], "headers": headers}
    end = {"type": "http.response.body", "body": b64decode(kept["body"])}

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start)
        await send(end)

    return app


def main(argv: list[str]) -> int:
    """Serves until it is ended."""
    fd, what, *arguments = argv
    module, _, function = what.partition(":")
    app = getattr(importlib.import_module(module), function)(*arguments)
    # As in `main`: what is imported stays, and is not looked through for garbage.
    gc.freeze()
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(fd))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
