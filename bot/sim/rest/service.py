"""What the HTTP side of the simulated exchange works with, and what a handler is.

A handler is a plain function from a `Call` to an `Answer`; it raises `Rejected`,
`BadQueryError` or `BadBodyError` to refuse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import orjson
from starlette.datastructures import Headers, QueryParams

from bot.clock import Clock
from bot.sim.engine import errors
from bot.sim.engine.accounts import MOST_SUBACCOUNTS, MemberAccount
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.state import ExchangeState
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.body import Fields, decoded
from bot.sim.rest.limits import RateLimiter
from bot.sim.rest.listing import ListingOrder
from bot.sim.rest.query import Query
from bot.sim.rest.render import Renderer
from bot.sim.rest.render_books import BookRenderer


class ExchangeDriver(Protocol):
    """Advances the exchange, and the world that trades on it, to now."""

    def catch_up(self) -> None:
        """Process everything due by now; cheap if nothing is."""
        ...


@dataclass(slots=True)
class Skew:
    """The error of the clock that signatures are checked by: a fault may set one."""

    by: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class RestContext:
    """An exchange and what it takes to serve it."""

    exchange: Exchange
    driver: ExchangeDriver
    clock: Clock
    keys: KeyRing
    limiter: RateLimiter
    renderer: Renderer
    listing: ListingOrder
    books: BookRenderer = field(default_factory=BookRenderer)
    skew: Skew = field(default_factory=Skew)

    @property
    def state(self) -> ExchangeState:
        """What the exchange knows."""
        return self.exchange.state


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: a status and a JSON body, empty for none."""

    status: int
    body: bytes


def answer(body: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, orjson.dumps(body))


@dataclass(frozen=True)
class Call:
    """One request to one operation. `signed_by` is None on public operations."""

    service: RestContext
    operation: str
    path: Mapping[str, str]
    params: QueryParams
    headers: Headers
    body: bytes
    signed_by: MemberAccount | None = None

    @property
    def state(self) -> ExchangeState:
        """What the exchange knows."""
        return self.service.state

    @property
    def exchange(self) -> Exchange:
        return self.service.exchange

    @cached_property
    def query(self) -> Query:
        """The query parameters."""
        return Query(self.operation, self.params)

    @property
    def account(self) -> MemberAccount:
        """The caller's account of the number that is asked for, the primary one without."""
        return self.of_number(self.query.integer("subaccount", 0, MOST_SUBACCOUNTS))

    @property
    def _primary(self) -> MemberAccount:
        """Who signed. Only for operations that demand a signature."""
        if self.signed_by is None:
            raise LookupError(f"{self.operation} is public: nobody signed")
        return self.signed_by

    def of_number(self, number: int | None) -> MemberAccount:
        """The caller's account of a number, the primary one without. Raises Rejected for none."""
        primary = self._primary
        found = primary.subaccounts.get(number) if number else primary
        if found is None:
            raise errors.INVALID_PARAMETERS(f"subaccount {number} does not exist")
        return found

    @property
    def accounts(self) -> tuple[MemberAccount, ...]:
        """The caller's account of the number that is asked for; all of them without one."""
        number = self.query.integer("subaccount", 0, MOST_SUBACCOUNTS)
        if number is not None:
            return (self.of_number(number),)
        return (self._primary, *self._primary.subaccounts.values())

    @property
    def order_count(self) -> int:
        """How many orders a batch holds; what it costs depends on that. At least 1."""
        return max(len(self.fields("Batch", {"orders": "array"}).get("orders", ())), 1)

    def fields(self, struct: str, fields: Fields) -> dict[str, Any]:
        """The body as an object with these fields. Raises BadBodyError."""
        return decoded(self.body, struct, fields)


Handler: TypeAlias = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: where it is, who may call it, what it costs.

    `path` is below `/trade-api/v2`. Without a `scope` it is public. `cost` is in tokens, for each
    order of the body if `per_order`.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    scope: str = ""
    cost: int = 10
    per_order: bool = False
