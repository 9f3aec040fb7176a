"""The access policy: who may read and who may act, decided before anything else sees a request.

Whatever is not a GET, HEAD or OPTIONS acts. The decision goes by method and path alone, so a new
route is guarded without asking for it. Leaves out from which web pages one may act
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
from api.security.headers import Headers, is_forwarded, is_page
from api.security.hosts import Hosts, is_loopback, is_this_machine
from api.security.paths import Target
from api.security.throttle import Failures
from bot.journal.csv_rows import plain

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
#: What the log shows of a path and of an address.
_SHOWN_PATH: Final = 80
_SHOWN_ADDRESS: Final = 45


@dataclass(frozen=True, slots=True)
class AccessRefusal:
    """A refusal: the status of the answer, a word for programs and a sentence for people."""

    status: int
    code: str
    message: str
    headers: Headers = field(default_factory=list)


class AccessPolicy:
    """Answers who may do what. Tokens are kept as digests, made once.

    A right token is always good. Addresses are shared: behind a proxy all visitors have that of
    the proxy. If failures locked an address out, anybody could keep the owner from the
    kill switch. What withstands guessing is the length of the token; the limit keeps guesses
    from filling the log, and tells whoever asks wrongly by mistake to stop.
    """

    def __init__(self, facts: ServiceFacts, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that never jumps, for the limit of failures."""
        self._facts = facts
        self._hosts = Hosts(facts.allowed_hosts)
        self._writer = _digest(facts.api_token)
        self._reader = reader = _digest(facts.api_read_token)
        self._readers = tuple(one for one in (reader, self._writer) if one) if reader else ()
        self._failures = Failures(seconds)
        #: Whether nothing can ever be said against a GET.
        self.reads_are_free = self._hosts.any and not self._readers

    def wants_token(self, method: str, path: str) -> bool:
        """Whether one needs a token to do that."""
        if method in _READS:
            return bool(self._readers) and not (path in OPEN or is_page(path))
        return method != "OPTIONS" and self._writer is not None

    def refusal(
        self, scope: Scope, target: Target, headers: dict[bytes, bytes]
    ) -> AccessRefusal | None:
        """Why this request may not pass; None if it may. A WebSocket reads."""
        method, path = scope.get("method", "GET"), target.path
        if not self._hosts.welcome(headers.get(b"host")) and path not in PROBES:
            return _UNKNOWN_HOST
        if _is_ambiguous(scope, headers):
            return _AMBIGUOUS
        if target.token is not None and method != "OPTIONS":
            return self._by_path(method, target, scope)
        if self.wants_token(method, path):
            wanted = self._readers if method in _READS else (self._writer,)
            return self._unless_brought(wanted, target, scope, headers)
        if method in _READS or method == "OPTIONS" or self._is_at_home(scope, headers):
            return None
        return _SET_TOKEN

    def warnings(self) -> list[str]:
        """What an operator should hear at the start, a line each."""
        lines = []
        if self._writer is None and self._facts.environment in AT_HOME:
            lines.append(
                "API_TOKEN is not set: this machine may act by POST, and nobody else; set it "
                "before a proxy here forwards to it, for its visitors could pass for this machine"
            )
        elif self._writer is None:
            lines.append("API_TOKEN is not set: every POST is refused until it is")
        short = (self._facts.api_token, self._facts.api_read_token)
        if any(one and len(one.get_secret_value()) < LEAST_TOKEN for one in short):
            lines.append(
                f"API_TOKEN and API_READ_TOKEN should have {LEAST_TOKEN} characters or more: "
                "make one with `openssl rand -hex 32`"
            )
        return lines

    def _by_path(self, method: str, target: Target, scope: Scope) -> AccessRefusal | None:
        """Why a request with a token in its path is refused; None for a GET with the right one."""
        if self._reader is None:
            return _NO_TOKEN_PATH
        brought = sha256(target.token or b"").digest()
        if not _is_one_of(brought, (self._reader,)):
            return self._failed(target, scope, "a wrong token in the path")
        return None if method == "GET" else _GET_ONLY

    def _unless_brought(
        self,
        wanted: tuple[bytes | None, ...],
        target: Target,
        scope: Scope,
        headers: dict[bytes, bytes],
    ) -> AccessRefusal | None:
        brought = _brought(headers.get(b"authorization", b""))
        if _is_one_of(brought, wanted):
            return None
        if _is_one_of(brought, self._readers):
            return _READS_ONLY
        return self._failed(target, scope, "a wrong token" if brought else "no token")

    def _failed(self, target: Target, scope: Scope, why: str) -> AccessRefusal:
        client = scope.get("client")
        address = plain(str(client[0]))[:_SHOWN_ADDRESS] if client else "an unknown address"
        attempts = self._failures.add(address)
        if attempts.unsaid is not None:
            more = f"; {attempts.unsaid:,} more since the last such line" if attempts.unsaid else ""
            path, method = plain(target.path)[:_SHOWN_PATH], scope.get("method", "WebSocket")
            log.warning("Refused %s %s: %s from %s%s", method, path, why, address, more)
        return _too_many(attempts.wait) if attempts.wait else _NO_TOKEN

    def _is_at_home(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether it is this machine that asks, for itself, of a service of which nobody minds.

        A proxy on this machine asks from here as well. Most tell by their headers, by the name
        that was asked for, or by HTTP/1.0; one that hides all of that cannot be told apart.
        """
        return (
            self._facts.environment in AT_HOME
            and bool(scope.get("client"))
            and is_loopback(scope["client"][0])
            and is_this_machine(headers.get(b"host", b"").decode("latin-1"))
            and scope.get("http_version") != "1.0"
            and not is_forwarded(headers)
        )


_AMBIGUOUS: Final = AccessRefusal(
    400, "bad_request", "Send each of host, origin and authorization once"
)
_UNKNOWN_HOST: Final = AccessRefusal(
    400, "unknown_host", "This service does not go by that name: list it in ALLOWED_HOSTS"
)
_SET_TOKEN: Final = AccessRefusal(
    403,
    "no_token_set",
    "Set API_TOKEN and bring it as a bearer token: without it only the machine of a service in "
    "development may act",
)
_NO_TOKEN_PATH: Final = AccessRefusal(
    404, "not_found", "There is no /r/TOKEN without API_READ_TOKEN; reading is open: leave it out"
)
_GET_ONLY: Final = AccessRefusal(
    405,
    "method_not_allowed",
    "A token in the path is for GET: to act, bring API_TOKEN as a bearer token",
    [(b"allow", b"GET")],
)
_READS_ONLY: Final = AccessRefusal(403, "reads_only", "This token may read only: bring API_TOKEN")
_NO_TOKEN: Final = AccessRefusal(
    401,
    "unauthorized",
    "Send the header `Authorization: Bearer TOKEN` with API_TOKEN, or API_READ_TOKEN to read",
    [(b"www-authenticate", b"Bearer")],
)


def _is_ambiguous(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether something that decides is there twice: a proxy may have gone by the other one."""
    sent = scope.get("headers", ())
    if len(sent) == len(headers):
        return False
    names = [name for name, _ in sent]
    return any(names.count(name) > 1 for name in _DECIDING)


_DECIDING: Final = (b"host", b"origin", b"authorization")


def _too_many(wait: int) -> AccessRefusal:
    message = f"Too many requests without the right token: ask again in {wait} s"
    return AccessRefusal(429, "too_many_requests", message, [(b"retry-after", str(wait).encode())])


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
