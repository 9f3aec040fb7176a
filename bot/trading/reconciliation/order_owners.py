"""Tells which orders of an account are this bot's: by the name that it gave them, written down.

That a trade is not booked makes nobody else's of it: its order may have ended without it, by an
operator's word or because the exchange did not list it. An order that cannot be read is nobody's.
"""

from collections.abc import Awaitable, Callable, Set
from datetime import datetime
from typing import Protocol, TypeAlias

from bot.core.account.adoption import Owned

#: Those of these client order ids that this bot wrote down. May raise StoreError.
WrittenDown: TypeAlias = Callable[[frozenset[str]], Awaitable[frozenset[str]]]


class OrderNames(Protocol):
    """Tells by which names orders were sent."""

    async def order_names(self, order_ids: Set[str], since: datetime) -> dict[str, str]:
        """The client order ids of orders made since then, or earlier. Raises ExchangeError."""
        ...


class OrderOwners:
    """Whose the orders of an account are; each is asked about once."""

    def __init__(self, exchange: OrderNames, written_down: WrittenDown) -> None:
        self._exchange = exchange
        self._written_down = written_down
        self._known = Owned()

    async def owned(self, order_ids: frozenset[str], since: datetime) -> Owned:
        """Whose these are, made since then or earlier. Raises ExchangeError, StoreError."""
        ours, theirs = order_ids & self._known.ours, order_ids & self._known.theirs
        if asked := order_ids - ours - theirs:
            names = await self._exchange.order_names(asked, since)
            own = await self._written_down(frozenset(names.values()))
            ours |= {order_id for order_id, name in names.items() if name in own}
            theirs |= names.keys() - ours
        self._known = Owned(ours, theirs)
        return self._known
