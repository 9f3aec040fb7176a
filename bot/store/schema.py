"""Brings the tables of a database to the newest revision, however many processes try at once."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from bot.ports.persistence import StoreError
from bot.store.connections.session import MIGRATION, StoreSession

# A database that is up to date needs no Alembic: it would cost every start a tenth of a second.
if TYPE_CHECKING:
    from alembic.config import Config

FOLDER: Final = Path(__file__).parent / "migrations"
#: Advisory lock: its holder migrates the tables.
_ADVISORY_LOCK: Final = 7_310_588_142


async def bring_up(session: StoreSession) -> None:
    """Add what the database lacks. Raises StoreError, also for one of a newer version."""
    known = revisions()
    found = await session.read(revision_of)
    if found is not None and found not in known:
        raise StoreError(
            f"{session.where} is of revision {found}, which this version does not know (it knows "
            f"up to {known[-1]}): run the newer version, or set DATABASE_URL to another database"
        )
    if found != known[-1]:
        await session.write(upgrade, MIGRATION)


def revisions() -> list[str]:
    """What this version knows, oldest first, by the names of the files."""
    files = (FOLDER / "versions").glob("r*.py")
    return sorted(found[1] for file in files if (found := re.match(r"r(\d{4})_", file.name)))


def _wait_alone(connection: Connection) -> None:
    for limit in ("statement_timeout", "lock_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = '{MIGRATION:g}s'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Change the tables to a revision, inside the transaction of this connection."""
    from alembic import command  # noqa: PLC0415  # see above

    if connection.dialect.name == "postgresql":
        _wait_alone(connection)
    # Whoever waited for the lock finds the work done: Alembic looks only now.
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def config() -> "Config":
    """Where the revisions are."""
    from alembic.config import Config  # noqa: PLC0415  # see above

    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made
