"""What people type into settings, as it was meant; and what to say where that is not certain.

Hosts and editors add blanks, quotes, byte-order marks and line ends, and spell words in any case.
Pure: text in, text out. Leaves out which settings there are (`config`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

#: Not seen, and in no value on purpose: byte-order mark, zero-width characters, soft hyphen.
_UNSEEN: Final = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
_EDGES: Final = re.compile(rf"^[\s\x00-\x1f\x7f{_UNSEEN}]+|[\s\x00-\x1f\x7f{_UNSEEN}]+$")
#: Domains of Kalshi's own exchanges: all hosts below one are the same exchange.
_KALSHI: Final = {".kalshi.com": "production", ".kalshi.co": "demo"}
_QUOTES: Final = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}
_UNDERSCORES: Final = re.compile(r"[+-]?\d{1,3}(_\d{3})+(\.\d+)?")
_COMMA: Final = re.compile(r"[+-]?[\d.,_]*\d,\d[\d.,_]*")
#: What is a number, or was meant as one: with its unit, as NaN.
_NUMBER: Final = re.compile(
    r"[$-]?[+-]?[\d.,_ ]+(e[+-]?\d+)?( ?(s|sec|m|min|h|d|c|k|%))?|[+-]?(nan|inf|infinity)",
    re.IGNORECASE,
)
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?")
#: Schemes of addresses whose host tells nothing; elsewhere it may be a token.
_WEB: Final = frozenset({"http", "https"})
#: What stands for a value that may be a secret pasted into the wrong setting.
HIDDEN: Final = "(hidden)"

#: Where a user without a password says who it is, and lets nobody in.
_DATABASES: Final = ("postgres", "sqlite")
_SOCKS: Final = frozenset({"socks5", "socks5h"})
#: Words that are known by other names as well.
_ALIASES: Final = {"WARN": "WARNING"}
_UPPER: Final = frozenset({"log_level"})
_LOWER: Final = frozenset(
    {
        *("bot_mode", "bot_exit", "live_allow", "kalshi_env", "feed"),
        *("log_format", "alert_format", "alert_on", "environment"),
    }
)
#: What a shell would put a value for: `$HOME`, `${HOME}`, `%USERPROFILE%`.
_VARIABLE: Final = re.compile(r"\$\w+|\$\{[^}]*\}|%\w+%")


def trimmed(text: str) -> str:
    r"""The text without blanks, unseen characters and one pair of quotes around it.

    >>> trimmed(' "paper"\n')
    'paper'
    """
    bare = _EDGES.sub("", text)
    if len(bare) >= 2 and _QUOTES.get(bare[0]) == bare[-1]:
        return _EDGES.sub("", bare[1:-1])
    return bare


def cleaned(values: Mapping[str, object]) -> dict[str, Any]:
    """Settings as they were meant, by field; what is empty is absent."""
    meant = {name: _cleaned(name, value) for name, value in values.items()}
    return {name: value for name, value in meant.items() if value != ""}


def _cleaned(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    text = trimmed(value)
    if name in _UPPER:
        return _ALIASES.get(text.upper(), text.upper())
    if name in _LOWER:
        return text.lower()
    return text.replace("_", "") if _UNDERSCORES.fullmatch(text) else text


def listed(value: object) -> object:
    """The parts of a comma separated text, each as it was meant; anything else as it is."""
    if not isinstance(value, str):
        return value
    return [part for part in map(trimmed, value.split(",")) if part]


def words(value: object) -> object:
    """The parts of a text separated by commas or blanks; anything else as it is."""
    return re.split(r"[\s,]+", value.strip(" ,")) if isinstance(value, str) else value


def proxy_address(text: str, with_socks: bool) -> str:
    """The address of a proxy; without a scheme it speaks HTTP.

    `with_socks` is whether SOCKS can be spoken. Raises ValueError, without the address in it.
    """
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        known = bool(parts.hostname) and parts.port != 0 and address.isprintable()
    except ValueError:
        known = False
    if not known or " " in address or parts.scheme not in {"http", "https", *_SOCKS}:
        raise ValueError("must be http://host:port or socks5://host:port")
    if parts.scheme in _SOCKS and not with_socks:
        raise ValueError(
            "a SOCKS proxy needs the package socksio: `pip install socksio`, name an http:// proxy "
            "instead, or leave it empty"
        )
    return address.rstrip("/")


def has_comma(value: object) -> bool:
    """Whether it is a number with a comma: 1,500 may be 1500 or one and a half."""
    return isinstance(value, str) and _COMMA.fullmatch(value) is not None


def expanded(path: Path) -> Path:
    """The path with `~` as the home it stands for.

    Raises ValueError if there is none, or if a file of that name would be none that was meant.
    """
    text = str(path)
    if _VARIABLE.search(text):
        raise ValueError("a variable stands for nothing here: write the whole path")
    if re.match(r"[A-Za-z][A-Za-z0-9+-]+:/", text):
        raise ValueError("must be a path, not an address: /data/file")
    if not text.isprintable():
        raise ValueError("must be a path, with no line break and nothing that is not seen in it")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("~ stands for no home folder here: write the whole path") from None


def host_name(text: str) -> str:
    """The bare name of what may be given as an address: `https://x.example:443/` is `x.example`.

    Raises ValueError for what is none.
    """
    if text == "*":
        return text
    try:
        name = _host_in(text.lower())
    except ValueError:
        name = ""
    if not name:
        raise ValueError("names like my-bot.up.railway.app or *.example.com, comma separated")
    return name


def _host_in(text: str) -> str:
    bare = text.strip("[]")
    if _is_address(bare):
        return bare
    parts = urlsplit(text if "://" in text else f"//{text}")
    # A port that is no number raises ValueError.
    _ = parts.port
    name = parts.hostname or ""
    return name if _is_address(name) or _HOST.fullmatch(name) else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def credentials_in(address: str) -> list[str]:
    """What of an address lets anybody in, as written: its password, also behind the ?, or a key.

    >>> credentials_in("postgres://me:b@r@db.example/x?sslpassword=pw")
    ['b@r', 'pw']
    >>> credentials_in("http://ApiKey@proxy.example:3128")
    ['ApiKey']
    """
    rest = address.rpartition("://")[2]
    # Whatever is wrong with the address: the last @ is the one before the host.
    user, _, password = rest.rpartition("@")[0].partition(":")
    is_key = not password and "/" not in user and not address.startswith(_DATABASES)
    behind = [value for name, value in parse_qsl(rest.partition("?")[2]) if "password" in name]
    return list(filter(None, [user if is_key else password, *behind]))


def kalshi_environment(url: str) -> str | None:
    """Which of Kalshi's own exchanges an address is of, however it is spelt; None if of none.

    >>> kalshi_environment("https://api.elections.kalshi.com/trade-api/v2")
    'production'
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    return next((name for domain, name in _KALSHI.items() if host.endswith(domain)), None)


def confirmation(url: str) -> str | None:
    """What has to be typed before orders are sent there; None for an exchange on this machine.

    >>> confirmation("https://external-api.kalshi.com/trade-api/v2")
    'real money at external-api.kalshi.com'
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host):
        return None
    # By the host, not by KALSHI_ENV: that may name one exchange and the address another.
    return "demo" if kalshi_environment(url) == "demo" else f"real money at {host}"


def is_loopback(name: str) -> bool:
    """Whether what is sent to that name stays on this machine."""
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def key_id(text: str) -> str:
    """A key id as an HTTP header can carry it. Raises ValueError, without it, for what is none."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            "holds a character that no key id has, perhaps one that is not seen: "
            "type it again instead of pasting it"
        )
    return text


def token(text: str) -> str:
    """A token as somebody can type it. Raises ValueError, without it, for what is none."""
    if not text.isprintable():
        raise ValueError(
            "holds a character that is not seen, so nobody could bring it: "
            "type it again instead of pasting it"
        )
    return text


def shown_number(value: object) -> str:
    """The value where a number is wanted, if it is one or was meant as one; nothing of all else.

    >>> shown_number("5s"), shown_number("hunter2")
    ("'5s'", '(hidden)')
    """
    return repr(value) if _NUMBER.fullmatch(str(value)) else HIDDEN


def shown_word(value: object, known: Sequence[str]) -> str:
    """The value where one of a few words is wanted, if it is nearly one of them.

    >>> shown_word("papr", ["paper", "live"]), shown_word("swordfish", ["paper", "live"])
    ("'papr'", '(hidden)')
    """
    wanted = [word.lower() for word in known]
    return repr(value) if get_close_matches(str(value).lower(), wanted, n=1) else HIDDEN


def shown_address(value: object) -> str:
    """Scheme and host of a web address: all else of one may let somebody in, and any other text.

    >>> shown_address("https://a.example/r/T0ken/x")
    "'https://a.example/***'"
    >>> shown_address("https://me:p@ss.word@a.example"), shown_address("tgram://T0ken/1")
    ('(hidden)', '(hidden)')
    """
    text = str(value)
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return HIDDEN
    # Whatever stands before an @ is cut where it holds a / or a ?: it would pass for the host.
    if parts.scheme not in _WEB or "@" in text or not _is_public(host):
        return HIDDEN
    whole = f"{parts.scheme}://{host}"
    return repr(whole if text.rstrip("/").lower() == whole else f"{whole}/***")


def _is_public(host: str) -> bool:
    """Whether it is a name that others know as well: one word may be anything."""
    return is_loopback(host) or _is_address(host) or ("." in host and bool(_HOST.fullmatch(host)))


def number_wanted(kind: str, bounds: Iterable[object]) -> str:
    """What a number may be, from the bounds of its field.

    >>> from annotated_types import Ge, Le
    >>> number_wanted("whole number", [Ge(1), Le(60)])
    'must be a whole number, at least 1, at most 60'
    """
    words = {
        **{"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"},
        "decimal_places": "with at most {} decimals",
    }
    said = [
        word.format(getattr(one, name))
        for one in bounds
        for name, word in words.items()
        if getattr(one, name, None) is not None
    ]
    return ", ".join([f"must be a {kind}", *said])
