"""Our side of the stream joined to the simulated exchange's, frame by frame and without I/O."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

import numpy as np

from bot.core.market.book_store import BookStore
from bot.core.market.market import Side
from bot.core.market.orderbook import Books
from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.stream.rules import StreamRules
from bot.kalshi.wire.frames import price_units
from bot.sim.engine.events import BookDelta, SimEvent
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.units import PRICE_TEXT
from bot.sim.stream.answers import answer
from bot.sim.stream.hub import Hub
from bot.sim.stream.session import StreamSession
from bot.sim.stream.terms import StreamLimits
from tests.support.sim_exchanges import START, exchange_with, request

NOW: Final = START.timestamp()
CROWD: Final = ("crowd", "others")
MARKETS: Final = ("KXRAIN-A", "KXRAIN-B", "KXRAIN-C")

#: What becomes of a frame on its way.
Way = Callable[[str], Iterable[str]]


class Unspoiled:
    """No faults of the exchange's own."""

    spoils_frames = False

    def error(self, _channel: str) -> int:
        return 0

    def frames(self, _channel: str, _frame: str) -> None:
        """Never asked."""


def untouched(frame: str) -> Iterable[str]:
    return (frame,)


@dataclass
class Linked:
    """A client connected to an exchange; nothing moves but by `exchange_frames`."""

    exchange: Exchange = field(default_factory=lambda: exchange_with(*MARKETS))
    rules: StreamRules = field(default_factory=StreamRules)
    now: float = NOW
    #: By how many seconds the exchange's clock is ahead.
    ahead: float = 0.0
    way: Way = untouched
    limits: StreamLimits = field(default_factory=StreamLimits)

    def __post_init__(self) -> None:
        self.now -= self.ahead
        for name in CROWD:
            self.exchange.open_account(name, house=True)
        self.hub = Hub(self.exchange)
        self.protocol = StreamProtocol(BookStore(), self.rules)
        self.refusals: list[int] = []
        self.session: StreamSession | None = None
        self.connect()

    def connect(self, account: str = CROWD[0]) -> None:
        self.session = StreamSession(
            self.hub, account, may_read=True, limits=self.limits, spoiler=Unspoiled()
        )
        self.protocol.connected(self.now)
        self.exchange_frames()

    def cut(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session = None
        self.protocol.lost("it was cut", self.now)

    def exchange_frames(self) -> None:
        """Send and receive until both sides have said all."""
        while self.session is not None:
            said = self.protocol.outgoing()
            for text in said:
                answer(self.session, text, self.refusals.pop(0) if self.refusals else 0)
            if not (self.deliver() or said):
                return

    def deliver(self) -> int:
        """Let the client receive what the exchange has said; how many frames those were."""
        frames = self.session.take(int((self.now + self.ahead) * 1000)) if self.session else []
        for frame in frames:
            for arrived in self.way(frame):
                self.protocol.receive(arrived.encode(), self.now)
        return len(frames)

    def watch(self, *tickers: str) -> None:
        self.protocol.watch(tickers or MARKETS, self.now)
        self.exchange_frames()

    def pass_time(self, seconds: float) -> str | None:
        """Let time pass, a quarter of a second at a time; why the connection is given up."""
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self.exchange.advance(datetime.fromtimestamp(self.now + self.ahead, UTC))
            if (reason := self.protocol.tick(self.now)) is not None:
                return reason
            self.exchange_frames()
        return None

    def live(self, seconds: float) -> None:
        """Let time pass, and connect again whenever a connection is given up."""
        for _ in range(round(seconds)):
            if self.pass_time(1) is not None:
                self.cut()
                self.connect()

    def place(self, side: Side, contracts: float, cents: float, ticker: str = MARKETS[0]) -> None:
        """Buyers and sellers are two, so that they trade with each other."""
        owner = self.exchange.state.accounts[CROWD[side is Side.BUY]]
        self.exchange.place(owner, request(side, contracts, cents, ticker=ticker))

    def act(self, chance: Random) -> None:
        """One random operation of the crowd, which trades with itself too."""
        owner = self.exchange.state.accounts[chance.choice(CROWD)]
        if chance.random() < 0.4 and owner.open_orders:
            self.exchange.cancel(owner, chance.choice(list(owner.open_orders)))
            return
        side = chance.choice(list(Side))
        cents = 50 - side.sign * chance.randrange(-2, 30)
        self.place(side, chance.randrange(1, 2_000) / 100, cents, chance.choice(MARKETS))

    def truth(self, ticker: str) -> tuple[dict[int, int], dict[int, int]]:
        """The exchange's own book in the units of ours."""
        return true_levels(self.exchange, ticker)

    def now_at(self, ahead: float = 0.0) -> datetime:
        """Our clock, so many seconds from now."""
        return datetime.fromtimestamp(self.now + ahead, UTC)

    def books_as_rest(self, tickers: Sequence[str]) -> Books:
        """What REST would answer now."""
        store = BookStore()
        for ticker in tickers:
            store.replace(ticker, *self.truth(ticker))
        return store.read(tickers, np.full(len(tickers), self.now))

    def states(self) -> "States":
        """All states of all books from now on."""
        return States(self)

    def missing(self) -> dict[str, str]:
        return dict(self.protocol.books(MARKETS, self.now).missing)

    def assert_whole(self) -> None:
        """Every watched book is shown, and is the exchange's."""
        assert self.missing() == {}
        for ticker in MARKETS:
            assert self.protocol.store.levels(ticker) == self.truth(ticker)


class States:
    """Every state that a book of the exchange went through, one after each change of a level."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        self._books = {ticker: linked.truth(ticker) for ticker in MARKETS}
        self._states: dict[str, list[tuple[float, object]]] = {
            ticker: [(linked.now, self._copy(ticker))] for ticker in MARKETS
        }
        linked.exchange.subscribe(self._on_event)

    def at(self, ticker: str, moment: float) -> list[object]:
        """The states at that moment: the one it began with, and those of that very moment."""
        before = [state for at, state in self._states[ticker] if at < moment][-1:]
        return before + [state for at, state in self._states[ticker] if at == moment]

    def _on_event(self, event: SimEvent) -> None:
        if isinstance(event, BookDelta):
            side = self._books[event.ticker][event.side is not Side.BUY]
            price = _units(event.price)
            side[price] = side.get(price, 0) + event.change
            if not side[price]:
                del side[price]
            self._states[event.ticker].append((self._linked.now, self._copy(event.ticker)))

    def _copy(self, ticker: str) -> object:
        bids, asks = self._books[ticker]
        return dict(bids), dict(asks)


def _units(price: int) -> int:
    return price_units(PRICE_TEXT[price])


def true_levels(exchange: Exchange, ticker: str) -> tuple[dict[int, int], dict[int, int]]:
    """A book of the exchange: bids and asks, sizes by price, in units of the book store."""
    book = exchange.market(ticker).book

    def side(which: Side) -> dict[int, int]:
        return {_units(price): size for price, size in book.levels(which)}

    return side(Side.BUY), side(Side.SELL)
