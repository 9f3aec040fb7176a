"""The integer units of the simulated exchange, and Kalshi's notation of them.

A price is a number of ticks of $0.0001, a size a number of units of 0.01 contracts; price × size
is then money in micro-dollars, exactly. The edges (specs, HTTP) speak Decimal and strings.
"""

from decimal import Decimal
from typing import Final

from bot.core.market.money import Contracts, Dollars

#: Ticks in a dollar: a YES price is strictly between 0 and this.
DOLLAR_TICKS: Final = 10_000
#: Ticks in a cent.
CENT: Final = 100
#: Units in one contract.
CONTRACT: Final = 100
#: Micro-dollars in a dollar.
DOLLAR: Final = 1_000_000
#: The step of a direct member's balance, in micro-dollars.
BALANCE_STEP: Final = 100

#: Each price as Kalshi writes it; NO prices are at the mirrored index.
PRICE_TEXT: Final = tuple(f"{p // 10_000}.{p % 10_000:04d}" for p in range(DOLLAR_TICKS + 1))

_HUNDREDTHS: Final = tuple(f".{part:02d}" for part in range(CONTRACT))


def _whole(amount: Decimal, scale: int, what: str) -> int:
    scaled = amount * scale
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{what} {amount} is not a multiple of 1/{scale}")
    return int(scaled)


def ticks(price: Dollars | str) -> int:
    """A price in ticks. Raises ValueError if it is between two.

    >>> ticks("0.37")
    3700
    """
    return _whole(Decimal(price), DOLLAR_TICKS, "price")


def units(size: Contracts | str) -> int:
    """A size in units. Raises ValueError if it is between two.

    >>> units("12.5")
    1250
    """
    return _whole(Decimal(size), CONTRACT, "size")


def micros(amount: Dollars | str) -> int:
    """Money in micro-dollars. Raises ValueError if it is finer than that."""
    return _whole(Decimal(amount), DOLLAR, "amount")


def price_dollars(price: int) -> Dollars:
    return Decimal(price).scaleb(-4)


def size_contracts(size: int) -> Contracts:
    return Decimal(size).scaleb(-2)


def money_dollars(amount: int) -> Dollars:
    return Decimal(amount).scaleb(-6)


def size_text(size: int) -> str:
    """A size as Kalshi writes it, two decimals.

    >>> size_text(1250), size_text(-5)
    ('12.50', '-0.05')
    """
    if size < 0:
        return f"-{size_text(-size)}"
    return f"{size // CONTRACT}{_HUNDREDTHS[size % CONTRACT]}"


def money_text(amount: int) -> str:
    """Money as Kalshi writes it on portfolio objects, six decimals.

    >>> money_text(163_200)
    '0.163200'
    """
    whole, part = divmod(abs(amount), DOLLAR)
    return f"{'-' if amount < 0 else ''}{whole}.{part:06d}"


def balance_text(amount: int) -> str:
    """Money to four decimals, anything finer cut off towards zero."""
    return money_text(amount)[:-2]
