"""Where a request leads inside this service, without its prefix and the reading token before it.

With `--root-path /bot` a proxy may strip the prefix or leave it; either way the access policy and
the router see the same path. `/r/TOKEN/state/full` is `/state/full` for who cannot send a header.
The request's scope is changed in place: no later layer, the access log included, sees the token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope

#: In the scope: what an address inside this service begins with, for the browser that asks. None
#: where that cannot be said without the token that came in the path.
BASE: Final = "address_base"
#: What the path begins with if its next part is the token for reading.
TOKEN_PATH: Final = "/r/"


@dataclass(frozen=True, slots=True)
class Target:
    """The path as the routes name it, and the token that came in the path."""

    path: str
    token: bytes | None = None


def located(scope: Scope, knows: Callable[[str], bool]) -> Target:
    """Where this request leads; `knows` tells whether the service has such a path."""
    path, root = scope["path"], scope.get("root_path", "")
    if not root and not path.startswith(TOKEN_PATH):
        return Target(path)
    prefix = "/" + root.strip("/") if root.strip("/") else ""
    path = _inside(path.removeprefix(root), prefix, knows)
    token = None
    scope[BASE] = f"{prefix}/"
    if path.startswith(TOKEN_PATH):
        # Relative to the folder behind the token; without the last slash that is another one.
        scope[BASE] = "" if path.count("/") > TOKEN_PATH.count("/") else None
        token, path = _opened(path, scope.get("raw_path") or b"")
    scope["root_path"] = prefix
    scope["path"] = prefix + path
    scope["raw_path"] = quote(prefix + path).encode()
    return Target(path, token)


def _inside(path: str, prefix: str, knows: Callable[[str], bool]) -> str:
    path = path if path.startswith("/") else f"/{path}"
    # The server has put the prefix before whatever came; what still bears it was not stripped.
    # But `/bot` is a prefix that paths of our own begin with, too.
    if prefix and f"{path}/".startswith(f"{prefix}/") and not knows(path):
        return path.removeprefix(prefix) or "/"
    return path


def _opened(path: str, raw: bytes) -> tuple[bytes, str]:
    """The token, and the path behind it. A token may hold an encoded slash."""
    prefix = TOKEN_PATH.encode()
    _, found, behind = raw.partition(b"?")[0].partition(prefix)
    if found:
        token = unquote_to_bytes(behind.partition(b"/")[0])
        rest = path.removeprefix(TOKEN_PATH).encode("utf-8", "surrogateescape")
        if rest.startswith(token):
            return token, rest[len(token) :].decode("utf-8", "surrogateescape") or "/"
    token_text, _, rest_text = path.removeprefix(TOKEN_PATH).partition("/")
    return token_text.encode("utf-8", "surrogateescape"), f"/{rest_text}"
