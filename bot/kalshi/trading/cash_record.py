"""What moved the cash of an account besides trading, from what the exchange lists. Pure.

Inferred: the fee of a movement is not part of its amount, nor taken from the balance beside it;
deposits and withdrawals are those of the primary account.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from msgspec import Raw

from bot.core.account.reconcile import CashMovement, CashRecord
from bot.kalshi.wire import account
from bot.kalshi.wire.shapes import decode
from bot.ports.exchange import ExchangeError

DEPOSITS: Final = "/portfolio/deposits"
WITHDRAWALS: Final = "/portfolio/withdrawals"
TRANSFERS: Final = "/portfolio/subaccounts/transfers"


def cash_record(listed: Mapping[str, Sequence[Raw]], subaccount: int) -> CashRecord:
    """What the entries of these listings, by path, did to the cash of one account."""
    readers = _readers(subaccount)
    found: list[CashMovement] = []
    odd: list[str] = []
    for path, entries in listed.items():
        for number, raw in enumerate(entries):
            try:
                found += readers[path](raw)
            except ExchangeError as error:
                odd.append(f"GET {path}: entry {number}: {error}")
    return CashRecord(tuple(found), tuple(odd))


def _readers(subaccount: int) -> dict[str, Callable[[Raw], list[CashMovement]]]:
    return {
        DEPOSITS: partial(_movement, "deposit", 1),
        WITHDRAWALS: partial(_movement, "withdrawal", -1),
        TRANSFERS: partial(_transfer, subaccount),
    }


def _movement(kind: str, sign: int, raw: Raw) -> list[CashMovement]:
    # One that is not in the cash yet may be as odd as it likes.
    if decode(account.NamedMovement, raw).status != "applied":
        return []
    reported = decode(account.MovementWire, raw)
    ended = reported.finalized_ts or reported.created_ts
    return [_moved_at(f"{kind} {reported.id}", sign * reported.amount_cents, ended)]


def _transfer(subaccount: int, raw: Raw) -> list[CashMovement]:
    """Nothing, if it is one between other accounts of the member."""
    reported = decode(account.TransferWire, raw)
    came, went = reported.to_subaccount == subaccount, reported.from_subaccount == subaccount
    cents = reported.amount_cents * (came - went)
    return (
        [_moved_at(f"transfer {reported.transfer_id}", cents, reported.created_ts)] if cents else []
    )


def _moved_at(name: str, cents: int, seconds: int) -> CashMovement:
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ExchangeError(f"{name}: {error}") from error
    return CashMovement(name, Decimal(cents) / 100, at)
