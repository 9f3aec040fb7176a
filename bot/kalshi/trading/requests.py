"""Kalshi's private REST API: orders, fills, positions, cash and order groups of one account.

One method is one operation. Reads of an order and its fills are not repeated here, because who
looks for them asks again anyway; a listing comes whole or is an ExchangeError, never in part.
"""

from collections.abc import AsyncIterator, Callable, Collection, Container, Sequence, Set
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from bot.core.account.portfolio import Position, implied_payout
from bot.core.account.reconcile import CashRecord, OtherOrder, Settlement
from bot.core.market.money import Contracts, Dollars
from bot.core.market.orders import Aim, Order
from bot.kalshi.auth import MOST_AHEAD
from bot.kalshi.calls import NOT_FOUND, Calls, Write, if_there, parsed, refused_as
from bot.kalshi.trading.cash_record import DEPOSITS, TRANSFERS, WITHDRAWALS, cash_record
from bot.kalshi.trading.fill_listing import conflicting_fills
from bot.kalshi.trading.holdings import Holdings, holdings_of
from bot.kalshi.trading.key_rights import KeyRights
from bot.kalshi.trading.listed_orders import if_it_is, is_fill_of, is_of, other_order, sort_fill
from bot.kalshi.trading.listings import (
    FILLS,
    MOVEMENTS,
    MOVEMENTS_PAGE,
    ORDERS,
    POSITIONS,
    EntryT,
    Page,
    Params,
    fill_page,
    pages,
    readable,
)
from bot.kalshi.trading.order_requests import BOOK_SIDE, create_request, fixed, resting_request
from bot.kalshi.trading.settlements import PAID, check_revenue, payout_of
from bot.kalshi.wire import account, orders
from bot.kalshi.wire.markets import exchange_status
from bot.kalshi.wire.markets import market as one_market
from bot.kalshi.wire.shapes import decode, outline
from bot.ports.exchange import ExchangeError

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
#: Seconds an order, or a change of one, waits for its answer; then its fate is asked for.
ORDER_PATIENCE: Final = 2.0


_ORDERS: Final = "/portfolio/events/orders"
_GROUPS: Final = "/portfolio/order_groups"

_NO_SUBACCOUNTS: Final = frozenset({403, NOT_FOUND})


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
        asked = replace(create_request(order, group, shard), subaccount=self._subaccount or None)
        body = msgspec.json.encode(asked if until is None else resting_request(asked, until))
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
            count=fixed("a size", order.size, 2),
            price=fixed("a limit", order.limit, 4),
            expiration_time=int(until.timestamp()),
            exchange_index=shard,
        )
        path, body = f"{_order(order_id)}/amend", msgspec.json.encode(amended)
        write = Write("POST", path, body, self._own, patience=ORDER_PATIENCE, shard=shard)
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
        async for page in self._pages(path, params, ORDERS):
            for number, raw in enumerate(page):
                if (found := if_it_is(order, number, raw)) is not None:
                    return found
        return None

    async def fills(self, order_id: str) -> list[account.FillWire]:
        """The fills of an order that are known by now; one that is told twice is there twice."""
        params = [("order_id", order_id), *self._own]
        return [
            fill
            async for page in self._pages("/portfolio/fills", params, fill_page)
            for fill in page
        ]

    async def archived_fills(self, order: Order, order_id: str) -> list[account.FillWire]:
        """Those of an order that ended long ago; fills may be archived before their order is.

        Raises ExchangeError if one of them cannot be read and may be of that order.
        """
        since = int((order.at - EARLIER).timestamp())
        params = [("ticker", order.ticker), ("min_ts", str(since)), *self._own]
        pages = self._pages("/historical/fills", params, FILLS)
        fills = [raw async for page in pages for raw in page if is_fill_of(order_id, raw)]
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
            async for page in self._pages(path, since, FILLS, is_patient=True):
                for raw in page:
                    sort_fill(f"GET {path}", raw, readable, odd)
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
        pages = self._pages(path, made, ORDERS, is_patient=True)
        return _names([raw async for page in pages for raw in page])

    async def _name_of(self, order_id: str) -> dict[str, str]:
        path = f"/portfolio/orders/{quote(order_id, safe='')}"
        found = await if_there(self._reads.read(path, (), _shape(orders.OneRawOrder)))
        return _names([found.order] if found else [])

    async def holdings(self) -> Holdings:
        """What is held of markets not yet settled; one odd entry is not known, the others are."""
        pages = self._pages("/portfolio/positions", self._own, POSITIONS, is_patient=True)
        return holdings_of([raw async for page in pages for raw in page])

    async def cash(self) -> Dollars:
        """Dollars of all shards together."""
        return Decimal((await self._balance()).balance_dollars)

    async def purses(self) -> tuple[Dollars, dict[int, Dollars]]:
        """Dollars of all shards together, and by shard as far as that is told."""
        balance = await self._balance()
        shards = readable(account.ShardBalance, balance.balance_breakdown)
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
        check_revenue(mine[0], payout)
        return Settlement(size, payout)

    async def _exact(self, reported: account.SettlementWire) -> Dollars:
        """What a market paid: a scalar one says it to the last digit, its settlement in cents."""
        payout = payout_of(reported)
        if reported.market_result in PAID:
            return payout
        exact = await self.payout(reported.ticker)
        return payout if exact is None else exact

    async def archived_payout(self, held: Position) -> Dollars | None:
        """What a market paid of which only the archived position is left; None without one.

        Raises ExchangeError for a position that does not tell.
        """
        params = [("ticker", held.ticker), ("limit", "1"), *self._own]
        listed, _ = await self._reads.read_once("/historical/positions", params, POSITIONS)
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
        pages = self._pages(path, (), MOVEMENTS[path], is_patient=True, size=MOVEMENTS_PAGE)
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
            if any(key.api_key_id == key_id for key in readable(account.NamedKey, [raw])):
                key = decode(account.ApiKeyWire, raw)
                return KeyRights.of(key, listing.api_key_region_expiration_ts)
        raise ExchangeError("GET /api_keys: the key that signs is not among them")

    async def resting(self, ours: Container[str]) -> tuple[OtherOrder, ...]:
        """The orders of other hands that wait in a book; `ours` are client order ids."""
        return tuple([other_order(raw) for raw in await self._waiting() if not is_of(raw, ours)])

    async def resting_of(self, ours: Container[str]) -> dict[str, orders.ListedOrder]:
        """Those of these client order ids that wait in a book, by the exchange's name for them."""
        raws = [raw for raw in await self._waiting() if is_of(raw, ours)]
        # One that cannot be read is asked for by its own name, as one that is not there.
        listed = readable(orders.ListedOrder, raws)
        return {one.order_id: one for one in listed}

    async def queue_positions(self, tickers: Collection[str]) -> dict[str, Contracts]:
        """Contracts before each of our orders that rest there, by the exchange's name for them."""

        def read(body: bytes) -> orders.QueuePositions:
            return outline(orders.QueuePositions, body)

        params = [("market_tickers", ",".join(sorted(tickers))), *self._own]
        listed = await self._reads.read_once("/portfolio/orders/queue_positions", params, read)
        # Of one that cannot be read nothing is known.
        found = readable(orders.QueuePosition, listed.queue_positions)
        ahead = {one.order_id: Decimal(one.queue_position_fp) for one in found}
        return {order_id: size for order_id, size in ahead.items() if size >= 0}

    async def _waiting(self) -> list[Raw]:
        params = [("status", "resting"), *self._own]
        pages = self._pages("/portfolio/orders", params, ORDERS, is_patient=True)
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

    def _pages(
        self,
        path: str,
        params: Params,
        read: Callable[[bytes], Page[EntryT]],
        *,
        is_patient: bool = False,
        size: int | None = None,
    ) -> AsyncIterator[list[EntryT]]:
        ask = self._reads.read if is_patient else self._reads.read_once
        return pages(ask, path, params, read, size)


def _names(raws: Sequence[Raw]) -> dict[str, str]:
    """The client order ids of orders by the exchange's names for them; of what can be read."""
    return {one.order_id: one.client_order_id for one in readable(orders.NamedById, raws)}


def _may_be_ours(raw: Raw) -> bool:
    return (decode(orders.NamedGroup, raw).contracts_limit_fp or "").endswith(MARK)


def _shape(kind: type[EntryT]) -> Callable[[bytes], EntryT]:
    return lambda body: decode(kind, body)


def _order(order_id: str) -> str:
    return f"{_ORDERS}/{quote(order_id, safe='')}"


def _group(group: str) -> str:
    return f"{_GROUPS}/{quote(group, safe='')}"
