"""The way out: how whatever leaves this process gets there, by one policy for every client.

Proxies, exceptions from them and certificates come as values; httpx itself never reads the
environment, for there a line it cannot parse is a trace and each client has rules of its own.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx


@dataclass(frozen=True, slots=True)
class Outbound:
    """How to get to an address.

    `proxies` are addresses by the scheme that goes through them and may hold passwords; `direct`
    are names, addresses and networks that are reached without one. Without `certificates` (a file
    or a folder) those that came with the HTTP client are trusted.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    direct: tuple[str, ...] = ()
    certificates: Path | None = None

    def proxy(self, address: str) -> str | None:
        """The proxy on the way to that address, None for none."""
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
        if any(_names(entry, host, port) for entry in self.direct):
            return None
        return self.proxies.get(parts.scheme)

    def transport(
        self, address: str, limits: httpx.Limits | None = None
    ) -> httpx.AsyncHTTPTransport:
        """What carries requests to that address. Reads certificates: a tenth of a second."""
        return httpx.AsyncHTTPTransport(
            verify=self._verified(),
            trust_env=False,
            proxy=self.proxy(address),
            limits=limits or httpx.Limits(),
        )

    def _verified(self) -> ssl.SSLContext | bool:
        if self.certificates is None:
            return True
        return trusting(self.certificates)


#: No proxy, and the certificates of the HTTP client.
DIRECT: Final = Outbound()
_PORTS: Final = {"http": 80, "https": 443}


def trusting(certificates: Path) -> ssl.SSLContext:
    """A context that trusts these, a file or a folder. Raises OSError if they cannot be read."""
    if certificates.is_dir():
        return ssl.create_default_context(capath=certificates)
    return ssl.create_default_context(cafile=certificates)


def _names(entry: str, host: str, port: int | None) -> bool:
    """Whether an exception names that host: `*`, a name and all below it, an address, a network."""
    if entry == "*":
        return True
    bare = entry.lower().rpartition("://")[2]
    if (inside := _inside(bare, host)) is not None:
        return inside
    try:
        parts = urlsplit(f"//{bare}")
        name, only = parts.hostname or "", parts.port
    except ValueError:
        return False
    name = name.removeprefix("*").strip(".")
    fits = bool(name) and (host == name or host.endswith(f".{name}"))
    return fits and only in {None, port}


def _inside(entry: str, host: str) -> bool | None:
    """Whether the address lies in the network; None if the entry is none."""
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None
    try:
        return ip_address(host) in network
    except ValueError:
        return False
