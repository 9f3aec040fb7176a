"""What the exchange itself tells of fills, and how it differs from what was booked."""

from collections import Counter, defaultdict
from collections.abc import Container, Generator, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from bot.core.events import Event, OrderEnded, OrderFilled
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orders import Fill
from bot.sim.engine.events import Filled, OrderChanged, SimEvent
from bot.sim.engine.units import money_dollars, price_dollars, size_contracts


@dataclass
class Truth:
    """What the exchange itself tells of an account: each fill, as it happens."""

    account: str
    fills: list[Filled] = field(default_factory=list)
    #: How often each order was taken, by its client order id.
    taken: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    #: How many fills there were when an order was taken.
    _since: dict[str, int] = field(default_factory=dict)
    _held: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def on_event(self, event: SimEvent) -> None:
        """Remember it."""
        if not isinstance(event, Filled | OrderChanged) or event.account != self.account:
            return
        if event.order_id not in self.seen:
            self.seen.add(event.order_id)
            self.taken[event.client_order_id] += 1
            self._since.setdefault(event.client_order_id, len(self.fills))
        if isinstance(event, Filled):
            self.fills.append(event)
            self._held[event.ticker][event.client_order_id] += event.side.sign * event.size

    def was_overtaken(self, name: str) -> bool:
        """Whether anything else of its market traded on the account while an order was there."""
        later = self.fills[self._since[name] :]
        ticker = next(fill.ticker for fill in later if fill.client_order_id == name)
        return any(fill.ticker == ticker and fill.client_order_id != name for fill in later)

    def foreign(self, ticker: str, ours: Container[str]) -> int:
        """Signed units that orders of other hands hold of a market."""
        of = self._held[ticker].items()
        return sum(size for name, size in of if name not in ours)


#: A fill as both sides have it: its name, whose it is, and what it moved.
Line = tuple[str, str, str, Side, Decimal, Decimal, Decimal]


def line(fill: Filled) -> Line:
    """A fill of the exchange's own record."""
    amounts = size_contracts(fill.size), price_dollars(fill.price), money_dollars(fill.fee)
    return (fill.trade_id, fill.client_order_id, fill.ticker, fill.side, *amounts)


def moved(lines: Iterable[Line], tickers: Iterable[str]) -> tuple[Decimal, dict[str, Decimal]]:
    """What fills do to cash and positions: a contract sold is a debt of up to a dollar."""
    paid, held = ZERO, dict.fromkeys(tickers, ZERO)
    for _, _, ticker, side, size, price, fee in lines:
        paid += side.sign * size * price + fee
        held[ticker] += side.sign * size
    owed = sum((-size for size in held.values() if size < 0), ZERO)
    return -paid - owed, held


def twice(taken: Counter[str], intended: Iterable[str]) -> list[str]:
    """Orders that the exchange has more than once."""
    return [f"order {name} was taken {taken[name]} times" for name in intended if taken[name] > 1]


def not_the_same(booked: Counter[Line], there: Counter[Line]) -> list[str]:
    """Fills that only one side has, or that one has more often."""
    lost = [f"not booked: {one}" for one in (there - booked).elements()]
    return lost + [f"booked, but not there: {one}" for one in (booked - there).elements()]


def turned(exits: Container[str], fills: Iterable[Filled]) -> list[Filled]:
    """Fills of exits after which more was held than before, or of the other side."""
    found = []
    for fill in fills:
        before = fill.position - fill.side.sign * fill.size
        is_worse = abs(fill.position) >= abs(before) or fill.position * before < 0
        if fill.client_order_id in exits and is_worse:
            found.append(fill)
    return found


def booked(events: Iterable[Event]) -> Generator[Fill, None, None]:
    for event in events:
        if isinstance(event, OrderFilled):
            yield from event.fills
        elif isinstance(event, OrderEnded):
            yield from event.execution.fills


def apart(
    truth: Truth, opened: Iterable[Filled], resting: Container[str]
) -> tuple[list[Filled], list[Filled]]:
    """Those of exits at rest, where other hands traded while it rested, and those without excuse.

    The exchange knows no order that rests and only reduces.
    """
    overtaken: list[Filled] = []
    others: list[Filled] = []
    for fill in opened:
        name = fill.client_order_id
        is_excused = name in resting and truth.was_overtaken(name)
        (overtaken if is_excused else others).append(fill)
    return overtaken, others
