"""The headers of answers: what every one carries, and what pages need besides."""

from typing import Final

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

#: In the scope of a GET that was a HEAD: whoever makes a body at some cost may save it.
HEAD_ONLY: Final = "head_only"

#: Where the pages are that show the documentation; beneath them lies what they load.
VIEWERS: Final = ("/docs", "/redoc")
DASHBOARD: Final = "/dashboard"
DASHBOARD_FILES: Final = ("/dashboard/dashboard.js", "/dashboard/dashboard.css")
_BENEATH_VIEWERS: Final = tuple(f"{viewer}/" for viewer in VIEWERS)

NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
#: For JSON and all else that no browser should ever run or show inside a page.
POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_ISOLATION: Final[Headers] = [
    (b"vary", b"origin"),
    NO_SNIFFING,
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
#: On every answer but those that `standard` has other headers for.
STANDARD: Final[Headers] = [(b"cache-control", b"no-store"), *_ISOLATION, POLICY]
#: The viewers' scripts are files of ours; they style elements one by one, and search in a worker.
_PAGE_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final[Headers] = [
    (b"cache-control", b"max-age=3600"),
    *_ISOLATION,
    (b"content-security-policy", _PAGE_POLICY),
]
#: The dashboard styles nothing in its markup, and no script of it comes from elsewhere.
_DASHBOARD_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Its files bear a digest in their address; the page that names them is asked for anew.
_DASHBOARD: Final[Headers] = [
    (b"cache-control", b"no-cache"),
    *_ISOLATION,
    (b"content-security-policy", _DASHBOARD_POLICY),
]
_DASHBOARD_FILE: Final[Headers] = [
    (b"cache-control", b"max-age=31536000, immutable"),
    *_DASHBOARD[1:],
]
#: For a year no browser that came by https comes by http again.
ENCRYPTED_ONLY: Final[Headers] = [(b"strict-transport-security", b"max-age=31536000")]


def standard(path: str) -> Headers:
    """What every answer carries that has that path."""
    if path == DASHBOARD:
        return _DASHBOARD
    if path in DASHBOARD_FILES:
        return _DASHBOARD_FILE
    return _PAGE if _is_viewer(path) else STANDARD


def is_page(path: str) -> bool:
    """Whether it is a page for people, or what such a page loads: it tells nothing by itself."""
    return _is_viewer(path) or path == DASHBOARD or path in DASHBOARD_FILES


def _is_viewer(path: str) -> bool:
    return path in VIEWERS or path.startswith(_BENEATH_VIEWERS)


def came_encrypted(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a request came by https; TLS often ends at a proxy, which says so."""
    return headers.get(b"x-forwarded-proto") == b"https" or scope["scheme"] == "https"


#: Whoever sends one of these speaks for somebody else.
_FORWARDED: Final = frozenset(
    {b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip"}
    | {b"cf-connecting-ip", b"cf-connecting-ipv6", b"cf-ray", b"cdn-loop", b"fly-client-ip"}
    | {b"fastly-client-ip", b"x-envoy-external-address", b"x-azure-clientip", b"x-azure-fdid"}
    | {b"x-appengine-user-ip", b"x-amzn-trace-id", b"x-cloud-trace-context", b"x-railway-edge"}
    | {b"x-proxyuser-ip", b"wl-proxy-client-ip", b"proxy-client-ip", b"x-host", b"x-scheme"}
)
_FORWARDED_FAMILIES: Final = (b"x-forwarded", b"x-original-", b"x-vercel-", b"x-railway-", b"fly-")


def is_forwarded(headers: dict[bytes, bytes]) -> bool:
    """Whether a proxy brought this request: any header that proxies name a visitor with."""
    return not _FORWARDED.isdisjoint(headers) or any(
        name.startswith(_FORWARDED_FAMILIES) for name in headers
    )


def is_browser(headers: dict[bytes, bytes]) -> bool:
    """Whether a page asks: no program sends these headers unless it is told to."""
    return b"sec-fetch-mode" in headers or b"origin" in headers
