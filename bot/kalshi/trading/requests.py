"""Kalshi's private REST API: orders, fills, positions, cash and order groups of one account.

One method is one operation. Reads of an order and its fills are not repeated here, because who
looks for them asks again anyway; a listing comes whole or is an ExchangeError, never in part.
"""

import re
from collections.abc import AsyncIterator, Callable, Collection, Container, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from bot.core.account.portfolio import Position, implied_payout
from bot.core.account.reconcile import CashRecord, OtherOrder, Settlement, Unreadable
from bot.core.account.set_aside import AtRest
from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO, Contracts, Dollars
from bot.core.market.orders import Aim, Order
from bot.kalshi.auth import MOST_AHEAD
from bot.kalshi.calls import NOT_FOUND, Calls, Write, if_there, parsed, refuse_long_page, refused_as
from bot.kalshi.trading.cash_record import DEPOSITS, TRANSFERS, WITHDRAWALS, cash_record
from bot.kalshi.trading.fill_listing import conflicting_fills
from bot.kalshi.trading.key_rights import KeyRights
from bot.kalshi.wire import account, orders
from bot.kalshi.wire.markets import exchange_status
from bot.kalshi.wire.markets import market as one_market
from bot.kalshi.wire.refusals import NOT_SENT
from bot.kalshi.wire.shapes import Named, decode, outline
from bot.ports.exchange import ExchangeError

#: Entries on one page: the most there can be; and pages of a listing that has an end.
PAGE: Final = 1_000
MOST_PAGES: Final = 50
MOVEMENTS_PAGE: Final = 500
#: How far before an order was made it is looked for, should the clocks differ: by twice as much
#: as what signatures make up for.
EARLIER: Final = 2 * MOST_AHEAD

#: So many orders are asked for by their names: a listing has all that were ever sent.
FEW_ORDERS: Final = 20
#: Tokens of a usual request; and a cancel, in usual requests.
USUAL_COST: Final = 10
CANCEL_COST: Final = 0.2
#: Of what the account may send a second, what this process does: other programs share its keys.
OUR_SHARE: Final = 0.5

#: How the contracts limit of our order groups ends.
MARK: Final = ".37"
#: Seconds an order, or a cancel, waits for its answer; what became of it is asked for afterwards.
ORDER_PATIENCE: Final = 2.0

BOOK_SIDE: Final = {Side.BUY: "bid", Side.SELL: "ask"}
SIDES: Final = {word: side for side, word in BOOK_SIDE.items()}

_CLIENT_ORDER_ID: Final = re.compile(r"[-\w:+=/]{1,64}", re.ASCII)
_ORDERS: Final = "/portfolio/events/orders"
_GROUPS: Final = "/portfolio/order_groups"

_NO_SUBACCOUNTS: Final = frozenset({403, NOT_FOUND})
_PAID: Final = {"yes": ONE, "no": ZERO}

EntryT = TypeVar("EntryT")
Params = Sequence[tuple[str, str]]
#: A page of a listing: its entries, None for null, and the cursor of the next, None if left out.
Page = tuple[list[EntryT] | None, str | None]


@dataclass(frozen=True, slots=True)
class Holdings:
    """Signed contracts by ticker, none of them 0, and dollars each cost, None if that is not told.

    `unreadable` is what is missing.
    """

    sizes: Mapping[str, Contracts]
    costs: Mapping[str, Dollars | None]
    unreadable: Unreadable


class KalshiTrading:
    """One account of the member whose key signs; reads and writes have their own budgets."""

    def __init__(self, reads: Calls, writes: Calls, subaccount: int = 0) -> None:
        """`subaccount` is its number, 0 the primary one."""
        self._reads = reads
        self._writes = writes
        self._subaccount = subaccount
        # Some operations mean the primary account without it, others all of them.
        self._own: list[tuple[str, str]] = [("subaccount", str(subaccount))]

    @property
    def subaccount(self) -> int:
        """The number of the account, 0 for the primary one."""
        return self._subaccount

    async def create(
        self,
        order: Order,
        group: str,
        shard: int,
        check: Callable[[], None],
        until: datetime | None = None,
    ) -> orders.Created:
        """Enter an order in an order group: it takes what is there, or rests `until` then.

        `check` is called right before it is sent. Sent once at most.
        """
        asked = replace(_request(order, group, shard), subaccount=self._subaccount or None)
        body = msgspec.json.encode(asked if until is None else _waiting(asked, until))
        leaves = order.aim is Aim.LEAVE
        write = Write(
            *("POST", _ORDERS, body),
            check=check,
            patience=ORDER_PATIENCE,
            urgent=leaves,
            shard=shard,
        )
        return await self._writes.write(write, _shape(orders.Created))

    async def cancel(self, order_id: str, order: Order, shard: int | None) -> Contracts:
        """Take a resting order out of its book; contracts that had not traded of it."""
        where = [("market_ticker", order.ticker), *self._own]
        where += [] if shard is None else [("exchange_index", str(shard))]
        write = Write(
            "DELETE",
            _order(order_id),
            params=where,
            patience=ORDER_PATIENCE,
            cost=CANCEL_COST,
            urgent=True,
            shard=shard,
        )
        return Decimal((await self._writes.write(write, _shape(orders.Canceled))).reduced_by)

    async def prolong(
        self, order_id: str, order: Order, shard: int | None, until: datetime
    ) -> None:
        """Let an order rest until then; it keeps its price, its size and its place."""
        amended = orders.AmendRequest(
            ticker=order.ticker,
            side=BOOK_SIDE[order.side],
            count=_fixed("a size", order.size, 2),
            price=_fixed("a limit", order.limit, 4),
            expiration_time=int(until.timestamp()),
            exchange_index=shard,
        )
        path, body = f"{_order(order_id)}/amend", msgspec.json.encode(amended)
        write = Write("POST", path, body, params=self._own, shard=shard)
        await self._writes.write(write, _shape(orders.Amended))

    async def order_by_id(self, order_id: str) -> orders.ListedOrder:
        """An order by the exchange's own name for it."""
        path = f"/portfolio/orders/{quote(order_id, safe='')}"
        return (await self._reads.read_once(path, (), _shape(orders.OneOrder))).order

    async def order(self, order: Order, *, archived: bool = False) -> orders.ListedOrder | None:
        """An order as the exchange remembers it, by its client order id; None if not among them.

        Those that ended long ago are `archived`, and listed there alone. There is no filter for
        that id: the orders of its market since then are looked through.
        Raises ExchangeError if one of them cannot be read and may be it.
        """
        since = int((order.at - EARLIER).timestamp())
        params = [("ticker", order.ticker), ("min_ts", str(since)), *self._own]

        path = "/historical/orders" if archived else "/portfolio/orders"
        async for page in self._pages(path, params, _ORDER_PAGE):
            for number, raw in enumerate(page):
                if (found := _if_it_is(order, number, raw)) is not None:
                    return found
        return None

    async def fills(self, order_id: str) -> list[account.FillWire]:
        """The fills of an order that are known by now; one that is told twice is there twice."""
        params = [("order_id", order_id), *self._own]
        return [
            fill
            async for page in self._pages("/portfolio/fills", params, _fill_page)
            for fill in page
        ]

    async def archived_fills(self, order: Order, order_id: str) -> list[account.FillWire]:
        """Those of an order that ended long ago; fills may be archived before their order is.

        Raises ExchangeError if one of them cannot be read and may be of that order.
        """
        since = int((order.at - EARLIER).timestamp())
        params = [("ticker", order.ticker), ("min_ts", str(since)), *self._own]
        pages = self._pages("/historical/fills", params, _FILLS)
        fills = [raw async for page in pages for raw in page if _is_fill_of(order_id, raw)]
        return [decode(account.FillWire, raw) for raw in fills]

    async def fills_since(self, at: datetime) -> tuple[list[account.DatedFill], dict[str, str]]:
        """All fills of the account since then, whoever traded, those that are archived, too.

        Beside them why fills of a market cannot be read, by ticker. Raises ExchangeError, also for
        a fill that names no market: it may be of any.
        """
        since = [("min_ts", str(int(at.timestamp()))), *self._own]
        paths = ["/portfolio/fills"]
        if at < await self.archived_before():
            paths.append("/historical/fills")
        readable: list[account.DatedFill] = []
        odd: dict[str, str] = {}
        for path in paths:
            async for page in self._pages(path, since, _FILLS, is_patient=True):
                for raw in page:
                    _sort_fill(f"GET {path}", raw, readable, odd)
        return readable, conflicting_fills(readable) | odd

    async def order_names(self, order_ids: Set[str], since: datetime) -> dict[str, str]:
        """The client order ids of these orders, whoever sent them; what is not told is left out.

        A few are asked for one by one, many are looked for among all made since then.
        """
        is_many, names = len(order_ids) > FEW_ORDERS, dict[str, str]()
        if is_many:
            names |= await self._names_in("/portfolio/orders", since)
        for order_id in sorted(order_ids - names.keys()):
            names |= await self._name_of(order_id)
        if order_ids - names.keys() and since - EARLIER < await self.archived_before():
            names |= await self._names_in("/historical/orders", since)
        return {order_id: names[order_id] for order_id in order_ids & names.keys()}

    async def _names_in(self, path: str, since: datetime) -> dict[str, str]:
        made = [("min_ts", str(int((since - EARLIER).timestamp()))), *self._own]
        pages = self._pages(path, made, _ORDER_PAGE, is_patient=True)
        return _names([raw async for page in pages for raw in page])

    async def _name_of(self, order_id: str) -> dict[str, str]:
        path = f"/portfolio/orders/{quote(order_id, safe='')}"
        found = await if_there(self._reads.read(path, (), _shape(orders.OneRawOrder)))
        return _names([found.order] if found else [])

    async def holdings(self) -> Holdings:
        """What is held of markets not yet settled; one odd entry is not known, the others are."""
        pages = self._pages("/portfolio/positions", self._own, _POSITIONS, is_patient=True)
        return _holdings([raw async for page in pages for raw in page])

    async def cash(self) -> Dollars:
        """Dollars of all shards together."""
        return Decimal((await self._balance()).balance_dollars)

    async def purses(self) -> tuple[Dollars, dict[int, Dollars]]:
        """Dollars of all shards together, and by shard as far as that is told."""
        balance = await self._balance()
        shards = _readable(account.ShardBalance, balance.balance_breakdown)
        return Decimal(balance.balance_dollars), {
            shard.exchange_index: Decimal(shard.balance) for shard in shards
        }

    async def settlement(self, ticker: str) -> Settlement | None:
        """What a market paid this account; None if it has not settled.

        Raises ExchangeError, also for a result that says no price.
        """
        shape = _shape(account.SettlementPage)
        asked = ("/portfolio/settlements", [("ticker", ticker), ("limit", "1"), *self._own])
        found = (await self._reads.read_once(*asked, shape)).settlements
        mine = [one for one in found or () if one.ticker == ticker]
        if not mine:
            return None
        size = Decimal(mine[0].yes_count_fp) - Decimal(mine[0].no_count_fp)
        payout = await self._exact(mine[0])
        _check_revenue(mine[0], payout)
        return Settlement(size, payout)

    async def _exact(self, reported: account.SettlementWire) -> Dollars:
        """What a market paid: a scalar one says it to the last digit, its settlement in cents."""
        payout = _payout(reported)
        if reported.market_result in _PAID:
            return payout
        exact = await self.payout(reported.ticker)
        return payout if exact is None else exact

    async def archived_payout(self, held: Position) -> Dollars | None:
        """What a market paid of which only the archived position is left; None without one.

        Raises ExchangeError for a position that does not tell.
        """
        params = [("ticker", held.ticker), ("limit", "1"), *self._own]
        listed, _ = await self._reads.read_once("/historical/positions", params, _POSITIONS)
        found = [decode(account.SettledPosition, raw) for raw in listed or ()]
        mine = [one for one in found if one.ticker == held.ticker]
        if not mine:
            return None
        realised = mine[0].realized_pnl_dollars
        payout = implied_payout(held, Decimal(realised))
        if payout is None:
            raise ExchangeError(
                f"the archived position of {held.ticker} came to ${realised}, which no result "
                "explains: `python -m bot reconcile` shows what is held"
            )
        return payout

    async def payout(self, ticker: str) -> Dollars | None:
        """What a market pays a YES contract, listed or archived; None if it does not say so."""
        for listed in ("/markets", "/historical/markets"):
            path = f"{listed}/{quote(ticker, safe='')}"
            market = await if_there(self._reads.read_once(path, (), one_market))
            if market is not None:
                return market.payout
        return None

    async def movements(self) -> CashRecord:
        """Deposits, withdrawals, and moves between accounts of the member, all there ever were."""
        listed = {TRANSFERS: await self._transfers()}
        if not self._subaccount:
            listed |= {path: await self._moved(path) for path in (DEPOSITS, WITHDRAWALS)}
        return cash_record(listed, self._subaccount)

    async def _transfers(self) -> list[Raw]:
        try:
            return await self._moved(TRANSFERS)
        except ExchangeError as error:
            # Who may have no subaccounts may not be allowed to ask for them.
            if self._subaccount or error.status not in _NO_SUBACCOUNTS:
                raise
            return []

    async def _moved(self, path: str) -> list[Raw]:
        pages = self._pages(path, (), _MOVEMENTS[path], is_patient=True, size=MOVEMENTS_PAGE)
        return [raw async for page in pages for raw in page]

    async def user_id(self) -> str | None:
        """The member whose orders are listed; None while there are none."""
        shape = _shape(orders.OwnedOrders)
        listed = (
            await self._reads.read("/portfolio/orders", [("limit", "1"), *self._own], shape)
        ).orders
        return listed[0].user_id if listed else None

    async def key_rights(self, key_id: str) -> KeyRights:
        """What a key of the member may do. Raises ExchangeError, also if it is not listed."""

        def read(body: bytes) -> account.ApiKeyListing:
            return outline(account.ApiKeyListing, body)

        listing = await self._reads.read("/api_keys", (), read)
        for raw in listing.api_keys or ():
            # What the other keys may do is nothing to this one.
            if any(key.api_key_id == key_id for key in _readable(account.NamedKey, [raw])):
                key = decode(account.ApiKeyWire, raw)
                return KeyRights.of(key, listing.api_key_region_expiration_ts)
        raise ExchangeError("GET /api_keys: the key that signs is not among them")

    async def resting(self, ours: Container[str]) -> tuple[OtherOrder, ...]:
        """The orders of other hands that wait in a book; `ours` are client order ids."""
        return tuple([_other(raw) for raw in await self._waiting() if not _is_of(raw, ours)])

    async def resting_of(self, ours: Container[str]) -> dict[str, orders.ListedOrder]:
        """Those of these client order ids that wait in a book, by the exchange's name for them."""
        raws = [raw for raw in await self._waiting() if _is_of(raw, ours)]
        # One that cannot be read is asked for by its own name, as one that is not there.
        listed = _readable(orders.ListedOrder, raws)
        return {one.order_id: one for one in listed}

    async def queue_positions(self, tickers: Collection[str]) -> dict[str, Contracts]:
        """Contracts before each of our orders that rest there, by the exchange's name for them."""

        def read(body: bytes) -> orders.QueuePositions:
            return outline(orders.QueuePositions, body)

        params = [("market_tickers", ",".join(sorted(tickers))), *self._own]
        listed = await self._reads.read_once("/portfolio/orders/queue_positions", params, read)
        # Of one that cannot be read nothing is known.
        found = _readable(orders.QueuePosition, listed.queue_positions)
        ahead = {one.order_id: Decimal(one.queue_position_fp) for one in found}
        return {order_id: size for order_id, size in ahead.items() if size >= 0}

    async def _waiting(self) -> list[Raw]:
        params = [("status", "resting"), *self._own]
        pages = self._pages("/portfolio/orders", params, _ORDER_PAGE, is_patient=True)
        return [raw async for page in pages for raw in page]

    async def _balance(self) -> account.Balance:
        return await self._reads.read("/portfolio/balance", self._own, _shape(account.Balance))

    async def size_budgets(self) -> None:
        """Send as much as the account may, less what is left to others. Raises ExchangeError."""
        limits = await self._reads.read_once("/account/limits", (), _shape(account.ApiLimits))
        for calls, bucket in ((self._reads, limits.read), (self._writes, limits.write)):
            rate = bucket.refill_rate * OUR_SHARE / USUAL_COST
            calls.resize(rate, bucket.bucket_capacity * OUR_SHARE / USUAL_COST)

    async def caught_up_to(self) -> datetime:
        """The moment, by the exchange's clock, up to which these reads know everything."""
        path = "/exchange/user_data_timestamp"
        return (await self._reads.read_once(path, (), _shape(account.CaughtUp))).as_of_time

    async def archived_before(self) -> datetime:
        """Orders that ended before that are no longer listed."""
        reported = _shape(account.ArchiveCutoff)
        return (await self._reads.read_once("/historical/cutoff", (), reported)).orders_updated_ts

    async def shards(self) -> tuple[int, ...]:
        """The numbers of the exchange's shards."""
        path = "/exchange/status"
        response = await self._reads.get(path)
        try:
            # In a pause it comes with the status of an error.
            status = parsed(f"GET {path}", exchange_status, response.content)
        except ExchangeError as error:
            raise refused_as(f"GET {path}", response) or error from error
        return tuple(sorted(status.shards))

    async def create_group(self, limit: int, shard: int) -> str:
        """Begin an order group that stops once more than `limit` contracts trade in 15 s.

        Its limit bears our mark, so that whoever comes later knows it for one of this bot's.
        """
        body = msgspec.json.encode(
            orders.GroupRequest(f"{limit}{MARK}", shard, self._subaccount or None)
        )
        created = await self._writes.write(
            Write("POST", f"{_GROUPS}/create", body, urgent=True, shard=shard),
            _shape(orders.GroupCreated),
        )
        return created.order_group_id

    async def groups(self) -> dict[str, int]:
        """The order groups of the account that bear our mark, each with its shard."""

        def read(body: bytes) -> orders.GroupListing:
            return outline(orders.GroupListing, body)

        raws = (await self._reads.read(_GROUPS, self._own, read)).order_groups or ()
        # One that may be ours and cannot be read could not be stopped: then nothing is known.
        ours = [decode(orders.ListedGroup, raw) for raw in raws if _may_be_ours(raw)]
        return {group.id: group.exchange_index for group in ours}

    @property
    def written_at(self) -> datetime | None:
        """The exchange's own time at its last answer to a write, to the second; None if untold."""
        return self._writes.heard_at

    async def trigger_group(self, group: str, shard: int) -> None:
        """Stop an order group: from now on the exchange refuses its orders."""
        await self._change_group("PUT", f"{_group(group)}/trigger", shard)

    async def delete_group(self, group: str, shard: int) -> None:
        """Remove an order group for good."""
        await self._change_group("DELETE", _group(group), shard)

    async def _change_group(self, method: str, path: str, shard: int) -> None:
        body = b"{}" if method == "PUT" else b""
        where = [("exchange_index", str(shard)), *self._own]
        write = Write(method, path, body, where, urgent=True, shard=shard)
        await self._writes.write(write, lambda _body: None)

    async def _pages(
        self,
        path: str,
        params: Params,
        read: Callable[[bytes], Page[EntryT]],
        *,
        is_patient: bool = False,
        size: int | None = None,
    ) -> AsyncIterator[list[EntryT]]:
        """The pages of a listing up to its end; ExchangeError for one without a sound end."""
        ask = self._reads.read if is_patient else self._reads.read_once
        cursors, size = {""}, size or PAGE
        cursor = ""
        for _ in range(MOST_PAGES):
            more = [("limit", str(size)), *([("cursor", cursor)] if cursor else [])]
            entries, following = await ask(path, [*params, *more], read)
            # Null and a cursor left out may be an empty list and its end, or a broken answer.
            if entries is None or (following is None and len(entries) >= size):
                raise ExchangeError(f"GET {path}: the answer is not whole")
            refuse_long_page(f"GET {path}", len(entries), size)
            yield entries
            if not following:
                return
            # A cursor the exchange cannot read is silently page one.
            if following in cursors:
                raise ExchangeError(f"GET {path}: the pages run in circles")
            cursors.add(following)
            cursor = following
        raise ExchangeError(f"GET {path}: no end after {MOST_PAGES} pages")


def _names(raws: Sequence[Raw]) -> dict[str, str]:
    """The client order ids of orders by the exchange's names for them; of what can be read."""
    return {one.order_id: one.client_order_id for one in _readable(orders.NamedById, raws)}


def _fill_page(body: bytes) -> Page[account.FillWire]:
    page = decode(account.FillPage, body)
    return page.fills, page.cursor


def _raws(shape: type[Any], entries: str) -> Callable[[bytes], Page[Raw]]:
    """Reads a page whose `entries` are looked at one by one, later."""

    def read(body: bytes) -> Page[Raw]:
        page = outline(shape, body)
        return getattr(page, entries), page.cursor

    return read


_ORDER_PAGE: Final = _raws(orders.OrderListing, "orders")
_FILLS: Final = _raws(account.RawFillPage, "fills")
_POSITIONS: Final = _raws(account.HoldingPage, "market_positions")
_MOVEMENTS: Final = {
    TRANSFERS: _raws(account.TransferPage, "transfers"),
    DEPOSITS: _raws(account.DepositPage, "deposits"),
    WITHDRAWALS: _raws(account.WithdrawalPage, "withdrawals"),
}


def _sort_fill(
    asked: str, raw: Raw, readable: list[account.DatedFill], odd: dict[str, str]
) -> None:
    """Put a fill to those that can be read or, by its market, to those that cannot."""
    try:
        readable.append(decode(account.DatedFill, raw))
    except ExchangeError as error:
        named = _readable(Named, [raw])
        if not named:
            raise ExchangeError(f"{asked}: a fill names no market that can be read") from error
        odd.setdefault(named[0].ticker, f"{asked}: {error}")


def _request(order: Order, group: str, shard: int) -> orders.CreateOrderRequest:
    """The order in the exchange's words. Raises ExchangeError (NOT_SENT) if it has none for it."""
    if not _CLIENT_ORDER_ID.fullmatch(order.client_order_id):
        raise ExchangeError(
            f"'{order.client_order_id[:80]}' is no client order id: 1 to 64 of letters, digits "
            "and -_:+=/",
            code=NOT_SENT,
        )
    leaves = order.aim is Aim.LEAVE
    return orders.CreateOrderRequest(
        ticker=order.ticker,
        side=BOOK_SIDE[order.side],
        count=_fixed("a size", order.size, 2),
        price=_fixed("a limit", order.limit, 4),
        time_in_force="immediate_or_cancel",
        # An order of other hands on this account gives way to an exit; an entry gives way to it.
        self_trade_prevention_type="maker" if leaves else "taker_at_cross",
        # What we hold may have been closed by other hands: an exit must never open the other side.
        reduce_only=leaves,
        client_order_id=order.client_order_id,
        order_group_id=group,
        exchange_index=shard,
    )


def _waiting(asked: orders.CreateOrderRequest, until: datetime) -> orders.CreateOrderRequest:
    """The same as an order that rests until then, and never takes.

    The exchange takes `reduce_only` of immediate orders alone: who lets an exit rest has to see
    that it does not exceed what is held.
    """
    return replace(
        asked,
        time_in_force="good_till_canceled",
        post_only=True,
        reduce_only=False,
        cancel_order_on_pause=True,
        expiration_time=int(until.timestamp()),
    )


def _fixed(what: str, amount: Decimal, digits: int) -> str:
    # Rounded it would be another order.
    if amount != (fixed := round(amount, digits)):
        raise ExchangeError(f"{what} of {amount} is finer than {digits} decimals", code=NOT_SENT)
    return f"{fixed:f}"


def _if_it_is(order: Order, number: int, raw: Raw) -> orders.ListedOrder | None:
    """The order told in an entry, None if it is another. Raises ExchangeError if nobody can say."""
    try:
        # Others trade in this account, too: what they do must not hide what became of ours.
        if decode(orders.NamedOrder, raw).client_order_id != order.client_order_id:
            return None
        return decode(orders.ListedOrder, raw)
    except ExchangeError as error:
        raise ExchangeError(f"GET /portfolio/orders: entry {number}: {error}") from error


def _is_fill_of(order_id: str, raw: Raw) -> bool:
    """Raises ExchangeError if nobody can say."""
    return decode(account.NamedFill, raw).order_id == order_id


def _holdings(raws: Sequence[Raw]) -> Holdings:
    """A market that is there twice, with different numbers, is not known either."""
    held: dict[str, account.Holding | str] = {}
    unnamed = []
    for number, raw in enumerate(raws):
        ticker, entry = _holding(number, raw)
        if ticker is None:
            unnamed.append(str(entry))
        elif held.setdefault(ticker, entry) != entry:
            held[ticker] = f"GET /portfolio/positions: {ticker} is there in two ways"
    whole = {ticker: one for ticker, one in held.items() if isinstance(one, account.Holding)}
    broken = {ticker: why for ticker, why in held.items() if isinstance(why, str)}
    sizes = {ticker: Decimal(one.position_fp) for ticker, one in whole.items()}
    costs = {ticker: _optional(one.market_exposure_dollars) for ticker, one in whole.items()}
    return Holdings(
        {ticker: size for ticker, size in sizes.items() if size},
        {ticker: cost for ticker, cost in costs.items() if sizes[ticker]},
        Unreadable(broken, tuple(unnamed), frozenset(held)),
    )


def _holding(number: int, raw: Raw) -> tuple[str | None, account.Holding | str]:
    """A position and its market, or why it cannot be read; None for a market that cannot be."""
    try:
        entry = decode(account.Holding, raw)
    except ExchangeError as error:
        named = _readable(Named, [raw])
        why = f"GET /portfolio/positions: entry {number}: {error}"
        return (named[0].ticker if named else None), why
    return entry.ticker, entry


def _optional(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _is_of(raw: Raw, names: Container[str]) -> bool:
    """Whether an order is one of these; one that cannot be read is none."""
    try:
        return decode(orders.NamedOrder, raw).client_order_id in names
    except ExchangeError:
        return False


def _other(raw: Raw) -> OtherOrder:
    """An order of other hands; one that cannot be read is one all the same."""
    try:
        found = decode(orders.ListedOrder, raw)
    except ExchangeError:
        named = _readable(Named, [raw])
        return OtherOrder(named[0].ticker if named else "", "an order that cannot be read")
    words = f"{found.book_side} {found.initial_count_fp} {found.ticker} ({found.order_id})"
    left = [_at_rest(one) for one in _readable(orders.WaitingOrder, [raw])]
    return OtherOrder(found.ticker, words, next(iter(left), None))


def _at_rest(waiting: orders.WaitingOrder) -> AtRest | None:
    side, price = SIDES.get(waiting.book_side), Decimal(waiting.yes_price_dollars)
    if side is None or not 0 < price < 1:
        return None
    return AtRest(waiting.ticker, side, Decimal(waiting.remaining_count_fp), price)


def _payout(reported: account.SettlementWire) -> Dollars:
    if reported.market_result in _PAID:
        return _PAID[reported.market_result]
    if reported.value is None or not 0 <= reported.value <= 100:
        raise ExchangeError(
            f"the settlement of {reported.ticker} says '{reported.market_result}' and "
            f"{reported.value} cents"
        )
    return Decimal(reported.value) / 100


def _check_revenue(reported: account.SettlementWire, payout: Dollars) -> None:
    """Raises ExchangeError if what the account was paid is not what a payout comes to."""
    if reported.revenue is None:
        return
    yes, no = Decimal(reported.yes_count_fp), Decimal(reported.no_count_fp)
    expected = 100 * (yes * payout + no * (ONE - payout))
    # It is cut off to whole cents, and perhaps rounded.
    if abs(expected - reported.revenue) > ONE:
        raise ExchangeError(
            f"the settlement of {reported.ticker} says {reported.revenue} cents, and at "
            f"${payout} a YES contract it would be {expected.normalize():f}"
        )


def _may_be_ours(raw: Raw) -> bool:
    return (decode(orders.NamedGroup, raw).contracts_limit_fp or "").endswith(MARK)


def _readable(shape: type[EntryT], raws: Sequence[Raw] | None) -> list[EntryT]:
    """Those that can be read, where the others concern nobody."""
    found = []
    for raw in raws or ():
        with suppress(ExchangeError):
            found.append(decode(shape, raw))
    return found


def _shape(kind: type[EntryT]) -> Callable[[bytes], EntryT]:
    return lambda body: decode(kind, body)


def _order(order_id: str) -> str:
    return f"{_ORDERS}/{quote(order_id, safe='')}"


def _group(group: str) -> str:
    return f"{_GROUPS}/{quote(group, safe='')}"
