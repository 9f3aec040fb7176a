"""What an account holds, from the positions that the exchange lists. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import Raw

from bot.core.account.reconcile import Unreadable
from bot.core.market.money import Contracts, Dollars
from bot.kalshi.trading.listings import readable
from bot.kalshi.wire import account
from bot.kalshi.wire.shapes import Named, decode
from bot.ports.exchange import ExchangeError


@dataclass(frozen=True, slots=True)
class Holdings:
    """Signed contracts by ticker, none of them 0, and dollars each cost, None if that is not told.

    `unreadable` is what is missing.
    """

    sizes: Mapping[str, Contracts]
    costs: Mapping[str, Dollars | None]
    unreadable: Unreadable


def holdings_of(raws: Sequence[Raw]) -> Holdings:
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
        named = readable(Named, [raw])
        why = f"GET /portfolio/positions: entry {number}: {error}"
        return (named[0].ticker if named else None), why
    return entry.ticker, entry


def _optional(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
