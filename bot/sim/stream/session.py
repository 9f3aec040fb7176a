"""One client of the stream: what it has subscribed to and what waits to be sent to it. No I/O.

Frames wait as text without their end, since the time of sending belongs into them. A client that
reads too slowly loses the subscription whose buffer is full, as on Kalshi (error 25).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import orjson

from bot.sim.stream import channels
from bot.sim.stream.channels import Channel, Filter, StreamError
from bot.sim.stream.hub import Hub, StreamListeners
from bot.sim.stream.terms import FrameSpoiler, StreamLimits


class StreamSubscription:
    """One channel of one connection. A `markets` of None means all."""

    def __init__(self, session: "StreamSession", sid: int, channel: Channel) -> None:
        self.sid = sid
        self.channel = channel
        self.account = session.account
        self.is_yes_priced = False
        self.skips_list = False
        self.waiting = 0
        self.markets: dict[str, None] | None = {}
        self._session = session
        self._seq = 0
        self._touched: dict[str, None] = {}
        self._sent_states: dict[str, tuple[int, ...]] = {}

    def join(self, tickers: Iterable[str]) -> list[str]:
        """Read these markets too; those that are new."""
        if self.markets is None:
            return []
        added = [ticker for ticker in tickers if ticker not in self.markets]
        self.markets.update(dict.fromkeys(added))
        self._audience.join(self, added)
        return added

    def join_all(self) -> None:
        """Read all markets."""
        self.leave()
        self.markets = None
        self._audience.join(self, None)

    def drop(self, tickers: Iterable[str]) -> None:
        """Stop reading these markets."""
        held = self.markets or {}
        gone = [ticker for ticker in tickers if ticker in held]
        for ticker in gone:
            del held[ticker]
        self._audience.leave(self, gone)

    def leave(self) -> None:
        """Stop reading anything."""
        self._audience.leave(self, self.markets)

    def number(self) -> int:
        """The next sequence number."""
        self._seq += 1
        return self._seq

    def deliver(self, content: str, reply_to: int = 0, *, is_asked_for: bool = False) -> None:
        """Queue a frame with this content; one that was asked for does not count for the buffer.

        Ignored once the subscription is over.
        """
        if not self._session.carries(self):
            return
        about = f'"sid":{self.sid}'
        if reply_to:
            about = f'"id":{reply_to},{about}'
        if self.channel.is_sequenced:
            about = f'{about},"seq":{self.number()}'
        self.waiting += not is_asked_for
        self._session.post(self, f"{{{about},{content}")

    def wake(self, ticker: str) -> None:
        """Check a market's ticker before the next frames go out."""
        self._touched[ticker] = None
        self._session.wake()

    def refresh(self) -> None:
        """Queue the tickers that have changed since they were last sent."""
        touched, self._touched = self._touched, {}
        for ticker in touched:
            self.quote(ticker)

    def quote(self, ticker: str) -> None:
        """Queue a market's ticker, unless it is unchanged or there is no such market."""
        market = self._session.hub.state.markets.get(ticker)
        if market is None:
            return
        frame_content, content = self._session.hub.contents.ticker(market)
        if self._sent_states.get(ticker) != frame_content:
            self._sent_states[ticker] = frame_content
            self.deliver(content)

    def show_book(self, ticker: str, reply_to: int = 0) -> None:
        """Queue a market's whole book."""
        contents = self._session.hub.contents
        content = contents.snapshot(ticker, yes_price=self.is_yes_priced)
        self.deliver(content, reply_to, is_asked_for=True)

    @property
    def _audience(self) -> StreamListeners:
        return self._session.hub.audiences[self.channel.name]


class StreamSession:
    """One connection, of one account. `may_read` is whether its key covers private channels."""

    def __init__(
        self, hub: Hub, account: str, *, may_read: bool, limits: StreamLimits, spoiler: FrameSpoiler
    ) -> None:
        self.hub = hub
        self.account = account
        self.may_read = may_read
        self.limits: Final = limits
        self.subscriptions: dict[int, StreamSubscription] = {}
        #: Whether the line is to be cut once what waits has been sent.
        self.is_cut = False
        #: Called when there is something to send.
        self.wake: Callable[[], None] = _nothing
        #: Called to queue a frame after so many seconds.
        self.later: Callable[[float, Callable[[], None]], object] = _at_once
        self._spoiler = spoiler
        self._sids = 0
        self._waiting: list[str] = []

    @property
    def backlog(self) -> int:
        """The number of queued frames."""
        return len(self._waiting)

    def subscription(self, channel: Channel) -> StreamSubscription | None:
        """The subscription to a channel, if there is one."""
        for one in self.subscriptions.values():
            if one.channel is channel:
                return one
        return None

    def open(self, channel: Channel) -> StreamSubscription:
        """A new subscription, as yet to nothing unless the channel is always of everything."""
        self._sids += 1
        opened = self.subscriptions[self._sids] = StreamSubscription(self, self._sids, channel)
        if channel.filter is Filter.NONE:
            opened.join_all()
        return opened

    def end(self, subscription: StreamSubscription) -> None:
        """End a subscription."""
        subscription.leave()
        self.subscriptions.pop(subscription.sid, None)

    def close(self) -> None:
        """End all subscriptions: the client is gone."""
        for subscription in tuple(self.subscriptions.values()):
            self.end(subscription)

    def carries(self, subscription: StreamSubscription) -> bool:
        """Whether its next frame may be queued: not once it is over, as when its buffer is full."""
        if subscription.sid not in self.subscriptions:
            return False
        code = self._spoiler.error(subscription.channel.name) if self._spoiler.spoils_frames else 0
        if subscription.waiting >= self.limits.buffer:
            code = channels.OVERFLOW
        if code:
            self.fail(subscription, code)
        return not code

    def post(self, subscription: StreamSubscription, frame: str) -> None:
        """Queue a subscription's frame, if no fault spoils it."""
        if self._spoiler.spoils_frames:
            self._spoiled(subscription.channel.name, frame)
        else:
            self._waiting.append(frame)
        self.wake()

    def queue(self, frame: str) -> None:
        """Queue a frame that answers a command; it is spared by limits and faults."""
        self._waiting.append(frame)
        self.wake()

    def fail(self, subscription: StreamSubscription, code: int) -> None:
        """Report an error in a subscription; a terminal one ends it."""
        error = StreamError(code, sid=subscription.sid)
        self.queue(error_frame(error, seq=sequence(subscription)))
        if code in channels.TERMINAL:
            self.end(subscription)

    def take(self, now_ms: int) -> list[str]:
        """All queued frames, complete, as sent at this time."""
        for subscription in tuple(self.subscriptions.values()):
            subscription.refresh()
            subscription.waiting = 0
        waiting, self._waiting = self._waiting, []
        end = f',"sending_ts_ms":{now_ms}}}'
        return [frame + end if frame[0] == "{" else frame for frame in waiting]

    def _spoiled(self, channel: str, frame: str) -> None:
        instead = self._spoiler.frames(channel, frame)
        if instead is None:
            self.is_cut = True
            return
        for delay, text in instead:
            if delay:
                self.later(delay, partial(self.queue, text))
            else:
                self._waiting.append(text)


def sequence(subscription: StreamSubscription) -> int | None:
    """The number that an answer on a subscription takes; None where frames have none."""
    return subscription.number() if subscription.channel.is_sequenced else None


def error_frame(error: StreamError, reply_to: int = 0, seq: int | None = None) -> str:
    """An error, without the end of its frame."""
    about = [
        f'"{name}":{value}'
        for name, value in (("id", reply_to), ("sid", error.sid), ("seq", seq))
        if value
    ]
    text = orjson.dumps(error.text).decode()
    message = f'"type":"error","msg":{{"code":{error.code},"msg":{text}}}'
    return f"{{{','.join([*about, message])}"


def _nothing() -> None:
    pass


def _at_once(_delay: float, act: Callable[[], None]) -> None:
    act()
