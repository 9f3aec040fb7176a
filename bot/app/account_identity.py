"""Whose account a live book is about: another key must not trade on in its name."""

import secrets
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from bot.cluster.operator_flags import KILLED
from bot.config import Settings
from bot.ports.exchange import Clock
from bot.ports.persistence import FLEETING, Checkpoint, CommitBatch, StateRecord, StoreError
from bot.store.account_store import AccountStore
from bot.store.database import Database

OWNER: Final = "owner"


@dataclass(frozen=True, slots=True)
class Owner:
    """The member whose orders are listed, "" while there is none, and the key that signs."""

    user_id: str
    key_id: str


class OwnedAccount(Protocol):
    """An account at an exchange."""

    async def owner(self) -> Owner | None:
        """Whose it is; None on paper. May raise ExchangeError."""
        ...

    async def history(self) -> str | None:
        """What was traded on it before, in words; None for nothing. May raise ExchangeError."""
        ...


async def refuse_another(
    account: OwnedAccount, store: AccountStore, checkpoint: Checkpoint, book: str
) -> None:
    """Raise StoreError if the account is not the one that this book is about."""
    owner = await account.owner()
    if owner is None:
        return
    body = checkpoint.state_records.get(OWNER, {}).get("")
    known = msgspec.json.decode(body, type=Owner) if body else None
    if known is not None and not _is_same(known, owner):
        raise StoreError(
            f"the key is of another account than the one {book} was kept for: set KALSHI_API_KEY "
            "and KALSHI_SECRET of that one, or DATABASE_URL to a database of its own"
        )
    if owner.user_id and owner != known:
        record = StateRecord(OWNER, "", msgspec.json.encode(owner))
        await store.commit(CommitBatch(state_records=[record]))


async def kill_if_traded(
    account: OwnedAccount, database: Database, book: str, clock: Clock
) -> None:
    """A new book knows nothing of the losses and stops of an account that was traded before."""
    if (history := await account.history()) is not None:
        reason = f"a new book on an account with {history}: look at it, then resume"
        await database.switch(book, KILLED, reason, clock.now())


def _is_same(known: Owner, owner: Owner) -> bool:
    # Orders are archived after months: then only the key can say whose the account is.
    return owner.user_id == known.user_id if owner.user_id else owner.key_id == known.key_id


def book_of(settings: Settings, clock: Clock) -> str:
    """The account traded; an embedded exchange starts empty, and so does its account."""
    name = f"{settings.bot_mode}:{settings.exchange_name}"
    if settings.bot_mode == "live" and settings.kalshi_subaccount:
        return f"{name}#{settings.kalshi_subaccount}"
    if not settings.is_embedded:
        return name
    # Two that begin in the same moment have a world each.
    return f"{name}{FLEETING}{clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def earlier_book_of(settings: Settings) -> str | None:
    """What the account was called before exchanges were known by their hosts; None if the same."""
    # There were no others than the primary account then.
    if settings.exchange_name == settings.spelt_exchange or settings.kalshi_subaccount:
        return None
    return f"{settings.bot_mode}:{settings.spelt_exchange}"
