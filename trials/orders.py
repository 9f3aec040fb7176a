"""`python -m trials.orders`: orders by the thousand on an exchange that fails, one account shared.

A trader of the service's own, its gateway, its live venue and its order groups trade on the
simulated exchange inside this process, on a clock that is moved by hand. Requests are lost before
and after they were obeyed, arrive after they were given up, are answered late or by a server error;
reads lag behind, trading pauses, everything is cut off for seconds, the trader dies and another one
takes over from what was kept, and a stranger trades on the same account, by hand and by orders that
rest. What the exchange itself tells of each fill is the truth: every fill of every order of ours is
booked once, no order is there twice, no exit opens or enlarges a position, and in the end cash and
positions are the same on both sides. By turns nothing rests, exits do, or all orders do: nothing of
them may be in the book once another term began.
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Final

import stamina

from bot.core.events import OrderUnresolved
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Life
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Sizing
from bot.journal.terminal import spell_out
from bot.kalshi.trading.fence import MOST_CONTRACTS
from bot.ports.exchange import ExchangeError
from bot.sim.engine.errors import Rejected
from bot.sim.engine.orders import TimeInForce
from bot.sim.engine.units import CONTRACT, DOLLAR, money_dollars, size_contracts
from bot.trading.decision import TradeRules
from bot.trading.entry_guard import Safety
from bot.trading.trader import Trader
from tests.support.kalshi_stand import SHARDS, Stand, stand, venue_on
from tests.support.sim_exchanges import request
from tests.support.strategies import ladder
from tests.support.trading import THRESHOLDS, Desk
from trials.order_faults import RESTLESS, SPELLS, STANDING
from trials.order_record import Line, Truth, apart, booked, line, moved, not_the_same, turned, twice
from trials.processes import TrialFailed

#: Where each market trades: more markets than orders go side by side.
MARKETS: Final[Mapping[str, int]] = {**SHARDS, "C": 0, "D": 2, "E": 0, "F": 2}
TICKERS: Final = tuple(MARKETS)
SIZE: Final = 20
#: Orders on one exchange.
ROUND: Final = 1_000
#: Everything is allowed: nothing but the faults may keep an order from trading.
UNBOUNDED: Final = RiskLimits(
    max_order_cost=Decimal(10**6),
    max_market_exposure=Decimal(10**6),
    max_event_exposure=Decimal(10**6),
    max_total_exposure=Decimal(10**6),
    daily_loss_stop=Decimal(10**9),
    max_positions=10**6,
    min_seconds_to_close=0,
)
#: Seconds an exit rests before it takes.
PATIENCE: Final = 20.0


_SPELL, _STRANGER, _BACK, _TAKEOVER = 0.06, 0.30, 0.50, 0.06
_SCORES: Final = (0.95, 0.05, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Rests:
    """Which orders of a trial rest; exits do for `patience` seconds, None for none."""

    patience: float | None = None
    entries: bool = False


#: What rests in the rounds of a trial, by turns.
KINDS: Final = (Rests(), Rests(PATIENCE), Rests(PATIENCE, entries=True))


class Hands(Desk):
    """The service's own trader on the live venue, with the time of the trial's clock."""

    def __init__(self, live: Stand, names: Generator[str, None, None], rests: "Rests") -> None:
        self._live = live
        super().__init__(
            *TICKERS, limits=UNBOUNDED, patience=rests.patience, entries_rest=rests.entries
        )
        self.venue = live.venue  # type: ignore[assignment]  # the real one
        self._ids = names
        self.store.portfolio = self.store.portfolio.of_cash(cash(live))
        self.restart()

    def _hired(self) -> Trader:
        safety = Safety(self.store, now=self._live.clock.now)
        sizing = Sizing(Decimal(SIZE), Decimal("0.01"))
        rules = TradeRules(
            THRESHOLDS,
            sizing,
            self.limits,
            patience=self.patience,
            entries_rest=self.entries_rest,
        )
        return Trader(self.venue, rules, cash(self._live), self._ids, safety)


@dataclass
class Played:
    """A trial under way."""

    live: Stand
    rng: random.Random
    truth: Truth
    hands: Hands
    handed_on: str
    takeovers: int = 0
    faults: int = 0
    #: What rested of an earlier term once the next one had begun.
    left: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Orders that were written down."""
        return len(self.hands.store.intended)

    async def run(self, orders: int) -> None:
        """Trade until so many orders were written down, then let everything come to its end."""
        for spec in (*STANDING, *(RESTLESS if self.hands.patience else ())):
            self.live.fail(**spec)
        while self.sent < orders:
            await self._step()
        await self._end()

    async def _step(self) -> None:
        rng, live = self.rng, self.live
        if rng.random() < _SPELL:
            live.fail(**rng.choice(SPELLS))
        if rng.random() < _TAKEOVER:
            await self._take_over()
        self._show()
        if rng.random() < _STRANGER:
            self._strange()
        elif rng.random() < _BACK:
            self._trade_back()
        await self._pass({ticker: rng.choice(_SCORES) for ticker in TICKERS})

    async def _pass(self, scores: dict[str, float] | None) -> None:
        self.live.clock.pass_by(1)
        self.hands.at = self.live.clock.now()
        await self.hands.run(scores, seconds=0)

    def _show(self) -> None:
        """Another price, and enough of it."""
        cents = self.rng.randint(30, 70)
        book = OrderBook(
            bids=ladder((f"0.{cents - 1}", 15), (f"0.{cents - 2}", 900)),
            asks=ladder((f"0.{cents}", 15), (f"0.{cents + 1}", 900)),
        )
        for ticker in TICKERS:
            # In a pause nobody can: then there is no book, or only half of one.
            with suppress(Rejected):
                self.live.put(book, ticker)
            self.hands.books[ticker] = book

    def _strange(self) -> None:
        """The owner trades by hand: at the market, or an order that rests at the best price."""
        ticker, side = self.rng.choice(TICKERS), self.rng.choice(tuple(Side))
        best = self.hands.books[ticker].against(side)[0].price
        waits = self.rng.random() < 0.3
        cents = int(best * 100) - (side.sign if waits else 0)
        self._place(ticker, side, self.rng.randint(1, 2 * SIZE) * CONTRACT, cents, waits=waits)

    def _trade_back(self) -> None:
        """The owner ends what he holds beside the bot: else it could never exit again."""
        for ticker in TICKERS:
            held = self.truth.foreign(ticker, self.hands.store.intended)
            if held:
                side = Side.SELL if held > 0 else Side.BUY
                self._place(ticker, side, abs(held), 50 - 30 * side.opposite.sign, waits=False)

    def _place(self, ticker: str, side: Side, units: int, cents: int, *, waits: bool) -> None:
        life = TimeInForce.GTC if waits else TimeInForce.IOC
        wanted = replace(request(side, 1, cents, ticker=ticker, time_in_force=life), size=units)
        with suppress(Rejected):
            self.live.exchange.place(self.live.ann, wanted)

    async def _take_over(self) -> None:
        """The trader dies between two passes; the next knows what was kept, and nothing else."""
        venue = venue_on(self.live.trading, self.live.clock, MOST_CONTRACTS, MARKETS)
        for _ in range(60):
            with suppress(ExchangeError):
                self.handed_on = await venue.open_term(self.handed_on)
                break
            self.live.clock.pass_by(1)
        else:
            raise TrialFailed("no term began within a minute")
        resting = [one.client_order_id for one in self.live.ann.open_orders.values()]
        self.left += [name for name in resting if name in self.hands.store.intended]
        self.hands.venue = venue  # type: ignore[assignment]  # the real one
        self.hands.restart()
        self.takeovers += 1

    async def _end(self) -> None:
        self.faults = sum(fault["fired"] for fault in self.live.faults.listing())
        self.live.faults.clear()
        self.live.exchange.cancel_all(self.live.ann, None)
        for _ in range(120):
            await self._pass(None)
            if not (self.hands.trader.unresolved or self.hands.trader.working):
                return
        raise TrialFailed(f"no end after 2 minutes: {self.hands.trader.unresolved}")


def cash(live: Stand) -> Decimal:
    """All the account has at the exchange."""
    return sum((money_dollars(amount) for amount in live.ann.cash.values()), ZERO)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What so many orders came to; nothing of `broken` may be there."""

    orders: int
    taken: int
    fills: int
    foreign: int
    in_doubt: int
    takeovers: int
    exits: int
    rested: int
    overtaken: int
    faults: int
    broken: tuple[str, ...]

    def __add__(self, other: "Verdict") -> "Verdict":
        """Both together."""
        mine, theirs = astuple(self), astuple(other)
        return Verdict(*(one + another for one, another in zip(mine, theirs, strict=True)))

    @property
    def line(self) -> str:
        """For people."""
        return (
            f"{self.orders} orders written down ({self.exits} exits; {self.rested} at rest), "
            f"{self.taken} taken by the exchange, {self.fills} fills, {self.in_doubt} times "
            f"in doubt; {self.faults} faults, {self.takeovers} takeovers, {self.foreign} fills of "
            f"a stranger: 0 duplicates, 0 lost fills, {self.overtaken} fills of exits at rest that "
            "opened a position (other hands had closed it, and that was not seen yet), 0 of other "
            "exits that did, nothing rests after its term, books equal to the cent"
        )


def verdict(played: Played, start: Decimal) -> Verdict:
    """Hold what was booked against the exchange's own record."""
    store, truth, live = played.hands.store, played.truth, played.live
    ours = [fill for fill in truth.fills if fill.client_order_id in store.intended]
    leaving = {name for name, order in store.intended.items() if order.aim is Aim.LEAVE}
    resting = {name for name, order in store.intended.items() if order.life is Life.REST}
    own: list[Line] = [
        (f.fill_id, f.client_order_id, f.ticker, f.side, f.size, f.price, f.fee)
        for f in booked(store.events)
    ]
    overtaken, opened = apart(truth, turned(leaving, ours), resting & leaving)
    return Verdict(
        orders=played.sent,
        taken=len(truth.taken.keys() & store.intended.keys()),
        fills=len(ours),
        foreign=len(truth.fills) - len(ours),
        in_doubt=sum(isinstance(event, OrderUnresolved) for event in store.events),
        takeovers=played.takeovers,
        exits=len(leaving),
        rested=len(resting & truth.taken.keys()),
        overtaken=len(overtaken),
        faults=played.faults,
        broken=(
            *twice(truth.taken, store.intended),
            *not_the_same(Counter(own), Counter(map(line, ours))),
            *(f"exit {one.client_order_id} left {one.position} of {one.ticker}" for one in opened),
            *(f"order {name} rested after its term" for name in played.left),
            *_sums(played, start, own, list(map(line, truth.fills)), cash(live)),
        ),
    )


def _sums(
    played: Played, start: Decimal, own: list[Line], everything: list[Line], there: Decimal
) -> list[str]:
    """Where cash or positions differ: ours from our fills, and the exchange's from all."""
    portfolio, live = played.hands.trader.portfolio, played.live
    gain, held = moved(own, TICKERS)
    change, positions = moved(everything, TICKERS)
    sums = {
        "our cash": (portfolio.cash, start + gain),
        "the exchange's cash": (there, start + change),
        "what was kept of our cash": (played.hands.store.portfolio.cash, portfolio.cash),
    }
    for ticker in TICKERS:
        sums[f"our {ticker}"] = portfolio.size(ticker), held[ticker]
        at_exchange = size_contracts(live.ann.position(ticker))
        sums[f"the exchange's {ticker}"] = at_exchange, positions[ticker]
    return [f"{name} is {is_}, not {ought}" for name, (is_, ought) in sums.items() if is_ != ought]


async def played(orders: int, seed: int, rests: Rests = KINDS[0]) -> Verdict:
    """Trade until so many orders were written down. Raises TrialFailed if one has no end."""
    with stamina.set_testing(True, attempts=2):
        async with stand(limit=MOST_CONTRACTS, opened=False, shards=MARKETS) as live:
            live.exchange.state.accounts["ann"].cash.update(dict.fromkeys((0, 2), 10**6 * DOLLAR))
            start, truth = cash(live), Truth("ann")
            live.exchange.subscribe(truth.on_event)
            live.faults.sleep = _passing(live)
            handed_on = await live.venue.open_term(None)
            names = (f"t{seed}-{number}" for number in count(1))
            trial = Played(live, random.Random(seed), truth, Hands(live, names, rests), handed_on)
            await trial.run(orders)
            return verdict(trial, start)


def _passing(live: Stand) -> Callable[[float], Awaitable[None]]:
    async def sleep(seconds: float) -> None:
        live.clock.pass_by(seconds)

    return sleep


def main(argv: Sequence[str]) -> int:
    """1 if anything was booked twice, lost, opened by an exit, or does not add up."""
    parser = argparse.ArgumentParser(prog="python -m trials.orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="orders to write down")
    parser.add_argument("--seed", type=int, default=1, help="what fails, and when")
    spell_out()
    wanted = parser.parse_args(argv)
    # Thousands of reads are asked again: each in a line would hide what came of it.
    stamina.instrumentation.set_on_retry_hooks(())
    total: Verdict | None = None
    for number, orders in enumerate(_rounds(wanted.orders)):
        try:
            rests = KINDS[number % len(KINDS)]
            found = asyncio.run(played(orders, wanted.seed + number, rests))
        except TrialFailed as failure:
            sys.stdout.write(f"FAILED seed {wanted.seed + number}: {failure}\n")
            return 1
        for fault in found.broken[:20]:
            sys.stdout.write(f"FAILED seed {wanted.seed + number}: {fault}\n")
        if found.broken:
            return 1
        total = found if total is None else total + found
    sys.stdout.write(f"{total.line if total else 'no orders, no proof'}\n")
    return 0 if total else 1


def _rounds(orders: int) -> list[int]:
    """So many in all, each round on an exchange of its own: what it lists is looked through."""
    whole, rest = divmod(orders, ROUND)
    return [ROUND] * whole + ([rest] if rest else [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
