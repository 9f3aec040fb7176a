"""The fence at the exchange: each term of leadership sends its orders in order groups of its own.

A process that was paused may wake up and send an order it had prepared; no database can stop it.
So a new term first stops the groups of the term before and all others of this bot on the account
(another database may have begun one), and every order names its group. Within a term the group of
an order without an answer is stopped, too: then it cannot arrive any more.

Documented of Kalshi (order groups, 2026-08): a triggered group has its resting orders cancelled
and "new orders rejected until the group is reset"; the contracts limit counts over 15 s, and
passing it triggers the group; a group belongs to one shard. Inferred: that an order naming a
deleted group is refused too, that its refusal is a 4xx, and that a group may be asked for on every
shard. Hence groups are triggered when their term has ended and deleted only a term later.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from bot.core.market.orders import Aim
from bot.kalshi.calls import NOT_FOUND
from bot.kalshi.trading.requests import KalshiTrading
from bot.ports.exchange import ExchangeError

log = logging.getLogger("main")

#: Contracts in 15 s that a group can be limited to.
MOST_CONTRACTS: Final = 999_999
#: What a group that is gone, or stopped already, may be answered when it is to be stopped.
_NOT_OPEN: Final = frozenset({400, NOT_FOUND, 409, 410, 422})
_TOO_MANY: Final = 429


class _Groups(Struct, frozen=True):
    """Order groups by shard: those in force, and those stopped but not yet deleted.

    `open` are for entries; exits have groups of their own, that no runaway entry can stop.
    """

    open: dict[int, str]
    stopped: list[tuple[int, str]]
    leave: dict[int, str] = {}  # a Struct copies its defaults


class Fence:
    """Opens the order groups of a term; `contracts` may be entered on a shard in 15 s, not more.

    Raises ValueError for a limit that no group can have.
    """

    def __init__(self, exchange: KalshiTrading, contracts: int) -> None:
        if not 1 <= contracts <= MOST_CONTRACTS:
            raise ValueError(f"{contracts} contracts in 15 s: needs 1 to {MOST_CONTRACTS}")
        self._exchange = exchange
        self._contracts = contracts
        self._groups: dict[Aim, dict[int, str]] = {}
        self._known: set[str] = set()

    async def open(self, earlier: str | None) -> str:
        """Stop the groups of the earlier term, then begin new ones; what to hand on next time.

        Raises ExchangeError if not every earlier group is known to be stopped, and ValueError if
        `earlier` did not come from here.
        """
        before = _groups(earlier)
        self._groups = {}
        handed_on = [*before.open.items(), *before.leave.items()]
        known = {group for _, group in [*handed_on, *before.stopped]}
        listed = (await self._exchange.groups()).items()
        ours = [*handed_on, *((shard, group) for group, shard in listed if group not in known)]
        for shard, group in ours:
            await self._stop(group, shard)
        left = [one for one in before.stopped if not await self._is_deleted(*one)]
        # Only a term that is whole has groups: what is not handed on, nobody would ever stop.
        shards = await self._exchange.shards()
        enter = await self._begun(shards, self._contracts)
        try:
            leave = await self._begun(tuple(enter), MOST_CONTRACTS)
        except ExchangeError:
            await self._undone(enter)
            raise
        self._groups = {Aim.ENTER: enter, Aim.LEAVE: leave}
        after = _Groups(enter, [*left, *ours], leave)
        self._known = {*known, *(group for _, group in ours), *enter.values(), *leave.values()}
        return msgspec.json.encode(after).decode()

    def group(self, shard: int, aim: Aim) -> str | None:
        """The order group of this term on a shard for orders of an aim; None if there is none."""
        return self._groups.get(aim, {}).get(shard)

    async def renew(self, group: str, shard: int, aim: Aim) -> None:
        """Stop a group of this term for good; orders of its kind go into another from now on.

        Raises ExchangeError; then it may still take orders.
        """
        if self.group(shard, aim) == group:
            contracts = self._contracts if aim is Aim.ENTER else MOST_CONTRACTS
            fresh = await self._exchange.create_group(contracts, shard)
            self._known.add(fresh)
            self._groups[aim][shard] = fresh
        await self._stop(group, shard)

    async def close(self) -> None:
        """Stop the groups of this term: what rests of it goes, and nothing more arrives.

        Raises ExchangeError if that is not known of all of them.
        """
        groups, self._groups = self._groups, {}
        failed: ExchangeError | None = None
        for shard, group in [one for by in groups.values() for one in by.items()]:
            try:
                await self._stop(group, shard)
            except ExchangeError as error:
                failed = error
        if failed is not None:
            raise failed

    async def rivals(self) -> list[str]:
        """Groups of this bot that this term neither began nor stopped: another one trades here."""
        return sorted((await self._exchange.groups()).keys() - self._known)

    async def _stop(self, group: str, shard: int) -> None:
        try:
            await self._exchange.trigger_group(group, shard)
        except ExchangeError as error:
            if error.status not in _NOT_OPEN:
                raise
            # A term that does not begin for it would leave all positions to nobody.
            log.warning(
                "The order group %s cannot be stopped, it takes no orders: %s", group, error
            )

    async def _is_deleted(self, shard: int, group: str) -> bool:
        try:
            await self._exchange.delete_group(group, shard)
        except ExchangeError as error:
            # It stays stopped, and is tried again with the next term.
            return error.status == NOT_FOUND
        return True

    async def _begun(self, shards: Sequence[int], contracts: int) -> dict[int, str]:
        groups: dict[int, str] = {}
        for shard in shards:
            try:
                groups[shard] = await self._exchange.create_group(contracts, shard)
            except ExchangeError as error:
                # One shard that says no must not keep the others from trading.
                if not _says_no(error) or (shard == shards[-1] and not groups):
                    await self._undone(groups)
                    raise
                log.warning("Nothing trades on shard %d in this term: %s", shard, error)
        return groups

    async def _undone(self, groups: Mapping[int, str]) -> None:
        """What a term that does not begin made of groups, nobody else would ever delete."""
        for shard, group in groups.items():
            try:
                await self._exchange.delete_group(group, shard)
            except ExchangeError as error:
                log.warning("Order group %s was not deleted: %s", group, error)


def _says_no(error: ExchangeError) -> bool:
    """Whether it is an answer that asking again would not change."""
    return error.status is not None and 400 <= error.status < 500 and error.status != _TOO_MANY


def _groups(handed_on: str | None) -> _Groups:
    if handed_on is None:
        return _Groups({}, [])
    try:
        return msgspec.json.decode(handed_on, type=_Groups)
    except ValueError as error:
        raise ValueError(
            f"the order groups of the earlier term cannot be read, so they stay active: {error}"
        ) from error
