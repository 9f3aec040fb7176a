"""`python -m trials.kills`: the service killed between its decisions and their fills.

Each lane is a simulated exchange and a service that trades there in every pass, over one SQLite
file that lives through all of it. Most kills come once an order is written down and before its
fate is, the others at any time. After each, the file is examined; after each restart, the service
must have found out what became of every order. In live mode the exchange's own record must be the
ledger's. With `--rest` all lanes are live and their orders rest: nothing of an earlier term may be
in a book once another leads, nor after a service was asked to end, nor for longer than an order
lives by itself once its process was killed. Kills that hardly ever fell on an order prove nothing:
then the trial fails and says so.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep

from bot import config
from bot.app.bootstrap import exchange as exchange_of
from bot.app.composition import first_snapshot, unkept
from bot.app.node_context import NodeContext
from bot.app.term.bot import Bot
from bot.clock import SystemClock
from bot.core.events import Event
from bot.core.market.money import whole_cents
from bot.dashboard.snapshot import decoded
from bot.dashboard.timeline import fairly
from bot.journal.terminal import spell_out
from bot.kalshi.trading.order_lookup import CERTAIN_AFTER
from bot.kalshi.trading.venue import LIFETIME
from bot.model import scorer
from bot.ports.views import BotState
from bot.store.database import opened
from trials import ledger
from trials.processes import (
    PATIENCE,
    TOKEN,
    Exchange,
    Nursery,
    Started,
    TrialFailed,
    exchange,
    until,
)

#: Trade on every signal, as fast as it goes; nothing but the kills may stop it.
EAGER = {
    "BOT_INTERVAL": "1",
    "BOT_MARKETS": "12",
    "BOT_ORDER_SIZE": "5",
    "BOT_MIN_EDGE": "-100",
    "BOT_ENTER_ABOVE": "0.505",
    "BOT_ENTER_BELOW": "0.495",
    "BOT_EXIT_HIGH": "0.501",
    "BOT_EXIT_LOW": "0.499",
    "BOT_EXIT_BEFORE_CLOSE": "0",
    "KALSHI_MAX_READS_PER_SECOND": "200",
    "LEASE_SECONDS": "2",
    "PAPER_CASH": "100000",
    "RISK_DAILY_LOSS_STOP": "90000",
    "RISK_DRAWDOWN_HALT": "90000",
    "RISK_MAX_ORDERS_PER_MINUTE": "1000",
    "RISK_MAX_ERRORS_PER_MINUTE": "1000",
    "RISK_MIN_SECONDS_TO_CLOSE": "0",
    "API_TOKEN": TOKEN,
}
#: The lanes by turns.
MODES = ("paper", "live")
#: Live lanes whose orders rest.
RESTS = "rest"
#: Seconds more than its life that an order may be there: the exchange goes by whole seconds.
RUN_OUT = 3.0
#: Exits do not rest for long: there shall be many of them.
RESTING = {"BOT_ENTRY": "rest", "BOT_EXIT": "rest", "BOT_EXIT_PATIENCE": "4"}
#: How long after it was made it can be uncertain whether an order will ever arrive.
CERTAIN_WITHIN = CERTAIN_AFTER + timedelta(seconds=15)
#: The share of kills that are aimed at an order, and that of those which must hit one at least.
AIMED, LEAST = 0.85, 0.5
#: Seconds after an order is seen within which an aimed kill falls, and of one that is not aimed.
AIM, ANY = 0.01, 1.5
#: Seconds that an aimed kill waits for an order.
ORDER_WITHIN = 20.0
#: Seconds within which orders of earlier terms are resolved once the next one leads.
RESOLVED_WITHIN = 10.0
#: Whole passes, at most, before a kill: what was traded must have had a chance to be booked.
PASSES = 2


@dataclass
class Lane:
    """One account, killed many times."""

    number: int
    mode: str
    folder: Path
    nursery: Nursery
    rng: random.Random
    exchange: Exchange
    survived: int = 0
    #: Kills that fell between an order and its fate, and the orders that were without one then.
    struck: int = 0
    open_orders: int = 0
    #: Orders that were in a book when their process was killed.
    resting: int = 0

    @property
    def database(self) -> Path:
        """The file that lives through all of it."""
        return self.folder / "kept.db"

    @property
    def settings(self) -> dict[str, str]:
        """Those of the service."""
        keys = self.exchange.keys if self.is_live else {}
        return {
            **EAGER,
            **(RESTING if self.mode == RESTS else {}),
            **keys,
            "BOT_MODE": "live" if self.is_live else "paper",
            "KALSHI_ENV": "sim",
            "KALSHI_BASE_URL": self.exchange.address,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "LOG_DIR": str(self.folder / "logs"),
        }

    @property
    def is_live(self) -> bool:
        """Whether it trades on the exchange itself."""
        return self.mode != "paper"

    def run(self, kills: int) -> None:
        """So many kills; raises TrialFailed with the first broken promise."""
        for _ in range(kills):
            service = self._start()
            epoch = service.status()["epoch"]
            self._wait_to_kill(service, epoch)
            service.kill()
            self.resting += len(self.exchange.resting()) if self.is_live else 0
            hit = len(self._under_way(epoch))
            self.struck += hit > 0
            self.open_orders += hit
            self._examine()
            self.survived += 1
        self._finish()

    def _start(self) -> Started:
        service = self.nursery.start(self.folder, self.settings, restless=True)
        service.wait_for(lambda s: s["leader"] and s["loop_count"] >= 2, "a pass after a restart")
        # A task of its own asks for them, beside the passes.
        epoch = service.status()["epoch"]
        with suppress(TrialFailed):
            until(lambda: not self._doubtful(epoch), "no order of an earlier term", RESOLVED_WITHIN)
        doubtful = self._doubtful(epoch)
        self._demand(not doubtful, f"orders of earlier terms have no fate: {doubtful}")
        if self.is_live:
            left = [name for name in self.exchange.resting() if not name.startswith(f"{epoch}-")]
            self._demand(not left, f"orders of earlier terms rest: {left}")
        return service

    def _doubtful(self, epoch: int) -> list[str]:
        """Orders of terms before this one whose fate should be known by now and is not."""
        # What the exchange does not list may still arrive, until its signature is too old.
        known = datetime.now(UTC) - (CERTAIN_WITHIN if self.is_live else timedelta(0))
        waiting = ledger.unresolved(self.database)
        return [name for name, sent, at in waiting if sent < epoch and at < known]

    def _wait_to_kill(self, service: Started, epoch: int) -> None:
        if self.rng.random() > AIMED:
            sleep(self.rng.uniform(0.0, ANY))
            return
        passes = service.status()["loop_count"] + self.rng.randint(0, PASSES)
        service.wait_for(lambda s: s["loop_count"] >= passes, "another pass")
        # Where no order comes the kill falls all the same: it counts as one that hit none.
        with suppress(TrialFailed):
            until(lambda: self._under_way(epoch), "an order", ORDER_WITHIN, every=0.001)
        sleep(self.rng.uniform(0.0, AIM))

    def _under_way(self, epoch: int) -> list[str]:
        """Orders of this term that were written down and have no fate yet."""
        return [name for name, sent, _ in ledger.unresolved(self.database) if sent == epoch]

    def _examine(self) -> None:
        faults = ledger.broken(self.database)
        faults += asyncio.run(_restored(self.settings, self.database))
        self._demand(not faults, "; ".join(faults))

    def _finish(self) -> None:
        self._run_out()
        service = self._start()
        if self.mode == RESTS:
            until(self.exchange.resting, "an order that rests")
            service.end()
            self._demand(not self.exchange.resting(), "an order outlived a service that ended")
            service = self._start()
        waiting = CERTAIN_WITHIN.total_seconds() + PATIENCE
        service.post("/bot/stop")
        until(lambda: not ledger.unresolved(self.database), "every fate is known", waiting)
        service.end()
        self._demand(not ledger.unresolved(self.database), "an order has no fate at the end")
        if self.is_live:
            self._demand(not self.exchange.resting(), "an order rests at the end")
            odd = ledger.fills(self.database) ^ self.exchange.fills()
            self._demand(not odd, f"the exchange's record is another: {sorted(odd)}")
        self._examine()

    def _run_out(self) -> None:
        """Killed while it is alone, it leaves nothing in a book for longer than an order lives."""
        if self.mode != RESTS:
            return
        service = self._start()
        until(self.exchange.resting, "an order that rests")
        service.kill()
        lived = LIFETIME.total_seconds() + RUN_OUT
        until(lambda: not self.exchange.resting(), "all that rests has run out", lived, every=1.0)

    def _demand(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            raise TrialFailed(
                f"lane {self.number} ({self.mode}), kill {self.survived + 1}: {otherwise}"
            )


class _Nowhere:
    """A journal that nobody reads."""

    fault = None

    def record(self, events: Sequence[Event]) -> None:
        """Nothing."""

    def turn_to(self, account: str) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


async def _restored(settings: Mapping[str, str], database: Path) -> list[str]:
    """What a restart finds otherwise than it was when it was last kept."""
    found = config.load(None, **{name.lower(): value for name, value in settings.items()})
    clock = SystemClock()
    async with opened(found.database) as place:
        book = (await place.leader()).book
        checkpoint = await place.checkpoint(book or "")
    if checkpoint.published is None:
        return []
    async with exchange_of(found, clock) as data:
        model = scorer.chosen(found.model_path, found.bot_interval)
        snapshot_holder = first_snapshot(found, model, clock.now())
        bot = unkept(NodeContext(found, model, data, _Nowhere(), clock, snapshot_holder))
    bot.restore(checkpoint)
    return ledger.differences(checkpoint, database) + _otherwise(bot, decoded(checkpoint.published))


def _otherwise(bot: Bot, state: BotState) -> list[str]:
    trader, recent, overview = bot.trader, bot.recent, state.overview
    pairs = {
        "equity": (whole_cents(trader.equity), overview.equity),
        "daily P&L": (whole_cents(trader.daily_pnl), overview.daily_pnl),
        "exposure": (whole_cents(trader.portfolio.exposure), overview.total_exposure),
        "open positions": (len(trader.portfolio.positions), overview.open_positions),
        "timeline": (fairly(recent.timeline, len(state.timeline)), state.timeline),
        "whales": (recent.whales[: len(state.whales)], state.whales),
        "notices": (recent.notices[: len(state.notices)], state.notices),
    }
    return [
        f"{name} came back as {back}, was {was}"
        for name, (back, was) in pairs.items()
        if back != was
    ]


def main(argv: Sequence[str]) -> int:
    """Kill as often as asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills in all")
    parser.add_argument("--lanes", type=int, default=4, help="services killed side by side")
    parser.add_argument("--seed", type=int, default=1, help="when to kill")
    parser.add_argument("--rest", action="store_true", help="live lanes alone, whose orders rest")
    spell_out()
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        try:
            modes = (RESTS,) if wanted.rest else MODES
            summary = survived(wanted.kills, wanted.lanes, wanted.seed, Path(folder), modes)
        except TrialFailed as failure:
            sys.stdout.write(f"FAILED {failure}\n")
            return 1
    sys.stdout.write(f"{summary}\n")
    return 0


def survived(kills: int, lanes: int, seed: int, folder: Path, modes: Sequence[str] = MODES) -> str:
    """What so many kills came to, the lanes in these modes by turns. Raises TrialFailed."""
    nursery = Nursery()
    shares = [kills // lanes + (lane < kills % lanes) for lane in range(lanes)]
    with ThreadPoolExecutor(lanes) as threads:
        jobs = []
        for number, share in enumerate(shares):
            place, rng = folder / f"lane{number}", random.Random(seed * 1_000 + number)
            lane = partial(Lane, number, modes[number % len(modes)], place, nursery, rng)
            jobs.append(threads.submit(_lane, lane, place, number, share))
        found = [job.result() for job in jobs]
    if odd := unproven(found):
        raise TrialFailed(f"this proves nothing: {odd}\n{_summary(found)}")
    return _summary(found)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kills of a lane came to."""

    mode: str
    kills: int
    struck: int
    open_orders: int
    resting: int
    orders: int
    fills: int
    settlements: int

    @property
    def line(self) -> str:
        """For people."""
        return (
            f"{self.mode}: {self.kills} kills survived, {self.struck} of them between a decision "
            f"and its fill ({self.open_orders} orders had no fate then, {self.resting} rested); "
            f"{self.orders} orders, "
            f"{self.fills} fills, {self.settlements} settlements, all booked once"
        )


def unproven(outcomes: Sequence[Outcome]) -> str | None:
    """Why kills like these say nothing about what becomes of orders; None if they do."""
    for mode in sorted({one.mode for one in outcomes}):
        # Together: a lane of a few kills may see few orders, and none filled.
        lanes = [one for one in outcomes if one.mode == mode]
        struck, kills = sum(one.struck for one in lanes), sum(one.kills for one in lanes)
        if struck < LEAST * kills:
            return f"{mode}: {struck} of {kills} kills fell on an order"
        if kills and not any(one.fills for one in lanes):
            return f"{mode}: of {sum(one.orders for one in lanes)} orders none was filled"
    return None if any(one.kills for one in outcomes) else "nothing was killed"


def _summary(outcomes: Sequence[Outcome]) -> str:
    struck, kills = sum(one.struck for one in outcomes), sum(one.kills for one in outcomes)
    whole = f"{struck} of {kills} kills fell between a decision and its fill"
    return "\n".join([*(one.line for one in outcomes), whole])


def _lane(made: Callable[[Exchange], Lane], place: Path, seed: int, kills: int) -> Outcome:
    place.mkdir(parents=True)
    with exchange(place, "--seed", str(seed), "--cash", "100000", "--speed", "1") as market:
        lane = made(market)
        lane.run(kills)
        done = ledger.counts(lane.database)
        found = (lane.survived, lane.struck, lane.open_orders, lane.resting)
        return Outcome(lane.mode, *found, **done)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
