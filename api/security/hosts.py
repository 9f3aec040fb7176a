"""The names this service goes by: which it answers to, and which a page of its own can have.

A page of anybody's can have its own name lead to this machine (DNS rebinding), and then asks us
as if it came from us. Two things stand against that: `ALLOWED_HOSTS`, and that without a token
only such names pass for ours that nobody can lead elsewhere.
"""

from collections.abc import Sequence
from ipaddress import ip_address


class Hosts:
    """Names by the `ALLOWED_HOSTS` that list them; '*' welcomes all, '*.example.com' a family."""

    def __init__(self, allowed: Sequence[str]) -> None:
        names = {one.lower().rstrip(".") for one in allowed}
        self.any = "*" in names
        self._names = frozenset(names)
        self._families = tuple(one[1:] for one in names if one.startswith("*."))

    def lists(self, host: str) -> bool:
        """Whether that Host header is listed by name, whatever '*' allows."""
        name = bare(host)
        return name in self._names or name.endswith(self._families)

    def welcome(self, host: bytes | None) -> bool:
        """Whether this service answers to that Host header."""
        return self.any or (host is not None and self.lists(host.decode("latin-1")))


def bare(host: str) -> str:
    """The name or address of a Host header, without its port.

    >>> bare("LOCALHOST:8000"), bare("[::1]:8000")
    ('localhost', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def is_fixed(host: str) -> bool:
    """Whether nobody can lead that name elsewhere: an address, or this machine's own name."""
    name = bare(host)
    return name == "localhost" or is_address(name)


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether it is the address of this very machine to itself."""
    if not is_address(name):
        return False
    address = ip_address(name)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_this_machine(host: str) -> bool:
    """Whether that Host header can only mean the machine it is sent on."""
    name = bare(host)
    if name == "localhost" or is_loopback(name):
        return True
    return is_address(name) and ip_address(name).is_unspecified
