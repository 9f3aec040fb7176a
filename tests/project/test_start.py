"""What a start costs: nothing is imported before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Each takes a tenth of a second or 10 MB, and a service on a file and on Kalshi needs none of it.
HEAVY = {
    *("sklearn", "scipy", "joblib", "pyarrow", "pandas", "matplotlib", "tqdm"),
    *("alembic", "sqlalchemy.orm", "sqlalchemy.ext.asyncio", "psycopg"),
    *("sqlalchemy.dialects.postgresql", "structlog", "bot.sim", "bot.research", "bot.backtest"),
}


def imported_by(statement: str) -> set[str]:
    """The modules that a fresh process holds after a statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def served() -> set[str]:
    return imported_by("import main")


@pytest.mark.parametrize("heavy", sorted(HEAVY))
def test_the_service_starts_without(heavy: str, served: set[str]) -> None:
    assert "api.app" in served
    assert heavy not in served


def test_the_shipped_models_are_served_without_what_they_were_trained_with() -> None:
    loading = "from bot.model import scorer; assert scorer.chosen(None, {}).fault is None"
    for interval in (2, 60):
        held = imported_by(loading.format(interval))
        assert {"sklearn", "scipy", "joblib", "threadpoolctl"} & held == set()


def test_a_python_without_the_requirements_is_told_which_one_has_them() -> None:
    command = [sys.executable, "-S", "-m", "bot", "status"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f" is missing in {sys.executable}" in done.stderr
    assert ".venv/bin/python -m bot status" in done.stderr


def test_a_command_around_a_running_bot_starts_without_what_the_bot_needs() -> None:
    held = imported_by("import bot.__main__, bot.cli.remote.show, bot.cli.remote.act")

    assert "httpx" in held
    assert held.isdisjoint(
        {"sklearn", "scipy", "sqlalchemy", "pyarrow", "fastapi", "starlette", "bot.app"}
    )
