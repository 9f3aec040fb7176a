"""Which events are stored, and as which rows: one line of a table for each kind.

An event worth keeping becomes a row with a JSON body that reads back as the same event. Those
that moved money become typed rows of the ledger as well. Everything else is passed over.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Table

from bot.core.account.round_trips import RoundTrip
from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    FillMarkedOut,
    MarketSettled,
    Noted,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderUnresolved,
    PnlMarked,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    RegimeChanged,
    TwinCompared,
    WhaleEnded,
    WhaleSeen,
)
from bot.core.market.orders import Fill, Order
from bot.ports.persistence import StateRecord
from bot.store.tables import adjustments, fills, settlements

log = logging.getLogger("main")

#: Seconds per stored point of the account.
MINUTE: Final = 60

Values: TypeAlias = dict[str, Any]
#: Rows that move cash, in their order, each with its table.
Booked: TypeAlias = Iterator[tuple[Table, Values]]


@dataclass(frozen=True, slots=True)
class EventKind:
    """How events of a kind are stored; how many at most a leader reads back."""

    newest: int
    ticker: Callable[[Any], str | None]
    booked: Callable[[Any], Booked]


@dataclass(slots=True)
class Rows:
    """What is written for some events. `booked` lack their number, `events` their commit.

    `trips` are at the place of their event; of `equity` there is one row a minute, by minute.
    """

    events: list[Values]
    ended: list[Values]
    booked: list[tuple[Table, Values]]
    trips: list[Values]
    equity: dict[int, Values]


def rows(happened: Iterable[Event]) -> Rows:
    """The rows for these events, without the book."""
    made = Rows([], [], [], [], {})
    for event in happened:
        if isinstance(event, PnlMarked) and event.ticker is None and not event.assumed:
            row = _equity(event)
            made.equity[row["minute"]] = row
        kind = KINDS.get(type(event))
        if kind is None:
            continue
        if isinstance(event, PositionClosed) and event.trip is not None:
            made.trips.append(_trip(event, event.trip) | {"place": len(made.events)})
        made.events.append(_row(event, kind))
        made.booked += kind.booked(event)
        if isinstance(event, OrderEnded):
            made.ended.append(_ended(event))
    return made


def event_list(found: Iterable[tuple[int, int, str, str]]) -> list[Event]:
    """The events of rows of commit, place, kind and body, in their order."""
    return [event for row in found if (event := _event(*row)) is not None]


def order_row(order: Order) -> Values:
    """An order before its outcome is known, without book and epoch."""
    return {
        "client_order_id": order.client_order_id,
        "ticker": order.ticker,
        "side": order.side.value,
        "size": order.size,
        "limit": order.limit,
        "at": order.at,
        "aim": order.aim.value,
        "life": order.life.value,
    }


def state_record_rows(unchanged: Sequence[StateRecord]) -> list[Values]:
    """The state records, without book and commit; the last of a name counts."""
    last = {(state_record.kind, state_record.key): state_record.body for state_record in unchanged}
    return [{"kind": kind, "key": key, "body": body} for (kind, key), body in last.items()]


def _row(event: Event, kind: EventKind) -> Values:
    return {
        "kind": type(event).__name__,
        "ticker": _plain(kind.ticker(event) or "") or None,
        "at": event.at,
        "body": _ENCODER.encode(event).decode(),
    }


def _event(commit: int, place: int, kind: str, body: str) -> Event | None:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return None
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        # History that cannot be read must not keep the bot from its money, which lies elsewhere.
        where = f"row commit={commit}, place={place} of table events"
        log.warning("%s, an event stored as %s, cannot be read (%s): skipped", where, kind, error)
        return None


def _ended(event: OrderEnded) -> Values:
    done = event.execution
    order_status = {
        "status": done.status.value,
        "order_id": done.order_id,
        "error": _plain(done.error),
        "ended_at": event.at,
    }
    return order_row(done.order) | order_status


def _trip(event: PositionClosed, trip: RoundTrip) -> Values:
    return {
        "ticker": _plain(event.ticker),
        "title": _plain(event.title) or None,
        "event_ticker": _plain(event.event_ticker) or None,
        "category": _plain(event.category or "") or None,
        "side": trip.side.value,
        "size": trip.size,
        "entry_price": trip.entry_price,
        "exit_price": trip.exit_price,
        "gross": trip.gross,
        "fees": trip.fees,
        "opened_at": trip.opened_at,
        "closed_at": event.at,
        "how": event.how,
    }


def _equity(event: PnlMarked) -> Values:
    second = int(event.at.timestamp())
    return {
        "minute": second - second % MINUTE,
        "equity": event.equity,
        "cash": event.cash,
        "realised": event.realised,
        "fees": event.fees,
        "exposure": event.exposure,
    }


def _plain(words: str) -> str:
    """Words of the exchange that no longer hold what PostgreSQL cannot; the body has them all."""
    return words.replace("\0", "")


def _filled(event: OrderEnded) -> Booked:
    return ((fills, _fill(fill)) for fill in event.execution.fills)


def _filled_in_part(event: OrderFilled) -> Booked:
    return ((fills, _fill(fill)) for fill in event.fills)


def _fill(fill: Fill) -> Values:
    return {
        "fill_id": fill.fill_id,
        "client_order_id": fill.client_order_id,
        "ticker": fill.ticker,
        "side": fill.side.value,
        "size": fill.size,
        "price": fill.price,
        "fee": fill.fee,
        "at": fill.at,
    }


def _settled(event: MarketSettled) -> Booked:
    row = {
        "ticker": event.ticker,
        "payout": event.payout,
        "size": event.size,
        "realised": event.realised,
        "at": event.at,
    }
    yield settlements, row


def _adjusted(event: PositionAdjusted) -> Booked:
    row = {"ticker": event.ticker, "size": event.size, "cost": event.cost, "at": event.at}
    yield adjustments, row


def _no_cash(_: Event) -> Booked:
    return iter(())


def _no_market(_: Event) -> None:
    return None


#: All that is stored. The lists that people see show 500 of the timeline and 200 notices; an order
#: that was filled is no notice, so more of these are needed to fill theirs.
KINDS: Final[Mapping[type[Event], EventKind]] = {
    WhaleSeen: EventKind(2_000, attrgetter("whale.ticker"), _no_cash),
    WhaleEnded: EventKind(2_000, attrgetter("ending.ticker"), _no_cash),
    PredictionGraded: EventKind(50_000, attrgetter("ticker"), _no_cash),
    PositionOpened: EventKind(500, attrgetter("ticker"), _no_cash),
    PositionClosed: EventKind(500, attrgetter("ticker"), _no_cash),
    RegimeChanged: EventKind(500, _no_market, _no_cash),
    EntriesStopped: EventKind(200, _no_market, _no_cash),
    EntriesResumed: EventKind(200, _no_market, _no_cash),
    Noted: EventKind(200, _no_market, _no_cash),
    OrderUnresolved: EventKind(200, attrgetter("order.ticker"), _no_cash),
    FillMarkedOut: EventKind(5_000, attrgetter("ticker"), _no_cash),
    OrderRefused: EventKind(200, attrgetter("order.ticker"), _no_cash),
    OrderFilled: EventKind(200, attrgetter("order.ticker"), _filled_in_part),
    TwinCompared: EventKind(5_000, attrgetter("order.ticker"), _no_cash),
    OrderEnded: EventKind(2_000, attrgetter("execution.order.ticker"), _filled),
    FetchFailed: EventKind(200, _no_market, _no_cash),
    MarketSettled: EventKind(200, attrgetter("ticker"), _settled),
    PositionAdjusted: EventKind(200, attrgetter("ticker"), _adjusted),
}
#: How many of each kind a leader is reminded of, by the name that it has in the database.
NEWEST: Final[Mapping[str, int]] = {kind.__name__: how.newest for kind, how in KINDS.items()}
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Event]]] = {
    kind.__name__: msgspec.json.Decoder(kind) for kind in KINDS
}
