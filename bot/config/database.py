"""Settings of the database, the lease kept in it, and the kill file."""

from pathlib import Path

from pydantic import BaseModel, Field

from bot.config.field_types import AnyPath, DatabaseUrl


class DatabaseSettings(BaseModel):
    """Where state is kept, for how long, and who may lead."""

    database_url: DatabaseUrl | None = Field(
        None,
        description="`postgres://user:password@host:port/name` (or `postgresql://`), or "
        "`sqlite:///path/file.db`; if empty, `kalshiproto.db` in `LOG_DIR`. "
        "PgBouncer in transaction mode is fine; unknown options after `?` are "
        "refused at the start",
    )
    keep_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days of history kept in the database; the account itself is always kept",
    )
    lease_seconds: float = Field(
        10.0,
        ge=2,
        le=60,
        description="Seconds without a heartbeat after which another process may lead",
    )
    kill_file: AnyPath = Field(
        Path("KILL"),
        description="While this file exists, there are no entries; nor while a disk of database "
        "or logs has less than 100 MB free",
    )
