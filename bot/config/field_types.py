"""The types of settings: what a value may be, and how it is read.

Leaves out which settings there are. An error never repeats the value of a secret.
"""

import re
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.outbound import trusting
from bot.ports.persistence import StoreError
from bot.settings_text import expanded, host_name, key_id, proxy_address, token

REST_PATH = "/trade-api/v2"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+-]*://[^\s]+")

#: A certificate by the hash of its subject, as OpenSSL looks for it.
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not value.isprintable() or " " in value:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def _rest_url(value: str) -> str:
    url = _http_url(value)
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be an address without user, ? and #")
    is_kalshi = (parts.hostname or "").endswith((".kalshi.com", ".kalshi.co"))
    return url + REST_PATH if is_kalshi and not parts.path else url


def _service_url(value: str) -> str:
    url = _http_url(value)
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None or "/r/" in f"{parts.path}/":
        raise ValueError(
            "must be an address without user, ? and #, and without a token: "
            "that goes into API_TOKEN or API_READ_TOKEN"
        )
    return url


def _secret_http_url(value: SecretStr) -> SecretStr:
    _http_url(value.get_secret_value())
    return value


def _proxy(value: SecretStr) -> SecretStr:
    return SecretStr(proxy_address(value.get_secret_value(), find_spec("socksio") is not None))


def _certificates(path: Path) -> Path:
    try:
        trusting(expanded(path))
    except OSError as error:
        reason = "there are no certificates in PEM there" if not error.strerror else error.strerror
        raise ValueError(f"cannot be read ({reason}): correct it, or leave it empty") from None
    return expanded(path)


def _folder_of_certificates(path: Path) -> Path:
    folder = expanded(path)
    if not folder.is_dir():
        raise ValueError("is no folder: correct it, or leave it empty")
    # TLS finds certificates by these names only; without one it would trust nobody.
    if not any(_HASHED.fullmatch(file.name) for file in folder.iterdir()):
        lacking = "holds no certificates by the names that `openssl rehash` gives them"
        raise ValueError(f"{lacking}: run that there, or leave it empty")
    return folder


def _database_url(value: SecretStr) -> SecretStr:
    if not _database_of(value.get_secret_value()):
        raise ValueError("must name a database: postgres://user:password@host/name")
    return value


def _database_of(url: str) -> str | None:
    # SQLAlchemy takes a third of the time of a command that opens no database.
    from bot.store.connections import address  # noqa: PLC0415

    try:
        return address.read(url).database
    except StoreError as error:
        raise ValueError(str(error)) from None


def _origin(value: str) -> str:
    if value == "*":
        return value
    parts = urlsplit(_http_url(value))
    if parts.path or parts.query or parts.fragment:
        raise ValueError("an origin is scheme://host[:port] without a path")
    return value.rstrip("/")


def _secret_key_id(value: SecretStr) -> SecretStr:
    return SecretStr(key_id(value.get_secret_value()))


def _secret_token(value: SecretStr) -> SecretStr:
    return SecretStr(token(value.get_secret_value()))


def _alert_urls(value: SecretStr) -> SecretStr:
    if not all(_ADDRESS.match(one) for one in value.get_secret_value().split()):
        raise ValueError("must be addresses such as tgram://TOKEN/CHAT, a blank between two")
    if find_spec("apprise") is None:
        raise ValueError("needs the package apprise: `pip install -r requirements-alerts.txt`")
    return value


AlertTopic = Annotated[
    Literal["troubles", "whales", "fills", "trades", "daily"],
    BeforeValidator(lambda name: name.lower() if isinstance(name, str) else name),
]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=4, allow_inf_nan=False)]
#: Contracts are traded in hundredths.
Count = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=2, allow_inf_nan=False)]
Price = Annotated[Decimal, Field(gt=0, lt=1, decimal_places=4)]
RestUrl = Annotated[str, AfterValidator(_rest_url)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
AnyPath = Annotated[Path, AfterValidator(expanded)]
Proxy = Annotated[SecretStr, AfterValidator(_proxy)]
HostName = Annotated[str, AfterValidator(host_name)]
Origin = Annotated[str, AfterValidator(_origin)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_secret_http_url)]
AlertUrls = Annotated[SecretStr, AfterValidator(_alert_urls)]
Token = Annotated[SecretStr, AfterValidator(_secret_token)]
KeyId = Annotated[SecretStr, AfterValidator(_secret_key_id)]
CertificateFile = Annotated[Path, AfterValidator(_certificates)]
CertificateFolder = Annotated[Path, AfterValidator(_folder_of_certificates)]
