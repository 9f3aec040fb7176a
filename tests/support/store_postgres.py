"""A PostgreSQL server of our own, from Debian's binaries, for as long as the tests run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

#: Nothing here has to survive a power cut, and nobody but this machine may come in.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
}


class Server:
    """A server: where its programs and its files are, and the port it listens on."""

    def __init__(self, programs: Path, place: Path, port: int) -> None:
        self.port = port
        self._programs = programs
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that is the server."""
        assert self._process is not None, "the server was stopped"
        return self._process.pid

    def start(self) -> None:
        """Let it run until `stop`."""
        chosen = [f"-c{name}={value}" for name, value in OPTIONS.items()]
        place = self._place
        command: list[str | Path] = [self._programs / "postgres", "-D", place / "db"]
        with (place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-p", str(self.port), "-k", place, *chosen],
                stdout=log,
                stderr=log,
                user=owner(),
                cwd="/",
            )
        _until_ready(self._programs, self.port)

    def stop(self) -> None:
        """Let it end at once: clients are told to go."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)
            self._process = None

    def create(self, schema: str) -> str:
        """A new, empty schema, which is all that whoever uses the address sees."""
        self._execute(f"CREATE SCHEMA {schema}")
        return f"{self._address}?options=-csearch_path%3D{schema}"

    def create_database(self, name: str) -> None:
        """A database of its own."""
        self._execute(f"CREATE DATABASE {name}")

    def drop_connections(self) -> None:
        """What a restart of the server does to everybody."""
        others = (
            "pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        self._execute(f"SELECT pg_terminate_backend(pid) FROM {others}")

    @property
    def _address(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def processes(self) -> list[int]:
        """The server and all that it started for its clients."""
        tasks = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [self.pid, *map(int, tasks.read_text().split())]

    def pause(self) -> None:
        """Let it answer nobody, as a machine that hangs."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def wake(self) -> None:
        for pid in self.processes():
            # One that was woken first may have told another to end.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def programs() -> Path | None:
    """The folder of initdb and postgres; None if PostgreSQL is not installed."""
    asked = shutil.which("pg_config")
    if asked:
        reported = subprocess.run([asked, "--bindir"], check=False, capture_output=True, text=True)
        if (Path(reported.stdout.strip()) / "initdb").is_file():
            return Path(reported.stdout.strip())
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    found = [*newest, *([Path(on_path).resolve()] if on_path else [])]
    return found[0].parent if found else None


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server whose files are in a new, empty folder that others may enter."""
    where = programs()
    assert where is not None, "PostgreSQL is not installed: apt-get install postgresql"
    user = owner()
    folder.chmod(0o755)
    place = Path(tempfile.mkdtemp(dir=folder))
    if user:
        os.chown(place, pwd.getpwnam(user).pw_uid, -1)
    log = (place / "log").open("wb")
    begin: list[str | Path] = [
        where / "initdb",
        "-D",
        place / "db",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]
    subprocess.run([*begin, "-E", "UTF8", "--locale=C"], check=True, stdout=log, user=user)
    log.close()
    server = Server(where, place, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def owner() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def _until_ready(where: Path, port: int) -> None:
    # It waits by itself, a look a second at most.
    waiting: list[str | Path] = [
        where / "pg_isready",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-t",
        "1",
    ]
    for _ in range(400):
        if subprocess.run(waiting, check=False, capture_output=True).returncode == 0:
            return
    raise AssertionError("PostgreSQL does not start: see its log")
