"""Order books from bytes to columns: the hot path of a cycle.

A sound batch goes the fast way: levels are decoded straight to floats, and one look over the
text proves that each was written as a plain decimal string of at most 15 digits, so that no
digit was lost. Anything else goes the careful way, entry by entry, where one broken book is
named and spoils no other. Both ways give the same answer for the same body.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from numpy.typing import NDArray

from bot.core.market.book_store import MOST_LEVELS
from bot.core.market.orderbook import PRICE_DIGITS, Books, Floats, Ladder, columns
from bot.kalshi.wire.shapes import MALFORMED, decode, outline
from bot.ports.exchange import NOT_ANSWERED, BookAnswer, ExchangeError

#: A float keeps this many significant digits of a decimal.
EXACT_DIGITS = 15

TOO_FINE = f"a price has more than {PRICE_DIGITS} decimals"

Plain: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]+(\.[0-9]+)?\Z", max_length=40)]
NumberT = TypeVar("NumberT")
PartT = TypeVar("PartT")


class BookWire(Struct, Generic[NumberT], gc=False):
    """Bids for YES and bids for NO, each `[price, contracts]` in its own price."""

    yes_dollars: list[tuple[NumberT, NumberT]]
    no_dollars: list[tuple[NumberT, NumberT]]


class Entry(Struct, Generic[PartT], gc=False):
    """One book of a batch."""

    ticker: str
    orderbook_fp: PartT


class Batch(Struct, Generic[PartT]):
    """GET /markets/orderbooks."""

    orderbooks: list[PartT]


class SingleBook(Struct):
    """GET /markets/{ticker}/orderbook."""

    orderbook_fp: Raw


_FAST = msgspec.json.Decoder(Batch[Entry[BookWire[float]]], strict=False)
_NOT_STRUCTURE = b"0123456789. \t\r\n"
_LEVEL = b'["",""]'
_NAMES = (b'"ticker"', b'"orderbook_fp"', b'"yes_dollars"', b'"no_dollars"')


def books(body: bytes, tickers: Sequence[str], seen_at: float) -> BookAnswer:
    """The books of these tickers out of a batch answer received at `seen_at` (seconds UTC).

    Matched by ticker, in the order asked for. A broken book, one answered twice and one not
    answered are `missing` with the reason; books nobody asked for are ignored. Raises
    ExchangeError if the body as a whole is no batch of books.
    """
    found, faults = _fast(body), dict[str, str]()
    if found is None:
        found, faults = _careful(body)
    asked = tuple(dict.fromkeys(tickers))
    absent = {t: faults.get(t, NOT_ANSWERED) for t in asked if t not in found}
    sound, broken = _sound(tuple([t for t in asked if t in found]), found, seen_at)
    return BookAnswer(sound, absent | broken)


def book(body: bytes, ticker: str, seen_at: float) -> Books:
    """The one book of the single route; raises ExchangeError if it is broken."""
    try:
        sides = _exact_sides(decode(SingleBook, body).orderbook_fp)
    except (ExchangeError, ValueError) as error:
        raise ExchangeError(f"{ticker}: {error}") from error
    sound, broken = _sound((ticker,), {ticker: sides}, seen_at)
    if broken:
        raise ExchangeError(f"{ticker}: {broken[ticker]}")
    return sound


def nothing(tickers: Sequence[str], reason: str) -> BookAnswer:
    """The answer when the whole request failed."""
    return BookAnswer(Books.of([]), dict.fromkeys(tickers, reason))


def joined(answers: Sequence[BookAnswer]) -> BookAnswer:
    """Several answers about different markets as one."""
    parts = [answer.books for answer in answers]
    missing = dict(chain.from_iterable(answer.missing.items() for answer in answers))
    if len(parts) == 1:
        return BookAnswer(parts[0], missing)
    width = max(
        (matrix.shape[1] for p in parts for matrix in (p.bid_price, p.ask_price)), default=1
    )
    together = Books(
        tuple(chain.from_iterable(part.tickers for part in parts)),
        np.concatenate([part.seen_at for part in parts] or [np.empty(0)]),
        _stacked([part.bid_price for part in parts], width, np.nan),
        _stacked([part.bid_size for part in parts], width, 0.0),
        _stacked([part.ask_price for part in parts], width, np.nan),
        _stacked([part.ask_size for part in parts], width, 0.0),
    )
    return BookAnswer(together, missing)


def _fast(body: bytes) -> dict[str, BookWire[float]] | None:
    """The batch, if nothing at all is wrong or unusual with it."""
    try:
        entries = _FAST.decode(body).orderbooks
    except MALFORMED:
        return None
    found = {entry.ticker: entry.orderbook_fp for entry in entries}
    lengths = [len(side) for s in found.values() for side in (s.yes_dollars, s.no_dollars)]
    # Without its digits, a level of two plain decimal strings is `["",""]` and nothing else is:
    # a JSON number, a sign, an exponent or "nan" leaves something over and the counts differ.
    levels = body.translate(None, _NOT_STRUCTURE).count(_LEVEL)
    usual = (
        _says_each_once(body, len(entries))
        and len(found) == len(entries)
        and levels == sum(lengths)
        and max(lengths, default=0) <= MOST_LEVELS
        and not _has_long_number(body)
    )
    return found if usual else None


def _says_each_once(body: bytes, entries: int) -> bool:
    """Whether no object has a name twice: of those, a decoder believes the last."""
    # Every entry has each of them, so one more is one too many; an escape could hide it.
    return b"\\" not in body and all(body.count(name) == entries for name in _NAMES)


def _has_long_number(body: bytes) -> bool:
    """Whether more than EXACT_DIGITS digits, points or slashes stand side by side somewhere."""
    # Those characters are neighbours in ASCII, from 46 to 57: unsigned, one comparison finds them.
    run = np.frombuffer(body, np.uint8) - np.uint8(46) < 12
    for step in (1, 2, 4, 8):  # runs of 2, then 4, 8, 16
        run = run[step:] & run[:-step]
    return bool(run.any())


def _careful(body: bytes) -> tuple[dict[str, BookWire[float]], dict[str, str]]:
    """The readable books of a batch, and why the others are not."""
    found: dict[str, BookWire[float]] = {}
    faults: dict[str, str] = {}
    for raw in outline(Batch[Raw], body).orderbooks:
        try:
            entry = outline(Entry[Raw], raw)
        except ExchangeError:
            continue  # without a ticker it is nobody's: whoever waits for it was not answered
        if entry.ticker in found or entry.ticker in faults:
            found.pop(entry.ticker, None)
            faults[entry.ticker] = "the exchange answered twice for this market"
            continue
        try:
            found[entry.ticker] = _exact_sides(entry.orderbook_fp)
        except (ExchangeError, ValueError) as error:
            faults[entry.ticker] = str(error)
    return found, faults


def _exact_sides(raw: Raw) -> BookWire[float]:
    """The levels as floats; raises ExchangeError or ValueError for what a float cannot keep."""
    sides = decode(BookWire[Plain], raw)
    return BookWire(_exact_levels(sides.yes_dollars), _exact_levels(sides.no_dollars))


def _exact_levels(levels: list[tuple[str, str]]) -> list[tuple[float, float]]:
    if len(levels) > MOST_LEVELS:
        raise ValueError(
            f"{len(levels)} levels on one side; {MOST_LEVELS} is the most there can be"
        )
    return [(_exact(price), _exact(size)) for price, size in levels]


def _exact(plain: str) -> float:
    if len(plain.replace(".", "").strip("0")) > EXACT_DIGITS:
        raise ValueError(f"{plain} has more than {EXACT_DIGITS} digits")
    return float(plain)


def _sound(
    tickers: tuple[str, ...], found: Mapping[str, BookWire[float]], seen_at: float
) -> tuple[Books, dict[str, str]]:
    """Columns of the sound ones of these books, and why the others fail."""
    yes, no = _ladders([found[ticker] for ticker in tickers])
    too_fine = np.flatnonzero(_too_fine(yes) | _too_fine(no))
    sound, broken = columns(tickers, np.full(len(tickers), seen_at), yes, no)
    if len(too_fine):
        broken |= {tickers[row]: TOO_FINE for row in too_fine}
        exact = [row for row, ticker in enumerate(sound.tickers) if ticker not in broken]
        sound = sound.take(np.array(exact, dtype=np.intp))
    return sound, broken


def _ladders(books: Sequence[BookWire[float]]) -> tuple[Ladder, Ladder]:
    """Ragged levels as padded matrices, all of the same width, in the order they came."""
    sides = [sides.yes_dollars for sides in books] + [sides.no_dollars for sides in books]
    lengths = np.fromiter(map(len, sides), np.intp, len(sides))
    numbers = chain.from_iterable(chain.from_iterable(sides))
    flat = np.fromiter(numbers, np.float64, 2 * int(lengths.sum()))
    there = np.arange(max(int(lengths.max(initial=0)), 1)) < lengths[:, np.newaxis]
    price = np.full(there.shape, np.nan)
    size = np.zeros(there.shape)
    # To a ladder NaN means no level: one that was written has to look as wrong as it is.
    price[there] = np.where(np.isnan(flat[0::2]), np.inf, flat[0::2])
    size[there] = flat[1::2]
    half = len(books)
    return Ladder(price[:half], size[:half]), Ladder(price[half:], size[half:])


def _too_fine(side: Ladder) -> NDArray[np.bool_]:
    """Rows whose mirror image would need rounding."""
    differs = np.round(side.price, PRICE_DIGITS) != side.price
    rows: NDArray[np.bool_] = np.any(differs & np.isfinite(side.price), axis=1)
    return rows


def _stacked(matrices: Sequence[Floats], width: int, filler: float) -> Floats:
    padded = [
        np.pad(matrix, ((0, 0), (0, width - matrix.shape[1])), constant_values=filler)
        for matrix in matrices
    ]
    return np.concatenate(padded or [np.empty((0, width))])
