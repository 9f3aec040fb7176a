"""PgBouncer in transaction mode before a server of the tests, where it is installed."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import store_postgres

#: Fewer connections than a process opens: each transaction gets whichever is free.
_SETTINGS = """[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


def program() -> str | None:
    """The program; None if it is not installed."""
    found = shutil.which("pgbouncer")
    debian = Path("/usr/sbin/pgbouncer")
    return found or (str(debian) if debian.is_file() else None)


@contextmanager
def running(server: store_postgres.Server) -> Iterator[int]:
    """The port of a pooler before this server, for as long as this is open."""
    where = program()
    assert where is not None, "PgBouncer is not installed: apt-get install pgbouncer"
    port = store_postgres.free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(server=server.port, port=port))
        command = [where, "-q", str(settings)]
        process = subprocess.Popen(command, user=store_postgres.owner(), stderr=subprocess.DEVNULL)
        try:
            _until_it_listens(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100_000):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "PgBouncer does not start"
    raise AssertionError("PgBouncer does not listen")
