"""What the stream answers to each command: subscribe, unsubscribe, update, list. No I/O.

Kalshi's words are kept where they are known. Not known, and decided here: a command with one bad
channel subscribes to none; a market that does not exist has an empty book; a second subscription
to a channel is answered with `ok` and the markets it now has.
"""

from typing import Any, Final

import orjson

from bot.sim.stream import channels
from bot.sim.stream.channels import Filter, StreamError
from bot.sim.stream.commands import (
    ADD,
    DELETE,
    SNAPSHOT,
    ListSubscriptions,
    MarketFilter,
    Subscribe,
    Unsubscribe,
    Update,
    command,
    decoded,
)
from bot.sim.stream.session import StreamSession, StreamSubscription, error_frame, sequence


def answer(session: StreamSession, text: str | bytes, refusal: int = 0) -> None:
    """Do what a client's frame asks and queue the answers, or the error `refusal` instead."""
    number = 0
    try:
        number, frame = decoded(text)
        _obey(session, frame, number, refusal)
    except StreamError as error:
        subscription = session.subscriptions.get(error.sid or 0)
        seq = sequence(subscription) if subscription else None
        session.queue(error_frame(error, number, seq))


def _obey(session: StreamSession, frame: dict[str, Any], number: int, refusal: int) -> None:
    if refusal:
        raise StreamError(refusal)
    asked = command(frame)
    _DOES[type(asked)](session, asked, number)


def _subscribe(session: StreamSession, asked: Subscribe, number: int) -> None:
    tickers = _tickers(session, asked.markets)
    if len(tickers) > session.limits.markets:
        raise StreamError(channels.TOO_MANY_MARKETS)
    if not session.may_read and any(channel.is_private for channel in asked.channels):
        raise StreamError(channels.AUTHENTICATION_REQUIRED)
    for channel in asked.channels:
        known = session.subscription(channel)
        subscription = known or session.open(channel)
        if asked.yes_price is not None:
            subscription.is_yes_priced = asked.yes_price
        subscription.skips_list |= asked.skips_list
        added = _joined(session, subscription, tickers)
        if known:
            _ok(session, subscription, number)
        else:
            msg = {"channel": channel.name, "sid": subscription.sid}
            session.queue(_frame(number, "subscribed", msg))
        _show(subscription, added, wants_ticker=asked.wants_snapshot)


def _joined(
    session: StreamSession, subscription: StreamSubscription, tickers: tuple[str, ...]
) -> list[str]:
    if subscription.channel.filter is Filter.NONE:
        return []
    if not tickers:
        subscription.join_all()
        return []
    _check_room(session, subscription, tickers)
    return subscription.join(tickers)


def _unsubscribe(session: StreamSession, asked: Unsubscribe, number: int) -> None:
    for sid in asked.sids:
        if sid not in session.subscriptions:
            raise StreamError(channels.UNKNOWN_SID)
    for sid in asked.sids:
        subscription = session.subscriptions[sid]
        session.end(subscription)
        # The document demands a number here, also where frames have none.
        session.queue(_frame(number, "unsubscribed", sid=sid, seq=subscription.number()))


def _list(session: StreamSession, _asked: ListSubscriptions, number: int) -> None:
    subscriptions = session.subscriptions.values()
    msg = [{"channel": one.channel.name, "sid": one.sid} for one in subscriptions]
    session.queue(_frame(number, "ok", msg))


def _update(session: StreamSession, asked: Update, number: int) -> None:
    subscription = session.subscriptions.get(asked.sid)
    if subscription is None:
        raise StreamError(channels.UNKNOWN_SID)
    if asked.action not in _ACTIONS[subscription.channel.filter]:
        raise StreamError(channels.UNSUPPORTED_ACTION, sid=asked.sid)
    if asked.markets.ids and subscription.channel.name != channels.TICKER:
        raise StreamError(channels.INVALID_PARAMETER, "market ids", asked.sid)
    tickers = _tickers(session, asked.markets)
    if asked.action == SNAPSHOT:
        _snapshot(subscription, tickers, number)
    elif asked.action == DELETE:
        subscription.drop(tickers)
        _ok(session, subscription, number)
    else:
        _check_room(session, subscription, tickers)
        added = subscription.join(tickers)
        _ok(session, subscription, number)
        _show(subscription, added, wants_ticker=asked.wants_snapshot)


_DOES: Final[dict[type[Any], Any]] = {
    Subscribe: _subscribe,
    Unsubscribe: _unsubscribe,
    ListSubscriptions: _list,
    Update: _update,
}
#: What can be done to a subscription by how its channel is filtered.
_ACTIONS: Final = {
    Filter.REQUIRED: (ADD, DELETE, SNAPSHOT),
    Filter.OPTIONAL: (ADD, DELETE),
    Filter.NONE: (),
}


def _snapshot(subscription: StreamSubscription, tickers: tuple[str, ...], number: int) -> None:
    for ticker in tickers:
        subscription.show_book(ticker, number)


def _show(subscription: StreamSubscription, added: list[str], *, wants_ticker: bool) -> None:
    """The present state of markets that were just joined, where the channel has one."""
    if subscription.channel.name == channels.BOOK:
        for ticker in added:
            subscription.show_book(ticker)
    elif subscription.channel.name == channels.TICKER and wants_ticker:
        for ticker in added:
            subscription.quote(ticker)


def _check_room(
    session: StreamSession, subscription: StreamSubscription, tickers: tuple[str, ...]
) -> None:
    held = subscription.markets or {}
    if len(held.keys() | set(tickers)) > session.limits.markets:
        raise StreamError(channels.TOO_MANY_MARKETS, sid=subscription.sid)


def _tickers(session: StreamSession, markets: MarketFilter) -> tuple[str, ...]:
    if not markets.ids:
        return markets.tickers
    tickers = session.hub.tickers(markets.ids)
    if len(tickers) < len(markets.ids):
        raise StreamError(channels.INVALID_PARAMETER, "unknown market id")
    return tickers


def _ok(session: StreamSession, subscription: StreamSubscription, number: int) -> None:
    msg: dict[str, Any] = {}
    if not subscription.skips_list and subscription.markets is not None:
        msg["market_tickers"] = list(subscription.markets)
    seq = sequence(subscription)
    session.queue(_frame(number, "ok", msg, sid=subscription.sid, seq=seq))


def _frame(number: int, kind: str, msg: object = None, **about: int | None) -> str:
    fields: dict[str, Any] = {"id": number or None, **about, "type": kind, "msg": msg}
    known = {key: value for key, value in fields.items() if value is not None}
    return orjson.dumps(known).decode()[:-1]
