"""`python -m trials.takeovers`: two services, one database; the leader dies, ends, is paused.

On SQLite, and on PostgreSQL started for it from Debian's package. Each time: how long it takes
until the other one leads and its loop runs; that nobody sent an order after another leader did;
that a paused process that wakes up writes nothing, neither to the database nor to its logs; that
a database that goes away stops new orders, and that all goes on by itself when it comes back.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text

from bot.journal.terminal import spell_out
from tests.support.store_postgres import Server, running
from trials.kills import EAGER
from trials.processes import Nursery, Started, TrialFailed, exchange, until

#: The takeover that is promised after a death, in seconds, with the lease of the defaults.
PROMISED: Final = 15.0
LEASE: Final = "10"
#: Seconds until the model knows enough of a market to trade there.
FIRST_ORDER: Final = 180.0


@dataclass
class Pair:
    """Two services over one database; `first` is whichever leads."""

    nursery: Nursery
    folder: Path
    settings: Mapping[str, str]
    services: list[Started] = field(default_factory=list)
    begun: int = 0

    def start(self) -> None:
        """One more service, with logs of its own."""
        self.begun += 1
        folder = self.folder / f"service{self.begun}"
        logs = {"LOG_DIR": str(folder / "logs")}
        service = self.nursery.start(folder, {**self.settings, **logs})
        service.wait_for(lambda status: status["leads"], "somebody leads")
        self.services.append(service)

    def leader(self) -> Started:
        """The one that leads and trades."""
        return until(self._leader, "one of them leads and its loop runs")

    def _leader(self) -> Started | None:
        for service in self.services:
            status = service.status() if service.is_alive else {}
            if status.get("leader") and status["running"] and status["loop_count"] >= 2:
                return service
        return None

    def other(self, one: Started) -> Started:
        """The other one."""
        return next(service for service in self.services if service is not one)

    def end(self) -> None:
        """End both."""
        for service in self.services:
            service.end()


@dataclass(frozen=True, slots=True)
class Written:
    """What a database holds, to see whether anything was written: newest rows by term."""

    orders: tuple[tuple[str, int], ...]

    def after(self, epoch: int) -> list[str]:
        """Orders of terms up to this one."""
        return [name for name, sent in self.orders if sent <= epoch]


def written(url: str) -> Written:
    """The orders there are, in the order in which they were sent."""
    engine = create_engine(url.replace("postgres://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT client_order_id, epoch FROM orders ORDER BY at"))
            return Written(tuple((name, epoch) for name, epoch in rows))
    finally:
        engine.dispose()


def death(pair: Pair) -> float:
    """Seconds from the leader's SIGKILL until the other one trades."""
    leader = pair.leader()
    other = pair.other(leader)
    began = time.monotonic()
    leader.kill()
    other.wait_for(lambda s: s["leader"] and s["running"] and s["loop_count"] >= 1, "a takeover")
    took = time.monotonic() - began
    pair.services.remove(leader)
    pair.start()
    return took


def farewell(pair: Pair) -> float:
    """Seconds from the leader's clean end until the other one trades."""
    leader = pair.leader()
    other = pair.other(leader)
    leader.send(signal.SIGTERM)
    leader.gone()
    began = time.monotonic()
    other.wait_for(lambda s: s["leader"] and s["running"], "a takeover")
    took = time.monotonic() - began
    pair.services.remove(leader)
    pair.start()
    return took


def pause(pair: Pair, url: str) -> int:
    """Pause the leader until the other one leads, wake it, and see that it writes nothing.

    How many orders the paused term and those before it had sent, none of them after it woke up.
    """
    leader = pair.leader()
    other = pair.other(leader)
    epoch = leader.status()["epoch"]
    leader.send(signal.SIGSTOP)
    other.wait_for(lambda s: s["leader"] and s["loop_count"] >= 2, "a takeover from a paused one")
    before, logs = written(url), _sizes(leader.folder / "logs")
    leader.send(signal.SIGCONT)
    leader.wait_for(lambda s: not s["leader"] and s["leads"], "the woken one stands by")
    other.wait_for(_passes(other, 3), "the other one trades on")
    after = written(url)
    if before.after(epoch) != after.after(epoch):
        raise TrialFailed(f"the paused process wrote orders: {after.after(epoch)[-3:]}")
    if _sizes(leader.folder / "logs") != logs:
        raise TrialFailed("the paused process wrote to its logs after it woke up")
    return len(before.after(epoch))


def outage(pair: Pair, place: Server, url: str) -> float:
    """Stop the database for a while; seconds from its return until everything is kept again."""
    leader = pair.leader()
    before = written(url)
    place.stop()
    leader.wait_for(lambda s: s["store_fault"], "the outage is shown")
    for path in ("/state/full", "/health", "/bot/status", "/whales", "/state/markets"):
        if leader.get(path) is None:
            raise TrialFailed(f"{path} does not answer while the database is away")
    time.sleep(3)
    began = time.monotonic()
    place.start()
    pair.leader().wait_for(lambda s: s["store_fault"] is None, "everything is kept again")
    took = time.monotonic() - began
    pair.leader()
    if not set(before.orders) <= set(written(url).orders):
        raise TrialFailed("orders are gone after the outage")
    return took


def _passes(service: Started, more: int) -> Callable[[Mapping[str, int]], bool]:
    seen = service.status()["loop_count"]
    return lambda status: status["loop_count"] >= seen + more


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.glob("*.csv")}


def fenced(orders: Sequence[tuple[str, int]]) -> None:
    """No term sent an order after a later term had. Raises TrialFailed."""
    epochs = [epoch for _, epoch in orders]
    if epochs != sorted(epochs):
        raise TrialFailed("an earlier term sent an order after a later one")


def tried(name: str, folder: Path, rounds: int, place: Server | None) -> Iterator[str]:
    """What happens on one database, a line each. Raises TrialFailed."""
    folder.mkdir(parents=True)
    url = place.create("trial") if place else f"sqlite:///{folder}/kept.db"
    with exchange(folder, "--seed", "3") as market, paired(folder, market.address, url) as pair:
        until(lambda: written(url).orders, "the first order", FIRST_ORDER)
        deaths = [death(pair) for _ in range(rounds)]
        yield f"{name}: {rounds} deaths, another one trades after {_range(deaths)}"
        if max(deaths) > PROMISED:
            raise TrialFailed(f"a takeover took {max(deaths):.1f} s")
        ends = [farewell(pair) for _ in range(rounds)]
        yield f"{name}: {rounds} clean ends, another one trades after {_range(ends)}"
        sent = [pause(pair, url) for _ in range(rounds)]
        last = written(url).orders[-1]
        until(lambda: written(url).orders[-1] != last, "orders go on", FIRST_ORDER)
        yield (
            f"{name}: {rounds} leaders paused and woken after another took over: "
            f"0 of the {sent[-1]} orders of their terms were sent after that, no row was written"
        )
        if place is not None:
            took = outage(pair, place, url)
            yield f"{name}: after an outage everything is kept again within {took:.1f} s"
        fenced(written(url).orders)


@contextmanager
def paired(folder: Path, address: str, url: str) -> Iterator[Pair]:
    """Two services on this exchange and this database."""
    settings = {
        **EAGER,
        "KALSHI_ENV": "sim",
        "KALSHI_BASE_URL": address,
        "DATABASE_URL": url,
        "LEASE_SECONDS": LEASE,
    }
    pair = Pair(Nursery(), folder, settings)
    try:
        pair.start()
        pair.start()
        yield pair
    finally:
        pair.end()


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f} s"


def main(argv: Sequence[str]) -> int:
    """Try both databases; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.takeovers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind on each database")
    spell_out()
    wanted = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as root:
            _say(tried("SQLite", Path(root) / "sqlite", wanted.rounds, None))
            with running(_folder(root)) as place:
                _say(tried("PostgreSQL", Path(root) / "postgres", wanted.rounds, place))
    except TrialFailed as failure:
        sys.stdout.write(f"FAILED {failure}\n")
        return 1
    return 0


def _folder(root: str) -> Path:
    """A folder that the user of the database may enter, too."""
    Path(root).chmod(0o755)
    folder = Path(root) / "server"
    folder.mkdir()
    return folder


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
