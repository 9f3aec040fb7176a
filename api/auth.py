"""The doors: who may read and who may act, decided before anything else sees a request.

Whatever is not a GET, HEAD or OPTIONS acts. The decision goes by method and path alone, so a new
route is behind its door without asking for it. Leaves out from which web pages one may act
(`deps.refuse_foreign_pages`) or read (`cors`).
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from pydantic import SecretStr
from starlette.types import Scope

from api.deps import ServiceFacts
from api.headers import Headers, is_page
from api.hosts import Hosts, is_loopback
from api.throttle import SPAN, Failures
from bot.journal_rows import plain

log = logging.getLogger("main")

#: What hosts probe, under whatever name they know the service by.
PROBES: Final = frozenset({"/health", "/ready"})
#: What anybody may read besides the documentation: that the service is there, and what it tells.
OPEN: Final = PROBES | {"/", "/openapi.json"}
#: Environments in which a service without API_TOKEN lets its own machine act.
AT_HOME: Final = frozenset({"development", "test"})
#: A token shorter than this can be guessed.
LEAST_TOKEN: Final = 16

_READS: Final = frozenset({"GET", "HEAD"})
#: Whoever sends one of these speaks for somebody else.
_FORWARDED: Final = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
    | {b"x-real-ip"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A closed door: the status of the answer, a word for programs and a sentence for people."""

    status: int
    code: str
    message: str
    headers: Headers = field(default_factory=list)


class Doors:
    """Answers who may do what. Tokens are kept as digests, made once.

    A right token is always good. Addresses are shared: behind a proxy all visitors have that of
    the proxy. If failures closed the door for an address, anybody could keep the owner from the
    kill switch. What withstands guessing is the length of the token; the limit keeps guesses
    from filling the log, and tells whoever asks wrongly by mistake to stop.
    """

    def __init__(self, facts: ServiceFacts, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that never jumps, for the limit of failures."""
        self._facts = facts
        self._hosts = Hosts(facts.allowed_hosts)
        self._writer = _digest(facts.api_token)
        reader = _digest(facts.api_read_token)
        self._readers = tuple(one for one in (reader, self._writer) if one) if reader else ()
        self._failures = Failures(seconds)
        #: Whether nothing can ever be said against a GET.
        self.reads_are_free = self._hosts.any and not self._readers

    def wants_token(self, method: str, path: str) -> bool:
        """Whether one needs a token to do that."""
        if method in _READS:
            return bool(self._readers) and not (path in OPEN or is_page(path))
        return method != "OPTIONS" and self._writer is not None

    def refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Refusal | None:
        """Why this request may not pass; None if it may."""
        method, path = scope["method"], scope["path"]
        if not self._hosts.welcome(headers.get(b"host")) and path not in PROBES:
            return _UNKNOWN_HOST
        if self.wants_token(method, path):
            wanted = self._readers if method in _READS else (self._writer,)
            return self._unless_brought(wanted, scope, headers)
        if method in _READS or method == "OPTIONS" or self._is_at_home(scope, headers):
            return None
        return _SET_TOKEN

    def warnings(self) -> list[str]:
        """What an operator should hear at the start, a line each."""
        lines = []
        if self._writer is None and self._facts.environment in AT_HOME:
            lines.append("API_TOKEN is not set: this machine may act by POST, and nobody else")
        elif self._writer is None:
            lines.append("API_TOKEN is not set: every POST is refused until it is")
        short = (self._facts.api_token, self._facts.api_read_token)
        if any(one and len(one.get_secret_value()) < LEAST_TOKEN for one in short):
            lines.append(
                f"API_TOKEN and API_READ_TOKEN should have {LEAST_TOKEN} characters or more: "
                "make one with `openssl rand -hex 32`"
            )
        return lines

    def _unless_brought(
        self, wanted: tuple[bytes | None, ...], scope: Scope, headers: dict[bytes, bytes]
    ) -> Refusal | None:
        brought = _brought(headers.get(b"authorization", b""))
        if _is_one_of(brought, wanted):
            return None
        if _is_one_of(brought, self._readers):
            return _READS_ONLY
        return self._failed(scope, "a wrong token" if brought else "no token")

    def _failed(self, scope: Scope, why: str) -> Refusal:
        address = scope["client"][0] if scope.get("client") else "an unknown address"
        standing = self._failures.add(address)
        if standing.wait:
            return _too_many(standing.wait)
        more = "" if standing.left else f"; others of the next {SPAN:.0f} s are not logged"
        path = plain(scope["path"])[:80]
        log.warning("Refused %s %s: %s from %s%s", scope["method"], path, why, address, more)
        return _NO_TOKEN

    def _is_at_home(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether it is this machine that asks, for itself, of a service of which nobody minds."""
        return (
            self._facts.environment in AT_HOME
            and bool(scope.get("client"))
            and is_loopback(scope["client"][0])
            and _FORWARDED.isdisjoint(headers)
        )


_UNKNOWN_HOST: Final = Refusal(
    400, "unknown_host", "This service does not go by that name: list it in ALLOWED_HOSTS"
)
_SET_TOKEN: Final = Refusal(
    403,
    "no_token_set",
    "Set API_TOKEN and bring it as a bearer token: without it only the machine of a service in "
    "development may act",
)
_READS_ONLY: Final = Refusal(403, "reads_only", "This token may read only: bring API_TOKEN")
_NO_TOKEN: Final = Refusal(
    401,
    "unauthorized",
    "Send the header `Authorization: Bearer TOKEN` with API_TOKEN, or API_READ_TOKEN to read",
    [(b"www-authenticate", b"Bearer")],
)


def _too_many(wait: int) -> Refusal:
    message = f"Too many requests without the right token: ask again in {wait} s"
    return Refusal(429, "too_many_requests", message, [(b"retry-after", str(wait).encode())])


def _digest(token: SecretStr | None) -> bytes | None:
    """A token as it is compared; None if there is none. Blanks around it never reach a server."""
    value = token.get_secret_value().strip() if token else ""
    return sha256(value.encode()).digest() if value else None


def _brought(authorization: bytes) -> bytes | None:
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    return sha256(token).digest() if scheme.lower() == b"bearer" and token else None


def _is_one_of(brought: bytes | None, wanted: tuple[bytes | None, ...]) -> bool:
    """Whether it is one of them; how long that takes tells nothing of them."""
    matches = [hmac.compare_digest(brought or b"", one) for one in wanted if one]
    return any(matches)
