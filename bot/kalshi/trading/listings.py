"""Pages of a listing: its entries one by one, up to a sound end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from msgspec import Raw

from bot.kalshi.calls import refuse_long_page
from bot.kalshi.trading.cash_record import DEPOSITS, TRANSFERS, WITHDRAWALS
from bot.kalshi.wire import account, orders
from bot.kalshi.wire.shapes import decode, outline
from bot.ports.exchange import ExchangeError

#: Entries on one page: the most there can be; and pages of a listing that has an end.
PAGE: Final = 1_000
MOST_PAGES: Final = 50
MOVEMENTS_PAGE: Final = 500

EntryT = TypeVar("EntryT")
Params = Sequence[tuple[str, str]]
#: A page of a listing: its entries, None for null, and the cursor of the next, None if left out.
Page = tuple[list[EntryT] | None, str | None]
#: Reads the page of a path with these parameters.
Ask = Callable[[str, Params, Callable[[bytes], Page[EntryT]]], Awaitable[Page[EntryT]]]


async def pages(
    ask: Ask[EntryT],
    path: str,
    params: Params,
    read: Callable[[bytes], Page[EntryT]],
    size: int | None = None,
) -> AsyncIterator[list[EntryT]]:
    """The pages of a listing up to its end; ExchangeError for one without a sound end."""
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


def fill_page(body: bytes) -> Page[account.FillWire]:
    page = decode(account.FillPage, body)
    return page.fills, page.cursor


def _raws(shape: type[Any], entries: str) -> Callable[[bytes], Page[Raw]]:
    """Reads a page whose `entries` are looked at one by one, later."""

    def read(body: bytes) -> Page[Raw]:
        page = outline(shape, body)
        return getattr(page, entries), page.cursor

    return read


ORDERS: Final = _raws(orders.OrderListing, "orders")
FILLS: Final = _raws(account.RawFillPage, "fills")
POSITIONS: Final = _raws(account.HoldingPage, "market_positions")
MOVEMENTS: Final = {
    TRANSFERS: _raws(account.TransferPage, "transfers"),
    DEPOSITS: _raws(account.DepositPage, "deposits"),
    WITHDRAWALS: _raws(account.WithdrawalPage, "withdrawals"),
}


def readable(shape: type[EntryT], raws: Sequence[Raw] | None) -> list[EntryT]:
    """Those that can be read, where the others concern nobody."""
    found = []
    for raw in raws or ():
        with suppress(ExchangeError):
            found.append(decode(shape, raw))
    return found
