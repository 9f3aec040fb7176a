"""The client side of the stream without I/O: frames and time in, commands out, books between.

Every book is proved before it is shown: no sequence number was missed since its snapshot, no
level fell below zero, it is not crossed, the exchange's own ticker does not quote otherwise, and
the line is not late. Whatever fails that is invalid until a new snapshot has come, and says why.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bot.core.market.book_store import CROSSED, PRICE_UNITS, BookStore, Levels
from bot.core.market.orderbook import Books
from bot.kalshi.stream.commands import (
    BOOK,
    LIFECYCLE,
    NAMED_AT_ONCE,
    OF_ACCOUNT,
    OF_MARKETS,
    TRADE,
    Command,
    Commands,
)
from bot.kalshi.stream.halts import Halts
from bot.kalshi.stream.resyncs import Resyncs
from bot.kalshi.stream.subscriptions import Numbered, Subscription, Subscriptions
from bot.kalshi.stream.timing import StreamTiming
from bot.kalshi.stream.trades import StreamedTrades
from bot.kalshi.wire.frames import (
    AccountFrame,
    BookSnapshot,
    Delta,
    DeltaFrame,
    Envelope,
    ErrorFrame,
    LifecycleFrame,
    Message,
    Subscribed,
    Tick,
    TradeFrame,
    delta,
    exact_delta,
    frame,
    levels,
    price_units,
)
from bot.kalshi.wire.markets import PublicTrade
from bot.ports.exchange import BookAnswer, ExchangeError

#: Codes after which a subscription is over; 25 is a client that reads too slowly.
TERMINAL: Final = frozenset({10, 25})
OVERFLOW: Final = 25
#: Seconds by which our clock may go back before that is a jump.
BACK: Final = 0.5
#: Seconds between the frames of one event.
SAME_EVENT: Final = 0.1
#: Problems remembered for whoever logs them.
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class StreamRules:
    """Seconds of patience.

    `stale_after` is how late the line may be, `answer_within` how long a command may take before
    the connection is given up, `heartbeat` how often one is given, `resync` how long a snapshot
    may take before it is asked for again (each time twice as long, up to `longest`), `uncross`
    how long a book may stay crossed, `quotes_agree` how long the ticker may quote otherwise.
    Without `checks_lag` the times of events do not count as late.
    """

    stale_after: float = 3.0
    answer_within: float = 10.0
    heartbeat: float = 0.2
    resync: float = 2.0
    longest: float = 60.0
    uncross: float = 0.25
    quotes_agree: float = 2.0
    checks_lag: bool = True


class StreamListener(Protocol):
    """Who hears of everything that the stream told, in its order."""

    def on_change(self, change: Delta, at: float) -> None:
        """A level of a sound book has changed."""
        ...

    def on_snapshot(self, ticker: str, at: float) -> None:
        """A whole sound book has come; it is in the store."""
        ...

    def on_break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        """What was known of these books is not true any more."""
        ...

    def on_trade(self, trade: PublicTrade, at: float) -> None:
        """Contracts changed hands."""
        ...


@dataclass(frozen=True, slots=True)
class _Quote:
    """What the ticker quotes, in units; 0 and 1 for empty sides."""

    bid: int
    ask: int
    at: float


class StreamProtocol:
    """One client over any number of connections, one at a time."""

    def __init__(
        self,
        store: BookStore,
        rules: StreamRules | None = None,
        on_account: Callable[[], None] | None = None,
    ) -> None:
        """`on_account` hears that something may have happened to the account, if that is wanted."""
        self._on_account = on_account
        self._of_account = OF_ACCOUNT if on_account else ()
        self._channels = (*OF_MARKETS, LIFECYCLE, *self._of_account)
        self.store = store
        self.rules = rules or StreamRules()
        self.trades = StreamedTrades()
        self.timing = StreamTiming()
        self.fault: str | None = "the stream is not connected yet"
        self.counts: Counter[str] = Counter()
        self.listeners: list[StreamListener] = []
        self._wanted: dict[str, None] = {}
        self._commands = Commands()
        self._subscriptions = Subscriptions(self._channels)
        self._resyncs = Resyncs(self.rules.resync, self.rules.longest)
        self._quotes: dict[str, _Quote] = {}
        self._changed_at: dict[str, float] = {}
        self._halts = Halts()
        self._problems: list[str] = []
        self._proved_at = self._shown_at = self._beat_at = self._last_at = 0.0
        self._probes = 0

    @property
    def subscriptions(self) -> int:
        """Markets whose books are subscribed to."""
        books = self._subscriptions.by_channel[BOOK]
        return len(books.asked) if books.sid is not None else 0

    def connected(self, at: float) -> None:
        """A connection is open; nothing of an earlier one is believed."""
        self._commands = Commands()
        self._subscriptions = Subscriptions(self._channels)
        self.timing = StreamTiming()
        self.fault = None
        self._commands.heartbeat(at)
        self._beat_at = self._proved_at = at
        self._adjust(at)

    def lost(self, reason: str, at: float) -> None:
        """The connection is gone, and every book with it."""
        self.fault = f"the stream is not connected: {reason}"
        self._subscriptions = Subscriptions(self._channels)
        self._break(self.store.tickers, self.fault, at)
        self._resyncs.clear()
        self.trades.leave(tuple(self._wanted))
        self._halts.clear()

    def watch(self, tickers: Iterable[str], at: float) -> None:
        """These markets from now on, and no others."""
        wanted = dict.fromkeys(tickers)
        if wanted.keys() == self._wanted.keys():
            return
        gone = [ticker for ticker in self._wanted if ticker not in wanted]
        self._wanted = wanted
        self.store.drop(gone)
        for ticker in gone:
            self._resyncs.arrived(ticker)
            self._quotes.pop(ticker, None)
            self._changed_at.pop(ticker, None)
        if self.fault is None:
            self._adjust(at)

    def outgoing(self) -> list[bytes]:
        """What is to be sent now."""
        return self._commands.outgoing()

    def problems(self) -> list[str]:
        """What went wrong since the last call, in words."""
        problems, self._problems = self._problems, []
        return problems

    def receive(self, text: bytes, at: float) -> None:
        """A frame has come."""
        self._check_clock(at)
        try:
            change = delta(text)
            if change is not None:
                self._changed(change, at)
            else:
                self._frame(*frame(text), at)
        except ExchangeError as error:
            # Nobody knows what it was about.
            self.counts["unreadable"] += 1
            self._all_missed(f"a frame of the stream cannot be read: {error}", at)

    def tick(self, at: float) -> str | None:
        """Time has passed; why the connection is to be given up, None if it is well."""
        self._check_clock(at)
        oldest = self._commands.oldest()
        if oldest is not None and at - oldest.at > self.rules.answer_within:
            return f"no answer to {oldest.name} within {self.rules.answer_within:g} s"
        waits = self._commands.waits("list_subscriptions")
        if at - self._beat_at >= self.rules.heartbeat and not waits:
            self._beat_at = at
            self._probe(at)
            self._commands.heartbeat(at)
        self._adjust(at)
        self._ask_for_snapshots(at)
        return None

    def late(self, at: float) -> float | None:
        """Seconds by which what is known is behind; None if that is not known."""
        known = self.timing.known_up_to(at)
        return None if known is None else at - min(known, self._proved_at)

    def books(self, tickers: Sequence[str], at: float) -> BookAnswer:
        """The books that are proved, as they stand, and why others are not."""
        general = self.general_fault(at)
        if general is not None:
            return BookAnswer(_NO_BOOKS, dict.fromkeys(tickers, general))
        missing = {t: reason for t in tickers if (reason := self._fault(t, at)) is not None}
        sound = tuple([ticker for ticker in tickers if ticker not in missing])
        self._shown_at = self._proved_at
        # What the next number will tell was missed came after that frame.
        return BookAnswer(self.store.read(sound, np.full(len(sound), self._proved_at)), missing)

    def distrust(self, ticker: str, reason: str, at: float) -> None:
        """Somebody else knows better: this book is invalid until a snapshot has come."""
        self.counts["distrusted"] += 1
        self._spoil(ticker, reason, at)

    def trades_since(self, tickers: Iterable[str], since: float) -> frozenset[str] | None:
        """Those of these markets of whose trades some are unknown; None if no trades are told."""
        if self.fault is not None or self._subscriptions.by_channel[TRADE].sid is None:
            return None
        return self.trades.unknown(tickers, since)

    def changed_at(self, ticker: str) -> float:
        """When a book changed last, our clock; 0 if it never did."""
        return self._changed_at.get(ticker, 0.0)

    def is_halted(self, ticker: str) -> bool:
        """Whether the exchange said that nothing trades in a market any more."""
        return self._halts.reason(ticker) is not None

    def general_fault(self, at: float) -> str | None:
        """Why no book at all is proved; None if some may be."""
        if self.fault is not None:
            return self.fault
        late = self.late(at)
        if late is None:
            return "the stream has not shown yet how late it is"
        if late > self.rules.stale_after:
            return f"the stream is {late:.1f} s late"
        return None

    def _fault(self, ticker: str, at: float) -> str | None:
        fault = self._halts.reason(ticker) or self.store.fault(ticker)
        if fault is None and (fault := self._contradicted(ticker, at)) is not None:
            self.distrust(ticker, fault, at)
        return fault

    def _contradicted(self, ticker: str, at: float) -> str | None:
        """Why the exchange's ticker makes a book that has not changed since unbelievable."""
        quote = self._quotes.get(ticker)
        if quote is None or at - quote.at < self.rules.quotes_agree:
            return None
        if self._changed_at.get(ticker, 0.0) >= quote.at:
            return None
        bid, ask = self.store.best(ticker)
        if (bid or 0, ask or PRICE_UNITS) == (quote.bid, quote.ask):
            return None
        return "the exchange's ticker quotes other prices than the book"

    def _check_clock(self, at: float) -> None:
        """A clock that went back would make everything look newer than it is."""
        if at < self._last_at - BACK:
            self._report("our clock went back: nothing is believed until it is proved anew")
            self.timing = StreamTiming()
            self._commands.date_back(at)
            self._proved_at = self._beat_at = at - self.rules.longest
            self._changed_at.clear()
            self._quotes.clear()
        self._last_at = at

    def _changed(self, change: Delta, at: float) -> None:
        subscription = self._subscriptions.by_sid.get(change.sid)
        if subscription is None:
            # Of a subscription that is over: on its way when it ended.
            return
        self._happened(at, change.ts_ms, change.sent_ms)
        ticker = change.ticker
        if change.seq == subscription.seq + 1:
            subscription.seq = change.seq
            self._proved_at = at
        elif not self._in_order(subscription, change.seq, ticker, at):
            return
        if ticker not in self._wanted or self.store.fault(ticker) not in (None, CROSSED):
            return
        fault = self.store.change(ticker, change.side, change.price, change.by)
        self._changed_at[ticker] = at
        if fault is not None:
            self._unsound(ticker, fault, at)
            if fault != CROSSED:
                return
        for listener in self.listeners:
            listener.on_change(change, at)

    def _happened(self, at: float, event_ms: int, sent_ms: int | None) -> None:
        if self.rules.checks_lag:
            self.timing.happened(at, event_ms, sent_ms)
        else:
            self.timing.heard(at, sent_ms)

    def _in_order(self, subscription: Subscription, seq: int, ticker: str, at: float) -> bool:
        """Whether a frame with that number is to be believed; a gap before it is dealt with."""
        before = subscription.seq
        numbered = subscription.follows(seq)
        if numbered is Numbered.GAP:
            self.counts["gaps"] += 1
            self._missed(subscription, f"frames {before + 1} to {seq - 1} were missed", at)
        elif numbered is Numbered.REPEATED:
            self.counts["duplicates"] += 1
            if subscription.channel == BOOK and ticker:
                self._spoil(ticker, f"frame {seq} came twice", at)
        if subscription.channel == BOOK and numbered is not Numbered.REPEATED:
            self._proved_at = at
        return numbered is not Numbered.REPEATED

    def _frame(self, envelope: Envelope, message: Message, at: float) -> None:
        if isinstance(message, DeltaFrame):
            self._changed(exact_delta(envelope, message), at)
            return
        self.timing.heard(at, envelope.sending_ts_ms)
        if isinstance(message, Subscribed):
            self._opened(envelope, message, at)
            return
        subscription = self._subscriptions.by_sid.get(envelope.sid or 0)
        ticker = getattr(message, "market_ticker", "")
        seq = envelope.seq
        if subscription and seq and not self._in_order(subscription, seq, ticker, at):
            return
        if isinstance(message, ErrorFrame):
            self._error(envelope, message, subscription, at)
        elif envelope.type in ("ok", "unsubscribed"):
            self._answered(envelope, at)
        elif subscription is not None:
            self._market_message(message, at)

    def _market_message(self, message: Message, at: float) -> None:
        if isinstance(message, BookSnapshot):
            self._snapshot(message, at)
        elif isinstance(message, TradeFrame):
            self._traded(message, at)
        elif isinstance(message, Tick):
            self._quoted(message, at)
        elif isinstance(message, LifecycleFrame):
            self._halts.on_lifecycle(message, self._wanted)
        elif isinstance(message, AccountFrame):
            self._hint()

    def _snapshot(self, message: BookSnapshot, at: float) -> None:
        ticker = message.market_ticker
        if ticker not in self._wanted:
            return
        try:
            bids, asks = levels(message.yes_dollars_fp), levels(message.no_dollars_fp)
        except ExchangeError as error:
            self._spoil(ticker, str(error), at)
            return
        if self._is_as_known(ticker, bids, asks):
            return
        if self.store.fault(ticker) is None:
            self.counts["differences"] += 1
            self._report(f"{ticker}: the book differed from its snapshot although none was missed")
        self._changed_at[ticker] = at
        fault = self.store.replace(ticker, bids, asks)
        if fault is not None:
            self._unsound(ticker, fault, at)
            return
        self._resyncs.arrived(ticker)
        for listener in self.listeners:
            listener.on_snapshot(ticker, at)

    def _is_as_known(self, ticker: str, bids: Levels, asks: Levels) -> bool:
        """Whether a sound book is that of its snapshot."""
        if self.store.fault(ticker) is not None:
            return False
        self._resyncs.arrived(ticker)
        return self.store.levels(ticker) == (_present(bids), _present(asks))

    def _traded(self, message: TradeFrame, at: float) -> None:
        self._happened(at, message.ts_ms, None)
        if message.market_ticker not in self._wanted:
            return
        # The change that it made comes just before or after it, and belongs to the same look; if
        # somebody has looked in between, it belongs to the next.
        just_before = at - self._proved_at <= SAME_EVENT and self._proved_at > self._shown_at
        trade = self.trades.add(message, self._proved_at if just_before else at)
        for listener in self.listeners:
            listener.on_trade(trade, at)

    def _quoted(self, message: Tick, at: float) -> None:
        if message.market_ticker not in self._wanted:
            return
        bid = price_units(message.yes_bid_dollars) if float(message.yes_bid_size_fp) else 0
        ask = (
            price_units(message.yes_ask_dollars) if float(message.yes_ask_size_fp) else PRICE_UNITS
        )
        self._quotes[message.market_ticker] = _Quote(bid, ask, at)

    def _opened(self, envelope: Envelope, message: Subscribed, at: float) -> None:
        self._commands.answered(envelope.id)
        subscription = self._subscriptions.opened(message.channel, message.sid)
        if subscription is None:
            return
        if subscription.channel == TRADE:
            self.trades.follow(subscription.asked, at)
        elif subscription.channel in OF_ACCOUNT:
            # Nobody knows what happened before it was open.
            self._hint()
        self._adjust(at)

    def _answered(self, envelope: Envelope, at: float) -> None:
        command = self._commands.answered(envelope.id)
        if command is None:
            return
        if command.name == "list_subscriptions":
            self.timing.replied(command.at, at, envelope.sending_ts_ms)
        elif command.name == "add_markets" and command.channel == TRADE:
            self.trades.follow(command.tickers, at)

    def _error(
        self, envelope: Envelope, error: ErrorFrame, subscription: Subscription | None, at: float
    ) -> None:
        command = self._commands.answered(envelope.id)
        said = f"the exchange says: {error.msg[:200]} ({error.code})"
        about = f" to {command.name} {command.channel}".rstrip() if command else ""
        self._report(f"{said}, in answer{about}" if about else said)
        self.counts["errors"] += 1
        if subscription is not None and command is None:
            self.counts["overflows"] += error.code == OVERFLOW
            if error.code in TERMINAL:
                self._subscriptions.ended(subscription, at, self.rules.longest)
            self._missed(subscription, said, at)
        if command is not None:
            self._refused(command, at)

    def _refused(self, command: Command, at: float) -> None:
        """A command was not obeyed: what it asked for is asked for again, later."""
        subscription = self._subscriptions.by_channel.get(command.channel)
        if subscription is None:
            return
        if command.name == "subscribe":
            self._subscriptions.ended(subscription, at, self.rules.longest)
        elif command.name == "add_markets":
            subscription.asked -= set(command.tickers)
            subscription.delay(at, self.rules.longest)
        elif command.name == "delete_markets":
            subscription.asked |= set(command.tickers)
            subscription.delay(at, self.rules.longest)

    def _missed(self, subscription: Subscription, reason: str, at: float) -> None:
        """A frame of this subscription was missed, of whichever market."""
        if subscription.channel == BOOK:
            self._report(f"order books: {reason}")
            tickers = self.store.tickers
            for ticker in tickers:
                self._resyncs.ask_soon(ticker, at)
            self._break(tickers, reason, at)
            self._ask_for_snapshots(at)
        elif subscription.channel == TRADE:
            self.trades.missed(at)
        elif subscription.channel in OF_ACCOUNT:
            self._hint()
        elif subscription.channel == LIFECYCLE:
            self._halts.clear()

    def _all_missed(self, reason: str, at: float) -> None:
        self._report(reason)
        for subscription in self._subscriptions.by_channel.values():
            self._missed(subscription, reason, at)

    def _unsound(self, ticker: str, fault: str, at: float) -> None:
        """A book cannot be read: one that is merely crossed may come right by itself."""
        if fault == CROSSED:
            self._resyncs.ask_soon(ticker, at + self.rules.uncross)
            return
        self.counts["broken"] += 1
        self._spoil(ticker, fault, at)

    def _spoil(self, ticker: str, reason: str, at: float) -> None:
        if ticker not in self._wanted:
            return
        self._report(f"{ticker}: {reason}")
        self._break((ticker,), reason, at)
        self._resyncs.ask_soon(ticker, at)
        self._ask_for_snapshots(at)

    def _break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        for ticker in tickers:
            self.store.invalidate(ticker, reason)
        for listener in self.listeners:
            listener.on_break(tickers, reason, at)

    def _probe(self, at: float) -> None:
        """Ask for the snapshot of one book, in turn: it bears a number, and has to be the book."""
        books = self._subscriptions.by_channel[BOOK]
        if books.sid is None or not books.asked:
            return
        wanted = [ticker for ticker in self._wanted if ticker in books.asked]
        if wanted:
            self._probes += 1
            ticker = wanted[self._probes % len(wanted)]
            self._commands.update("get_snapshot", BOOK, books.sid, [ticker], at)

    def _ask_for_snapshots(self, at: float) -> None:
        books = self._subscriptions.by_channel[BOOK]
        if books.sid is None:
            return
        due = self._resyncs.due(at, books.asked, lambda one: self.store.fault(one) is None)
        self.counts["resyncs"] += len(due)
        for tickers in _named(due):
            self._commands.update("get_snapshot", BOOK, books.sid, tickers, at)

    def _adjust(self, at: float) -> None:
        """Ask for what is wanted and not asked for, and for no more."""
        for channel in (LIFECYCLE, *self._of_account):
            self._subscribe(self._subscriptions.by_channel[channel], (), at)
        for channel in OF_MARKETS:
            subscription = self._subscriptions.by_channel[channel]
            if subscription.sid is None:
                if self._wanted:
                    self._subscribe(subscription, tuple(self._wanted)[:NAMED_AT_ONCE], at)
            elif subscription.retry_at <= at:
                self._update(subscription, subscription.sid, at)

    def _subscribe(self, subscription: Subscription, tickers: Sequence[str], at: float) -> None:
        waits = self._commands.waits("subscribe", subscription.channel)
        if subscription.sid is not None or waits or subscription.retry_at > at:
            return
        subscription.asked = set(tickers)
        self._commands.subscribe(subscription.channel, tickers, at)
        self._expect(subscription, tickers, at)

    def _update(self, subscription: Subscription, sid: int, at: float) -> None:
        added = [ticker for ticker in self._wanted if ticker not in subscription.asked]
        gone = [ticker for ticker in subscription.asked if ticker not in self._wanted]
        for tickers in _named(added):
            self._commands.update("add_markets", subscription.channel, sid, tickers, at)
        for tickers in _named(gone):
            self._commands.update("delete_markets", subscription.channel, sid, tickers, at)
        subscription.asked |= set(added)
        subscription.asked -= set(gone)
        self._expect(subscription, added, at)
        if subscription.channel == TRADE:
            self.trades.leave(gone)

    def _expect(self, subscription: Subscription, tickers: Iterable[str], at: float) -> None:
        """Snapshots of these have to come by themselves; after a while they are asked for."""
        if subscription.channel == BOOK:
            self._resyncs.expect(tickers, at)

    def _hint(self) -> None:
        if self._on_account is not None:
            self._on_account()

    def _report(self, problem: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)


_NO_BOOKS: Final = Books.of([])


def _named(tickers: Sequence[str]) -> Iterator[Sequence[str]]:
    return (tickers[n : n + NAMED_AT_ONCE] for n in range(0, len(tickers), NAMED_AT_ONCE))


def _present(levels: Levels) -> Levels:
    return {price: size for price, size in levels.items() if size}
