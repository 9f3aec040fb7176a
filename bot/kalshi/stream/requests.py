"""What is asked of the stream: subscriptions to what is wanted, and snapshots of books.

It remembers what was asked for on this connection; what the answers mean is `protocol`'s part.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bot.core.market.book_store import BookStore
from bot.kalshi.stream.commands import (
    BOOK,
    LIFECYCLE,
    NAMED_AT_ONCE,
    OF_MARKETS,
    TRADE,
    Command,
    Commands,
)
from bot.kalshi.stream.resyncs import Resyncs
from bot.kalshi.stream.rules import StreamRules
from bot.kalshi.stream.subscriptions import Subscription, Subscriptions
from bot.kalshi.stream.trades import StreamedTrades


class StreamRequests:
    """The commands of one connection, and the markets that they are about."""

    def __init__(
        self,
        store: BookStore,
        trades: StreamedTrades,
        rules: StreamRules,
        of_account: Sequence[str],
        counts: Counter[str],
    ) -> None:
        """`of_account` are the channels of the account that are wanted."""
        self.wanted: dict[str, None] = {}
        self.resyncs = Resyncs(rules.resync, rules.longest)
        self._counts = counts
        self._store = store
        self._trades = trades
        self._longest = rules.longest
        self._of_account = of_account
        self._probes = 0
        self.commands = Commands()
        self.subscriptions = Subscriptions((*OF_MARKETS, LIFECYCLE, *of_account))

    def begin(self) -> None:
        """A connection is open: nothing was asked on it yet."""
        self.commands = Commands()
        self.end()

    def end(self) -> None:
        """The connection is gone, and what was subscribed to on it."""
        self.subscriptions = Subscriptions((*OF_MARKETS, LIFECYCLE, *self._of_account))

    def probe(self, at: float) -> None:
        """Ask for the snapshot of one book, in turn: it bears a number, and has to be the book."""
        books = self.subscriptions.by_channel[BOOK]
        if books.sid is None or not books.asked:
            return
        wanted = [ticker for ticker in self.wanted if ticker in books.asked]
        if wanted:
            self._probes += 1
            ticker = wanted[self._probes % len(wanted)]
            self.commands.update("get_snapshot", BOOK, books.sid, [ticker], at)

    def ask_for_snapshots(self, at: float) -> None:
        books = self.subscriptions.by_channel[BOOK]
        if books.sid is None:
            return
        due = self.resyncs.due(at, books.asked, lambda one: self._store.fault(one) is None)
        self._counts["resyncs"] += len(due)
        for tickers in _named(due):
            self.commands.update("get_snapshot", BOOK, books.sid, tickers, at)

    def adjust(self, at: float) -> None:
        """Ask for what is wanted and not asked for, and for no more."""
        for channel in (LIFECYCLE, *self._of_account):
            self._subscribe(self.subscriptions.by_channel[channel], (), at)
        for channel in OF_MARKETS:
            subscription = self.subscriptions.by_channel[channel]
            if subscription.sid is None:
                if self.wanted:
                    self._subscribe(subscription, tuple(self.wanted)[:NAMED_AT_ONCE], at)
            elif subscription.retry_at <= at:
                self._update(subscription, subscription.sid, at)

    def _subscribe(self, subscription: Subscription, tickers: Sequence[str], at: float) -> None:
        waits = self.commands.waits("subscribe", subscription.channel)
        if subscription.sid is not None or waits or subscription.retry_at > at:
            return
        subscription.asked = set(tickers)
        self.commands.subscribe(subscription.channel, tickers, at)
        self._expect(subscription, tickers, at)

    def _update(self, subscription: Subscription, sid: int, at: float) -> None:
        added = [ticker for ticker in self.wanted if ticker not in subscription.asked]
        gone = [ticker for ticker in subscription.asked if ticker not in self.wanted]
        for tickers in _named(added):
            self.commands.update("add_markets", subscription.channel, sid, tickers, at)
        for tickers in _named(gone):
            self.commands.update("delete_markets", subscription.channel, sid, tickers, at)
        subscription.asked |= set(added)
        subscription.asked -= set(gone)
        self._expect(subscription, added, at)
        if subscription.channel == TRADE:
            self._trades.leave(gone)

    def _expect(self, subscription: Subscription, tickers: Iterable[str], at: float) -> None:
        """Snapshots of these have to come by themselves; after a while they are asked for."""
        if subscription.channel == BOOK:
            self.resyncs.expect(tickers, at)

    def refused(self, command: Command, at: float) -> None:
        """A command was not obeyed: what it asked for is asked for again, later."""
        subscription = self.subscriptions.by_channel.get(command.channel)
        if subscription is None:
            return
        if command.name == "subscribe":
            self.subscriptions.ended(subscription, at, self._longest)
        elif command.name == "add_markets":
            subscription.asked -= set(command.tickers)
            subscription.delay(at, self._longest)
        elif command.name == "delete_markets":
            subscription.asked |= set(command.tickers)
            subscription.delay(at, self._longest)


def _named(tickers: Sequence[str]) -> Iterator[Sequence[str]]:
    return (tickers[n : n + NAMED_AT_ONCE] for n in range(0, len(tickers), NAMED_AT_ONCE))
