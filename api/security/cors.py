"""Which web pages may read the answers (CORS), never with credentials.

One answer for the ready bytes of `/state/full` and for all routes. Every answer must vary by
origin (its sender says so): caches must not give one page's answer to another.
"""

from collections.abc import Sequence

from api.security.headers import Headers

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"accept, authorization, content-type, if-none-match"),
    (b"access-control-max-age", b"600"),
    (b"vary", b"access-control-request-method, access-control-request-headers"),
]


class Cors:
    """The headers by origin, made once; '*' among the origins welcomes every page."""

    def __init__(self, origins: Sequence[str]) -> None:
        anybody = "*" in origins
        self._others: Headers = _welcome(b"*") if anybody else []
        listed = () if anybody else tuple(origin.encode() for origin in origins)
        self._by_origin = {origin: _welcome(origin) for origin in listed}
        self._anybody = anybody

    def headers(self, origin: bytes | None) -> Headers:
        """What an answer to a page of that origin carries; None: not from a page."""
        return self._by_origin.get(origin, self._others) if origin else []

    def preflight(self, origin: bytes) -> Headers | None:
        """What lets a page of that origin ask; None if it may not."""
        if not self._anybody and origin not in self._by_origin:
            return None
        return [*self.headers(origin), *_PREFLIGHT]


def _welcome(origin: bytes) -> Headers:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"etag, retry-after"),
    ]
