"""Carries the events of the exchange to the subscriptions that want them.

An event is put into words once, however many subscribers there are, and not at all if nobody
asked for it.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from bot.sim.engine.accounts import owner_of
from bot.sim.engine.events import (
    BookDelta,
    EventCreated,
    Filled,
    MarketChanged,
    OrderChanged,
    Settled,
    SimEvent,
    Traded,
)
from bot.sim.engine.exchange import Exchange
from bot.sim.stream import channels, lifecycle, private
from bot.sim.stream.render import Contents, market_id


class Reader(Protocol):
    """A subscription as the hub sees it."""

    account: str
    is_yes_priced: bool

    def deliver(self, content: str) -> None:
        """Take the content of a frame."""
        ...

    def wake(self, ticker: str) -> None:
        """Know that a market's ticker may have changed."""
        ...


class StreamListeners:
    """Who reads one channel: of single markets, and of all."""

    def __init__(self) -> None:
        # Tuples, since a reader may fall out while its frame is being delivered.
        self._by_ticker: dict[str, tuple[Reader, ...]] = {}
        self._everything: tuple[Reader, ...] = ()

    def of(self, ticker: str) -> tuple[Reader, ...]:
        """Who wants to know of a market."""
        readers = self._by_ticker.get(ticker, ())
        return readers + self._everything if self._everything else readers

    def join(self, reader: Reader, tickers: Iterable[str] | None) -> None:
        """Add a reader of these markets; None for all."""
        if tickers is None:
            self._everything = (*self._everything, reader)
            return
        for ticker in tickers:
            self._by_ticker[ticker] = (*self._by_ticker.get(ticker, ()), reader)

    def leave(self, reader: Reader, tickers: Iterable[str] | None) -> None:
        """Take a reader of these markets out; None for all."""
        if tickers is None:
            self._everything = tuple(one for one in self._everything if one is not reader)
            return
        for ticker in tickers:
            self._leave_one(reader, ticker)

    def _leave_one(self, reader: Reader, ticker: str) -> None:
        left = tuple(one for one in self._by_ticker.get(ticker, ()) if one is not reader)
        if left:
            self._by_ticker[ticker] = left
        else:
            self._by_ticker.pop(ticker, None)


class Hub:
    """Listens to an exchange for all connections."""

    def __init__(self, exchange: Exchange) -> None:
        self.state = exchange.state
        self.contents = Contents(exchange.state)
        self.audiences: Final = {name: StreamListeners() for name in channels.CHANNELS}
        self._books = self.audiences[channels.BOOK]
        self._tickers = self.audiences[channels.TICKER]
        self._hears: dict[type[Any], Any] = {
            BookDelta: self._delta,
            Traded: self._traded,
            Filled: self._filled,
            OrderChanged: self._order,
            Settled: self._settled,
            MarketChanged: self._market,
            EventCreated: self._event,
        }
        exchange.subscribe(self.on_event)

    def on_event(self, event: SimEvent) -> None:
        """Notify the readers."""
        hears = self._hears.get(type(event))
        if hears is not None:
            hears(event)

    def tickers(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The markets with these UUIDs; unknown ones are left out."""
        wanted = set(ids)
        return tuple(ticker for ticker in self.state.markets if market_id(ticker) in wanted)

    def _delta(self, event: BookDelta) -> None:
        readers = self._books.of(event.ticker)
        if readers:
            texts = self.contents.delta(event)
            for reader in readers:
                text = texts.yes_price if reader.is_yes_priced else texts.own_price
                if reader.account == owner_of(event.account):
                    text = self._signed(text, event)
                reader.deliver(text)
        for reader in self._tickers.of(event.ticker):
            reader.wake(event.ticker)

    def _signed(self, text: str, event: BookDelta) -> str:
        """A change of the reader's own making, with what only he may know."""
        account = self.state.accounts[event.account]
        order = account.orders.get(event.order_id)
        if order is None:
            return text
        return private.owned(text, order.client_order_id, account.number)

    def _traded(self, event: Traded) -> None:
        readers = self.audiences[channels.TRADE].of(event.ticker)
        if readers:
            text = self.contents.trade(event)
            for reader in readers:
                reader.deliver(text)
        for reader in self._tickers.of(event.ticker):
            reader.wake(event.ticker)

    def _filled(self, event: Filled) -> None:
        for reader in self._of_account(channels.FILL, event.ticker, event.account):
            reader.deliver(private.fill(self.state, event))
        self._position(event.ticker, event.account)

    def _order(self, event: OrderChanged) -> None:
        for reader in self._of_account(channels.ORDERS, event.ticker, event.account):
            reader.deliver(private.user_order(self.state, event))

    def _settled(self, event: Settled) -> None:
        if not self.state.accounts[event.account].is_house:
            self._position(event.ticker, event.account)

    def _position(self, ticker: str, account: str) -> None:
        for reader in self._of_account(channels.POSITIONS, ticker, account):
            reader.deliver(private.position(self.state, account, ticker))

    def _market(self, event: MarketChanged) -> None:
        is_combo = self.state.markets[event.ticker].spec.is_combo
        channel = channels.COMBO_LIFECYCLE if is_combo else channels.LIFECYCLE
        readers = self.audiences[channel].of("")
        text = lifecycle.market_step(self.state, event, channel) if readers else None
        if text is not None:
            for reader in readers:
                reader.deliver(text)
        for reader in self._tickers.of(event.ticker):
            reader.wake(event.ticker)

    def _event(self, event: EventCreated) -> None:
        for reader in self.audiences[channels.LIFECYCLE].of(""):
            reader.deliver(lifecycle.new_event(self.state, event))

    def _of_account(self, channel: str, ticker: str, account: str) -> list[Reader]:
        return [
            one for one in self.audiences[channel].of(ticker) if one.account == owner_of(account)
        ]
