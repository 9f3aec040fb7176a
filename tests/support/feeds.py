"""What stands around a feed of order books: a clock, REST, a stream without news."""

from bot.ports.exchange import BookAnswer, ExchangeError
from tests.support.stream_clients import Linked


class Rest:
    """The exchange over REST: it has the books of the exchange, or those of `instead`."""

    def __init__(self, linked: Linked) -> None:
        self.linked = linked
        self.asked: list[tuple[str, ...]] = []
        self.fault: str | None = None
        self.instead: Linked | None = None

    async def books(self, tickers):
        self.asked.append(tuple(tickers))
        if self.fault:
            raise ExchangeError(self.fault)
        return BookAnswer((self.instead or self.linked).books_as_rest(tickers))

    async def trades(self, ticker, limit):
        return ()

    async def recent_trades(self, since, pages):
        self.asked.append(("trades",))
        return (), True, frozenset()


class Clock:
    """The clock of a linked client."""

    def __init__(self, linked: Linked) -> None:
        self._linked = linked

    def now(self):
        return self._linked.now_at()


class Still:
    """No connection: the protocol is driven by hand."""

    async def run(self, stopping):
        await stopping.wait()
