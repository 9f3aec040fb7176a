"""A database of the version before opens with all that was in it.

`data/kalshiproto-0.1.0.db.gz` was written by that version itself (commit d720dbc): 23 cycles of six
markets of `python -m bot simulate --seed 3`, one short position opened and closed again.
"""

import gzip
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bot import config
from bot.app.bootstrap import running
from bot.store.database import opened
from tests.support.services import PLAIN, until

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests/data/kalshiproto-0.1.0.db.gz"
#: Nothing listens there any more; the account bears its name.
ADDRESS = "http://127.0.0.1:18555/trade-api/v2"
BOOK = f"paper:{ADDRESS}"
CASH = Decimal("9999.9521")


@pytest.fixture
def database(tmp_path):
    """A copy, as it would lie in LOG_DIR."""
    path = tmp_path / "kalshiproto.db"
    path.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
    return path


def rows(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


async def test_every_record_of_the_version_before_is_there(database):
    before = rows(database, "SELECT kind, key, body FROM memos WHERE body IS NOT NULL")
    fills = rows(database, "SELECT fill_id FROM fills")
    async with opened(f"sqlite:///{database}") as store:
        checkpoint = await store.checkpoint(BOOK)

    kept = checkpoint.state_records
    assert len(before) == 34
    assert {(kind, key) for kind, key, _ in before} <= {(k, key) for k in kept for key in kept[k]}
    assert all(bytes(kept[kind][key]) == bytes(body) for kind, key, body in before)
    assert checkpoint.portfolio.cash == CASH
    assert checkpoint.portfolio.positions == {}
    assert len(rows(database, "SELECT fill_id FROM fills")) == len(fills) == 2


async def test_the_service_goes_on_with_the_account(database, tmp_path):
    settings = config.load(
        None,
        **{
            **PLAIN,
            "kalshi_base_url": ADDRESS,
            "log_dir": tmp_path,
            "kill_file": tmp_path / "KILL",
            "bot_enabled": False,
        },
    )
    async with running(settings) as service:
        # The lease of that process has run out long ago.
        await until(lambda: service.snapshot_holder.status.leader)
        trader = service.service.bot.trader
        decisions = service.decisions.of(None, 500)
        timeline = service.service.bot.recent.timeline

        assert trader.portfolio.cash == CASH
        assert decisions
        assert service.snapshot_holder.snapshot.state.overview.equity == float(CASH)
        assert timeline
        assert not trader.unresolved


def test_the_settings_of_the_version_before_are_taken():
    old = ROOT / "tests/data/kalshiproto-0.1.0.env"

    taken, new = config.load(old), config.load(None)
    written = {"bot_enter_above", "bot_enter_below", "bot_exit_low", "bot_exit_high"}
    written |= {"bot_min_edge"}
    # What a copied example of that version has written down goes on meaning what it meant.
    assert (taken.bot_enter_above, taken.bot_exit_high, taken.bot_min_edge) == (0.6, 0.55, 0.0)
    assert taken.model_dump(exclude=written) == new.model_dump(exclude=written)
    assert config.misspelt(old) == []


def test_all_versions_say_the_same():
    project = (ROOT / "pyproject.toml").read_text()

    assert re.findall(r'(?m)^version = "(.*)"', project) == [config.VERSION]


def test_the_copy_is_small():
    assert FIXTURE.stat().st_size < 200_000
