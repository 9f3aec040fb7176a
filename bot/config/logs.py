"""Settings of the CSV logs and of stdout."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from bot.config.field_types import AnyPath


class LogSettings(BaseModel):
    """Where the CSV logs are and when they are rotated; the form of stdout."""

    log_dir: AnyPath = Field(
        Path("logs"),
        description="Folder of the CSV logs, and of the database unless `DATABASE_URL` is set",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="`json` = one object a line on stdout, for Datadog, Papertrail or LogDNA",
    )
    log_max_mb: float = Field(
        50.0,
        gt=0,
        le=10_000,
        description="Megabytes at which a CSV log is rotated; that happens every day (UTC) as well",
    )
    log_max_total_mb: float = Field(
        500.0,
        gt=0,
        le=1_000_000,
        description="Megabytes of all CSV logs together; beyond them the oldest parts go, those "
        "of trades and P&L last",
    )
    log_keep_days: int = Field(
        14, ge=1, le=3_650, description="Days that rotated CSV logs are kept"
    )
