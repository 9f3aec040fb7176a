"""`python -m trials.flaps`: PostgreSQL comes and goes under a service that trades all the time.

Connections are cut, the server hangs, the server is stopped and started, again and again, live and
on paper. Afterwards the ledger must add up, every order has its outcome, and in live mode the
exchange's own record of fills must be the ledger's: none lost, none booked twice. Flaps that never
fell on an order without its outcome prove nothing: then the trial fails and says so.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import OperationalError

from bot.journal.terminal import spell_out
from bot.store.database import opened
from bot.store.tables import cash_movements, fills, metadata, orders, settlements
from tests.support.store_postgres import Server, running
from trials import ledger
from trials.kills import CERTAIN_WITHIN, EAGER
from trials.processes import PATIENCE, Exchange, Nursery, Started, TrialFailed, exchange, until

#: Seconds from one flap to the next, and that the server hangs or is away.
BETWEEN: Final = (0.2, 3.0)
AWAY: Final = (0.1, 4.0)
#: Seconds within which a service trades on, and that are waited for an order to hit.
BACK_WITHIN: Final = 60.0
ORDER_WITHIN: Final = 3.0
_COPIED: Final = (orders, fills, settlements, cash_movements)


@dataclass
class Trial:
    """A service on a server that flaps. `struck` counts flaps that fell on an order."""

    mode: str
    folder: Path
    place: Server
    market: Exchange
    rng: random.Random
    url: str
    flaps: Counter[str] = field(default_factory=Counter)
    struck: int = 0

    def run(self, count: int) -> str:
        """So many flaps; what they came to. Raises TrialFailed."""
        with Nursery().running(self.folder, self._settings, restless=True) as service:
            service.wait_for(lambda s: s["leader"] and s["loop_count"] >= 2, "it trades")
            for _ in range(count):
                self._flap(service)
            self._finish(service)
        return self._summary(service, self._examined())

    @property
    def _settings(self) -> dict[str, str]:
        return {
            **EAGER,
            **(self.market.keys if self.mode == "live" else {}),
            "BOT_MODE": self.mode,
            "KALSHI_ENV": "sim",
            "KALSHI_BASE_URL": self.market.address,
            "DATABASE_URL": self.url,
            "LOG_DIR": str(self.folder / "logs"),
        }

    def _flap(self, service: Started) -> None:
        time.sleep(self.rng.uniform(*BETWEEN))
        # Where no order comes it flaps all the same: it counts as one that hit none.
        with suppress(TrialFailed):
            until(self._unresolved, "an order", ORDER_WITHIN, every=0.002)
        self.struck += self._unresolved() > 0
        kind = self.rng.choice(("cut", "hang", "stop"))
        self.flaps[kind] += 1
        if kind == "cut":
            self.place.drop_connections()
        elif kind == "hang":
            self.place.pause()
            time.sleep(self.rng.uniform(*AWAY))
            self.place.wake()
        else:
            self.place.stop()
            time.sleep(self.rng.uniform(*AWAY))
            self.place.start()
        self._wait_until_back(service)

    def _wait_until_back(self, service: Started) -> None:
        before = service.status().get("loop_count", 0)

        def is_back() -> bool:
            status = service.status()
            # A term that was lost begins to count anew.
            is_on = status.get("loop_count", 0) not in {0, before}
            return is_on and status["leader"] and status["store_fault"] is None

        until(is_back, "it trades on", BACK_WITHIN)

    def _unresolved(self) -> int:
        engine = create_engine(_psycopg(self.url))
        try:
            with engine.connect() as connection:
                waiting = select(func.count()).where(orders.c.status.is_(None))
                found: int = connection.execute(waiting).scalar_one()
                return found
        except OperationalError:
            return 0
        finally:
            engine.dispose()

    def _finish(self, service: Started) -> None:
        service.post("/bot/stop")
        waiting = CERTAIN_WITHIN.total_seconds() + PATIENCE
        until(lambda: not self._unresolved(), "every outcome is known", waiting)

    def _examined(self) -> dict[str, int]:
        """How many orders, fills and settlements were booked, all of them once."""
        copy = self.folder / "copy.db"
        _copied(self.url, copy)
        faults = ledger.broken(copy) + asyncio.run(_differences(self.url, copy))
        if self.mode == "live":
            ours, theirs = ledger.fills(copy), self.market.fills()
            faults += [f"booked and not traded: {one}" for one in sorted(ours - theirs)]
            faults += [f"traded and not booked: {one}" for one in sorted(theirs - ours)]
        if faults:
            raise TrialFailed(f"{self.mode}: {'; '.join(faults)}")
        found = ledger.counts(copy)
        if not (self.struck and found["fills"]):
            raise TrialFailed(f"{self.mode}: this proves nothing: {self.struck} hits, {found}")
        return found

    def _summary(self, service: Started, found: dict[str, int]) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.flaps.items()))
        booked = ", ".join(f"{count} {name}" for name, count in found.items())
        as_exchange = "; the exchange's record is the same" if self.mode == "live" else ""
        return (
            f"{self.mode}: {self.flaps.total()} flaps ({kinds}), {self.struck} of them fell on an "
            f"order without its outcome; {booked}, all booked once{as_exchange}; "
            f"{service.words.count('| WARNING |')} warnings"
        )


def _psycopg(url: str) -> str:
    return url.replace("postgres://", "postgresql+psycopg://")


def _copied(url: str, file: Path) -> None:
    """The account of that database as a SQLite file, which is what is examined."""
    source, target = create_engine(_psycopg(url)), create_engine(f"sqlite:///{file}")
    metadata.create_all(target)
    with source.connect() as reading, target.begin() as writing:
        for table in _COPIED:
            rows = [dict(row) for row in reading.execute(select(table)).mappings()]
            if rows:
                writing.execute(table.insert(), rows)
    source.dispose()
    target.dispose()


async def _differences(url: str, copy: Path) -> list[str]:
    async with opened(url) as database:
        account = (await database.leader()).book
        return ledger.differences(await database.checkpoint(account or ""), copy)


def tried(mode: str, count: int, seed: int, folder: Path, place: Server) -> str:
    """That many flaps in that mode. Raises TrialFailed."""
    folder.mkdir()
    arguments = ("--seed", str(seed), "--cash", "100000", "--speed", "1")
    with exchange(folder, *arguments) as market:
        url = place.create(mode)
        return Trial(mode, folder, place, market, random.Random(seed), url).run(count)


def main(argv: Sequence[str]) -> int:
    """Live, then on paper; the exit code."""
    spell_out()
    parser = argparse.ArgumentParser(prog="python -m trials.flaps", description=__doc__)
    parser.add_argument("--flaps", type=int, default=60, help="of each mode")
    parser.add_argument("--seed", type=int, default=1, help="when, and in which way")
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        server = Path(root) / "server"
        server.mkdir()
        with running(server) as place:
            for mode in ("live", "paper"):
                try:
                    line = tried(mode, wanted.flaps, wanted.seed, Path(root) / mode, place)
                except TrialFailed as failure:
                    sys.stdout.write(f"FAILED {failure}\n")
                    return 1
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
