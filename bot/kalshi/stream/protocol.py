"""The client side of the stream without I/O: frames and time in, commands out, books between.

Every book is proved before it is shown: no sequence number was missed since its snapshot, no
level fell below zero, it is not crossed, the exchange's own ticker does not quote otherwise, and
the line is not late. Whatever fails that is invalid until a new snapshot has come, and says why.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from bot.core.market.book_store import CROSSED, BookStore, Levels
from bot.core.market.orderbook import Books
from bot.kalshi.stream.commands import (
    BOOK,
    LIFECYCLE,
    OF_ACCOUNT,
    TRADE,
)
from bot.kalshi.stream.halts import Halts
from bot.kalshi.stream.quotes import TickerQuotes
from bot.kalshi.stream.requests import StreamRequests
from bot.kalshi.stream.rules import StreamListener, StreamRules
from bot.kalshi.stream.subscriptions import Numbered, Subscription
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
)
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
        self.store = store
        self.rules = rules or StreamRules()
        self.trades = StreamedTrades()
        self.timing = StreamTiming()
        self.fault: str | None = "the stream is not connected yet"
        self.counts: Counter[str] = Counter()
        self.listeners: list[StreamListener] = []
        of_account = OF_ACCOUNT if on_account else ()
        self._requests = StreamRequests(store, self.trades, self.rules, of_account, self.counts)
        self._quotes = TickerQuotes(self.rules.quotes_agree)
        self._changed_at: dict[str, float] = {}
        self._halts = Halts()
        self._problems: list[str] = []
        self._proved_at = self._shown_at = self._beat_at = self._last_at = 0.0

    @property
    def subscriptions(self) -> int:
        """Markets whose books are subscribed to."""
        books = self._requests.subscriptions.by_channel[BOOK]
        return len(books.asked) if books.sid is not None else 0

    def connected(self, at: float) -> None:
        """A connection is open; nothing of an earlier one is believed."""
        self._requests.begin()
        self.timing = StreamTiming()
        self.fault = None
        self._requests.commands.heartbeat(at)
        self._beat_at = self._proved_at = at
        self._requests.adjust(at)

    def lost(self, reason: str, at: float) -> None:
        """The connection is gone, and every book with it."""
        self.fault = f"the stream is not connected: {reason}"
        self._requests.end()
        self._break(self.store.tickers, self.fault, at)
        self._requests.resyncs.clear()
        self.trades.leave(tuple(self._requests.wanted))
        self._halts.clear()

    def watch(self, tickers: Iterable[str], at: float) -> None:
        """These markets from now on, and no others."""
        wanted = dict.fromkeys(tickers)
        if wanted.keys() == self._requests.wanted.keys():
            return
        gone = [ticker for ticker in self._requests.wanted if ticker not in wanted]
        self._requests.wanted = wanted
        self.store.drop(gone)
        for ticker in gone:
            self._requests.resyncs.arrived(ticker)
            self._quotes.forget(ticker)
            self._changed_at.pop(ticker, None)
        if self.fault is None:
            self._requests.adjust(at)

    def outgoing(self) -> list[bytes]:
        """What is to be sent now."""
        return self._requests.commands.outgoing()

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
        oldest = self._requests.commands.oldest()
        if oldest is not None and at - oldest.at > self.rules.answer_within:
            return f"no answer to {oldest.name} within {self.rules.answer_within:g} s"
        waits = self._requests.commands.waits("list_subscriptions")
        if at - self._beat_at >= self.rules.heartbeat and not waits:
            self._beat_at = at
            self._requests.probe(at)
            self._requests.commands.heartbeat(at)
        self._requests.adjust(at)
        self._requests.ask_for_snapshots(at)
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
        if self.fault is not None or self._requests.subscriptions.by_channel[TRADE].sid is None:
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
        if fault is not None:
            return fault
        changed_at = self._changed_at.get(ticker, 0.0)
        fault = self._quotes.contradiction(ticker, self.store.best(ticker), changed_at, at)
        if fault is not None:
            self.distrust(ticker, fault, at)
        return fault

    def _check_clock(self, at: float) -> None:
        """A clock that went back would make everything look newer than it is."""
        if at < self._last_at - BACK:
            self._report("our clock went back: nothing is believed until it is proved anew")
            self.timing = StreamTiming()
            self._requests.commands.date_back(at)
            self._proved_at = self._beat_at = at - self.rules.longest
            self._changed_at.clear()
            self._quotes.clear()
        self._last_at = at

    def _changed(self, change: Delta, at: float) -> None:
        subscription = self._requests.subscriptions.by_sid.get(change.sid)
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
        if ticker not in self._requests.wanted or self.store.fault(ticker) not in (None, CROSSED):
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
        subscription = self._requests.subscriptions.by_sid.get(envelope.sid or 0)
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
            if message.market_ticker in self._requests.wanted:
                self._quotes.note(message, at)
        elif isinstance(message, LifecycleFrame):
            self._halts.on_lifecycle(message, self._requests.wanted)
        elif isinstance(message, AccountFrame):
            self._hint()

    def _snapshot(self, message: BookSnapshot, at: float) -> None:
        ticker = message.market_ticker
        if ticker not in self._requests.wanted:
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
        self._requests.resyncs.arrived(ticker)
        for listener in self.listeners:
            listener.on_snapshot(ticker, at)

    def _is_as_known(self, ticker: str, bids: Levels, asks: Levels) -> bool:
        """Whether a sound book is that of its snapshot."""
        if self.store.fault(ticker) is not None:
            return False
        self._requests.resyncs.arrived(ticker)
        return self.store.levels(ticker) == (_present(bids), _present(asks))

    def _traded(self, message: TradeFrame, at: float) -> None:
        self._happened(at, message.ts_ms, None)
        if message.market_ticker not in self._requests.wanted:
            return
        # The change that it made comes just before or after it, and belongs to the same look; if
        # somebody has looked in between, it belongs to the next.
        just_before = at - self._proved_at <= SAME_EVENT and self._proved_at > self._shown_at
        trade = self.trades.add(message, self._proved_at if just_before else at)
        for listener in self.listeners:
            listener.on_trade(trade, at)

    def _opened(self, envelope: Envelope, message: Subscribed, at: float) -> None:
        self._requests.commands.answered(envelope.id)
        subscription = self._requests.subscriptions.opened(message.channel, message.sid)
        if subscription is None:
            return
        if subscription.channel == TRADE:
            self.trades.follow(subscription.asked, at)
        elif subscription.channel in OF_ACCOUNT:
            # Nobody knows what happened before it was open.
            self._hint()
        self._requests.adjust(at)

    def _answered(self, envelope: Envelope, at: float) -> None:
        command = self._requests.commands.answered(envelope.id)
        if command is None:
            return
        if command.name == "list_subscriptions":
            self.timing.replied(command.at, at, envelope.sending_ts_ms)
        elif command.name == "add_markets" and command.channel == TRADE:
            self.trades.follow(command.tickers, at)

    def _error(
        self, envelope: Envelope, error: ErrorFrame, subscription: Subscription | None, at: float
    ) -> None:
        command = self._requests.commands.answered(envelope.id)
        said = f"the exchange says: {error.msg[:200]} ({error.code})"
        about = f" to {command.name} {command.channel}".rstrip() if command else ""
        self._report(f"{said}, in answer{about}" if about else said)
        self.counts["errors"] += 1
        if subscription is not None and command is None:
            self.counts["overflows"] += error.code == OVERFLOW
            if error.code in TERMINAL:
                self._requests.subscriptions.ended(subscription, at, self.rules.longest)
            self._missed(subscription, said, at)
        if command is not None:
            self._requests.refused(command, at)

    def _missed(self, subscription: Subscription, reason: str, at: float) -> None:
        """A frame of this subscription was missed, of whichever market."""
        if subscription.channel == BOOK:
            self._report(f"order books: {reason}")
            tickers = self.store.tickers
            for ticker in tickers:
                self._requests.resyncs.ask_soon(ticker, at)
            self._break(tickers, reason, at)
            self._requests.ask_for_snapshots(at)
        elif subscription.channel == TRADE:
            self.trades.missed(at)
        elif subscription.channel in OF_ACCOUNT:
            self._hint()
        elif subscription.channel == LIFECYCLE:
            self._halts.clear()

    def _all_missed(self, reason: str, at: float) -> None:
        self._report(reason)
        for subscription in self._requests.subscriptions.by_channel.values():
            self._missed(subscription, reason, at)

    def _unsound(self, ticker: str, fault: str, at: float) -> None:
        """A book cannot be read: one that is merely crossed may come right by itself."""
        if fault == CROSSED:
            self._requests.resyncs.ask_soon(ticker, at + self.rules.uncross)
            return
        self.counts["broken"] += 1
        self._spoil(ticker, fault, at)

    def _spoil(self, ticker: str, reason: str, at: float) -> None:
        if ticker not in self._requests.wanted:
            return
        self._report(f"{ticker}: {reason}")
        self._break((ticker,), reason, at)
        self._requests.resyncs.ask_soon(ticker, at)
        self._requests.ask_for_snapshots(at)

    def _break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        for ticker in tickers:
            self.store.invalidate(ticker, reason)
        for listener in self.listeners:
            listener.on_break(tickers, reason, at)

    def _hint(self) -> None:
        if self._on_account is not None:
            self._on_account()

    def _report(self, problem: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)


_NO_BOOKS: Final = Books.of([])


def _present(levels: Levels) -> Levels:
    return {price: size for price, size in levels.items() if size}
