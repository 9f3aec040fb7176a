"""Settings: every knob of the service, its default and what it may be.

The only reader of the environment and of `.env`. A wrong value stops the start with one line
per problem; the value of a secret is never shown.
"""

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Thresholds
from bot.outbound import Outbound, trusting
from bot.ports.persistence import StoreError
from bot.settings_text import (
    cleaned,
    confirmation,
    expanded,
    has_comma,
    host_name,
    is_loopback,
    kalshi_environment,
    key_id,
    listed,
    number_wanted,
    password_in,
    proxy_address,
    shown,
    words,
)

VERSION = "1.0.0"
PREFIXES = (
    *("BOT_", "KALSHI_", "RISK_", "PAPER_", "SIM_", "CORS_", "MODEL_", "LOG_"),
    *(
        "API_TOK",
        "API_READ",
        "ALERT_",
        "DATABASE_",
        "LEASE_",
        "KEEP_",
        "KILL_",
        "ALLOWED_",
        "LIVE_",
    ),
)

REST_PATH = "/trade-api/v2"
#: A part of a webhook's path that is shorter is a word such as `webhooks`.
_LEAST_TOKEN = 9
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+-]*://[^\s]+")
_PEM_FRAME = re.compile(r"-----[A-Z0-9 ]*-----")
KalshiEnv = Literal["production", "demo", "sim"]
BASE_URLS: Mapping[str, str] = {
    "production": "https://external-api.kalshi.com/trade-api/v2",
    "demo": "https://external-api.demo.kalshi.co/trade-api/v2",
    "sim": "http://sim.invalid/trade-api/v2",
}
STREAM_URLS: Mapping[str, str] = {
    "production": "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
    "demo": "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
    "sim": "ws://sim.invalid/trade-api/ws/v2",
}


#: Cycles within which failures of the exchange count together, if that is more than a minute.
ERROR_INTERVALS = 5
#: Thresholds where no card gives any.
FROM_CARD = Thresholds(exit_low=0.5, exit_high=0.5)
#: An entry of the card is at least so far beyond an exit that is set.
_BEYOND = 0.01


#: Seconds before a close from which on positions are exited, unless something else is set.
LEAST_BEFORE_CLOSE = 120.0


class SettingsError(Exception):
    """Settings that cannot be used; `problems` has one line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


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


def _is_open_to_all(url: str) -> bool:
    """Whether what is sent there can be read and changed on its way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


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
    if not expanded(path).is_dir():
        raise ValueError("is no folder: correct it, or leave it empty")
    return expanded(path)


def _key_text(secret: str) -> str:
    """The text of a private key, or of the file that is named; its name if it cannot be read."""
    if "-----BEGIN" in secret:
        return secret.replace("\\n", "\n")
    try:
        return Path(secret).expanduser().read_text(encoding="utf-8-sig").replace("\\n", "\n")
    except (OSError, ValueError, RuntimeError):
        return secret


def _path(address: str) -> tuple[str, ...]:
    """What of a webhook's address lets anybody post: its longer parts behind the host."""
    rest = address.partition("://")[2].partition("/")[2]
    return tuple(part for part in re.split(r"[/?&=#]", rest) if len(part) >= _LEAST_TOKEN)


def _parts(address: str) -> tuple[str, ...]:
    """What of an address of apprise lets anybody post: all that is long, its host as well."""
    rest = address.partition("://")[2]
    return tuple(part for part in re.split(r"[/?&=#:@,]", rest) if len(part) >= _LEAST_TOKEN)


def _database_url(value: SecretStr) -> SecretStr:
    # SQLAlchemy takes a third of the time of a command that opens no database.
    from bot.store.connections import address  # noqa: PLC0415

    try:
        url = address.read(value.get_secret_value())
    except StoreError as error:
        raise ValueError(str(error)) from None
    if not url.database:
        raise ValueError("must name a database: postgres://user:password@host/name")
    return value


def _origin(value: str) -> str:
    if value == "*":
        return value
    parts = urlsplit(_http_url(value))
    if parts.path or parts.query or parts.fragment:
        raise ValueError("an origin is scheme://host[:port] without a path")
    return value.rstrip("/")


def _secret_key_id(value: SecretStr) -> SecretStr:
    return SecretStr(key_id(value.get_secret_value()))


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
Amount = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
RestUrl = Annotated[str, AfterValidator(_rest_url)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
AnyPath = Annotated[Path, AfterValidator(expanded)]
Proxy = Annotated[SecretStr, AfterValidator(_proxy)]
HostName = Annotated[str, AfterValidator(host_name)]
Origin = Annotated[str, AfterValidator(_origin)]


class Settings(BaseSettings):
    """All settings, frozen; names are those of the environment, in lower case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8-sig"
    )

    environment: str = Field(
        "development",
        description="Name of the environment; under any but `development` and `test` every POST "
        "needs `API_TOKEN`",
    )
    host: str = Field("127.0.0.1", description="Address that `make run` and `make demo` listen on")
    port: int = Field(
        8000,
        ge=1,
        le=65535,
        description="Port of the service; a host such as Railway sets it itself",
    )
    bot_url: ServiceUrl | None = Field(
        None,
        description="The bot that `python -m bot status` and the like ask; if empty, the one at "
        "`HOST` and `PORT`",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged; `DEBUG` also shows every signal that holds"
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        ("*",),
        description="Web origins whose pages may read, comma separated; `*` is any, those named "
        "may also act",
    )

    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = Field(
        ("*",), description="Names this service answers to, comma separated; `*` is any"
    )
    api_token: SecretStr | None = Field(
        None,
        description="What a POST must bring as a bearer token; at least 16 characters, or it is "
        "warned of. Live trading does not start without it",
    )
    api_read_token: SecretStr | None = Field(
        None,
        description="What a GET must bring, in a header or as `/r/TOKEN/…`; if empty, reading "
        "is open",
    )

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = Field(
        None,
        description="`postgres://user:password@host:port/name` (or `postgresql://`), or "
        "`sqlite:///path/file.db`; if empty, `kalshiproto.db` in `LOG_DIR`. "
        "PgBouncer in transaction mode is fine; unknown options after `?` are "
        "refused at the start",
    )
    keep_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days of history kept in the database; the account itself is always kept",
    )
    lease_seconds: float = Field(
        10.0,
        ge=2,
        le=60,
        description="Seconds without a heartbeat after which another process may lead",
    )
    kill_file: AnyPath = Field(
        Path("KILL"),
        description="While this file exists, there are no entries; nor while a disk of database "
        "or logs has less than 100 MB free",
    )

    bot_mode: Literal["paper", "live"] = Field(
        "paper",
        description="`paper` = simulated trades over real books; `live` = real orders with real "
        "money",
    )
    live_confirm: str = Field(
        "",
        description="Typed by hand before real orders are sent: `real money at HOST`, with the "
        "host they go to, or `demo` for Kalshi's demo; not asked for an exchange on this machine",
    )
    live_allow: Annotated[tuple[Literal["transfer", "local-database"], ...], NoDecode] = Field(
        (),
        description="What real money is not trusted with unless it is named here, comma "
        "separated: `transfer` = a key that may move cash, `local-database` = an account kept in "
        "a file in `LOG_DIR`",
    )
    bot_enabled: bool = Field(
        True,
        description="Start the loop with the service, until `/bot/start` or `/bot/stop` is "
        "used: that counts from then on",
    )
    bot_interval: int = Field(
        60,
        ge=1,
        le=86_400,
        description="Seconds between cycles; above 60 no shipped model looks far enough ahead "
        "and every signal holds",
    )
    bot_markets: int = Field(
        20, ge=1, le=1_000, description="Markets watched: the top by 24-hour volume"
    )
    bot_event_decisions: int = Field(
        0,
        ge=0,
        le=60,
        description="Decisions per market and minute between two cycles, when a streamed score "
        "crosses a threshold; 0 leaves all to the cycles",
    )
    bot_order_size: Amount = Field(Decimal(100), description="Contracts per entry")
    bot_max_slippage: Annotated[Decimal, Field(ge=0, lt=1)] = Field(
        Decimal("0.01"), description="Dollars a limit may lie beyond the best price"
    )
    bot_enter_above: Share | None = Field(
        None,
        description="Enter long, and show BUY, from this score up; if empty, as the model's "
        "card says for the kind of market: about a tenth of its predictions",
    )
    bot_enter_below: Share | None = Field(
        None,
        description="Enter short, and show SELL, from this score down; if empty, as the model's "
        "card says",
    )
    bot_exit_low: Share | None = Field(
        None, description="A short is closed from this score up; if empty, 0.5"
    )
    bot_exit_high: Share | None = Field(
        None, description="A long is closed from this score down; if empty, 0.5"
    )
    bot_min_edge: Annotated[float, Field(ge=-100, le=100)] | None = Field(
        None,
        description="Cents per contract an entry must be expected to earn after spread and "
        "fees; if empty, 0 in live mode and not asked in paper mode, where every "
        "signal trades for practice. -100 trades on every signal",
    )
    bot_exit_before_close: Annotated[float, Field(ge=0, le=86_400)] | None = Field(
        None,
        description="Seconds before a market's close at which a position is exited, whatever "
        "the model says: at least `BOT_INTERVAL`; if empty, 120 or two intervals, whichever is "
        "more; 0 is never",
    )
    bot_exit: Literal["take", "rest"] = Field(
        "take",
        description="take = exits cross the spread; rest = on paper, those a score asks for wait "
        "at the other side of it",
    )
    bot_exit_patience: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30.0,
        description="Seconds an exit rests before it takes, with `BOT_EXIT=rest`; at least "
        "`BOT_INTERVAL`",
    )
    bot_stop_loss: Annotated[Decimal, Field(gt=0, lt=100)] | None = Field(
        None,
        description="Cents a contract: a position is exited when closing it now would fetch so "
        "much less than it cost, before fees; if empty, never",
    )
    paper_cash: Amount = Field(
        Decimal(10_000),
        description="Dollars a new paper account begins with; one that exists keeps its cash",
    )
    model_path: AnyPath | None = Field(
        None,
        description="The model; its card lies beside it as `.json`. If empty, the one in "
        "`models/` that suits `BOT_INTERVAL`",
    )
    log_dir: AnyPath = Field(
        Path("logs"),
        description="Folder of the CSV logs, and of the database unless `DATABASE_URL` is set",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="`json` = one object a line on stdout, for Datadog, Papertrail or LogDNA",
    )
    log_max_mb: float = Field(
        50.0,
        gt=0,
        le=10_000,
        description="Megabytes at which a CSV log is rotated; that happens every day (UTC) as well",
    )
    log_max_total_mb: float = Field(
        500.0,
        gt=0,
        le=1_000_000,
        description="Megabytes of all CSV logs together; beyond them the oldest parts go, those "
        "of trades and P&L last",
    )
    log_keep_days: int = Field(
        14, ge=1, le=3_650, description="Days that rotated CSV logs are kept"
    )

    http_proxy: Proxy | None = Field(
        None,
        description="Proxy on the way to `http://` addresses, for books, orders and alerts "
        "alike: `http://user:password@host:port`; `socks5://` needs the package "
        "socksio",
    )
    https_proxy: Proxy | None = Field(None, description="Proxy on the way to `https://` addresses")
    all_proxy: Proxy | None = Field(None, description="Proxy where neither of these is given")
    no_proxy: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts (with all below them), addresses and networks reached without a "
        "proxy: `localhost,.internal.example,10.0.0.0/8`; `*` is all",
    )
    ssl_cert_file: Annotated[Path, AfterValidator(_certificates)] | None = Field(
        None, description="Certificates to trust instead of the usual ones: a PEM file"
    )
    ssl_cert_dir: Annotated[Path, AfterValidator(_folder_of_certificates)] | None = Field(
        None, description="The same as a folder of them; `SSL_CERT_FILE` beats it"
    )

    alert_webhook_url: Annotated[SecretStr, AfterValidator(_secret_http_url)] | None = Field(
        None,
        description="Where alerts go: a webhook of Discord or Slack, or any address that takes "
        "JSON; if empty, none are sent",
    )
    alert_urls: Annotated[SecretStr, AfterValidator(_alert_urls)] | None = Field(
        None,
        description="Others who get alerts, by addresses of apprise, a blank between two: "
        "`tgram://TOKEN/CHAT`, `mailto://user:password@host` and a hundred more; needs "
        "`pip install -r requirements-alerts.txt`",
    )
    alert_on: Annotated[tuple[AlertTopic, ...], NoDecode] = Field(
        ("troubles", "whales"),
        description="What is an alert, comma separated: `troubles`, `whales`, `fills`, `trades` "
        "(closed positions with what they earned), `daily` (the account at 00:00 UTC)",
    )
    alert_format: Literal["auto", "discord", "slack", "json"] = Field(
        "auto", description="Shape of an alert; `auto` goes by the address"
    )
    alert_whale_notional: Amount = Field(
        Decimal(10_000), description="Dollars from which a whale is an alert"
    )

    kalshi_env: KalshiEnv = Field(
        "production", description="`sim` is the embedded simulated exchange: no network, no account"
    )
    kalshi_base_url: RestUrl | None = Field(
        None,
        description="Another address of the REST API, such as `http://127.0.0.1:9000/trade-api/v2`",
    )
    kalshi_max_reads_per_second: float | None = Field(
        None,
        gt=0,
        le=1_000,
        description="Requests a second to the exchange; if empty, 3, which is safe without a "
        "key (100 for the embedded one)",
    )
    kalshi_api_key: Annotated[SecretStr, AfterValidator(_secret_key_id)] | None = Field(
        None,
        description="Key id, for the stream and for live trading; a key that only reads is "
        "enough for the stream",
    )
    kalshi_secret: SecretStr | None = Field(
        None, description="Private key in PEM, or the path of its file; shown nowhere"
    )
    feed: Literal["auto", "stream", "poll"] = Field(
        "auto",
        description="`stream` = order books as they change, over Kalshi's WebSocket, which "
        "needs a key; `poll` = asked for at each cycle; `auto` = streamed if there "
        "is a key. A stream that fails, and on paper a key that cannot sign, is "
        "polled meanwhile and reported",
    )
    record: bool = Field(
        False,
        description="Record every change, snapshot and trade that is streamed and every book "
        "that cycles read, in `LOG_DIR/stream`, a folder a day",
    )
    record_max_mb: float = Field(
        2_000.0,
        gt=0,
        le=1_000_000,
        description="Megabytes of that recording; beyond them the oldest parts go",
    )
    sim_seed: int = Field(7, ge=0, description="Seed of the embedded simulated exchange")
    sim_speed: float = Field(
        1.0, gt=0, le=100, description="Simulated seconds per second of the embedded exchange"
    )

    risk_max_order_cost: Amount = Field(Decimal(100), description="Dollars one entry may cost")
    risk_max_market_exposure: Amount = Field(Decimal(200), description="Dollars at risk per market")
    risk_max_event_exposure: Amount = Field(Decimal(400), description="Dollars at risk per event")
    risk_max_total_exposure: Amount = Field(Decimal(2_500), description="Dollars at risk in all")
    risk_max_category_exposure: Amount = Field(
        Decimal(1_000), description="Dollars at risk per category"
    )
    risk_daily_loss_stop: Amount = Field(
        Decimal(200),
        description="Dollars lost since 00:00 UTC (or the account's first moment, if later) "
        "that stop entries until 00:00 UTC, whatever is won back; exits stay "
        "possible",
    )
    risk_drawdown_halt: Amount = Field(
        Decimal(1_000),
        description="Dollars lost from the highest equity that halt entries until `POST "
        "/bot/resume`",
    )
    risk_max_orders_per_minute: int = Field(
        10, ge=1, le=1_000, description="Entries in any 60 seconds at most"
    )
    risk_max_errors_per_minute: int = Field(
        5,
        ge=1,
        le=1_000,
        description="Failures of the exchange that pause entries, within 60 seconds or 5 "
        "intervals, whichever is longer",
    )
    risk_error_pause: float = Field(300.0, ge=0, le=86_400, description="Seconds of that pause")
    risk_max_positions: int = Field(20, ge=1, le=1_000, description="Open positions at most")
    risk_min_price: Annotated[Decimal, Field(gt=0, lt=1)] = Field(
        Decimal("0.05"), description="No entry below this price, dollars"
    )
    risk_max_price: Annotated[Decimal, Field(gt=0, lt=1)] = Field(
        Decimal("0.95"), description="No entry above this price, dollars"
    )
    risk_min_seconds_to_close: int = Field(
        60, ge=0, description="No entry in the last seconds before a market closes"
    )
    risk_max_book_age: float = Field(
        60.0,
        gt=0,
        le=3_600,
        description="No order, exits included, on a book older than this, seconds",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: dict[str, object]) -> dict[str, object]:
        meant = cleaned(values)
        lists = {"cors_origins", "allowed_hosts", "alert_on", "live_allow"} & meant.keys()
        split = {name: listed(meant[name]) for name in lists}
        exceptions = {"no_proxy": words(meant["no_proxy"])} if "no_proxy" in meant else {}
        return {**meant, **split, **exceptions}

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        bands = self._bands(FROM_CARD.enter_above, FROM_CARD.enter_below, FROM_CARD)
        if not bands[1] < bands[2] <= bands[3] < bands[0]:
            raise ValueError(
                "BOT_ENTER_BELOW < BOT_EXIT_LOW <= BOT_EXIT_HIGH < BOT_ENTER_ABOVE must hold, "
                f"got {', '.join(str(bands[place]) for place in (1, 2, 3, 0))}"
            )
        if self.risk_min_price >= self.risk_max_price:
            raise ValueError(
                f"RISK_MIN_PRICE ({self.risk_min_price}) must be below "
                f"RISK_MAX_PRICE ({self.risk_max_price})"
            )
        return self

    @model_validator(mode="after")
    def _close_is_not_missed(self) -> Self:
        seconds = self.bot_exit_before_close
        if seconds and seconds < self.bot_interval:
            raise ValueError(
                f"BOT_EXIT_BEFORE_CLOSE ({seconds:g}) must be at least BOT_INTERVAL "
                f"({self.bot_interval}): a market could close between two cycles"
            )
        return self

    @model_validator(mode="after")
    def _exits_can_rest(self) -> Self:
        if self.bot_exit == "take":
            return self
        if self.bot_mode == "live":
            raise ValueError(
                "BOT_EXIT: 'rest' is for paper: real orders only take. Set BOT_EXIT=take, or "
                "BOT_MODE=paper"
            )
        if self.bot_exit_patience < self.bot_interval:
            raise ValueError(
                f"BOT_EXIT: 'rest' needs BOT_EXIT_PATIENCE ({self.bot_exit_patience:g}) to be at "
                f"least BOT_INTERVAL ({self.bot_interval}): what rests has to be looked after"
            )
        return self

    @model_validator(mode="after")
    def _stream_has_a_key(self) -> Self:
        if self.feed == "stream" and not self.is_embedded and not self.has_key:
            raise ValueError(
                "FEED: 'stream' needs KALSHI_API_KEY and KALSHI_SECRET, for the exchange streams "
                "to nobody without a key. Set them, or FEED=auto"
            )
        return self

    @model_validator(mode="after")
    def _live_is_armed(self) -> Self:
        needed = {
            "API_TOKEN": self.api_token,
            "KALSHI_API_KEY": self.kalshi_api_key,
            "KALSHI_SECRET": self.kalshi_secret,
        }
        missing = [name for name, value in needed.items() if not value]
        if self.bot_mode == "live" and missing:
            raise ValueError(
                f"BOT_MODE: 'live' trades real money and needs {', '.join(missing)}. "
                "Set them, or BOT_MODE=paper"
            )
        if self.bot_mode == "live" and self.is_embedded:
            raise ValueError(
                "BOT_MODE: 'live' cannot trade on the embedded exchange: set KALSHI_BASE_URL to "
                "that of `python -m bot simulate`, or BOT_MODE=paper"
            )
        if self.bot_mode == "live" and _is_open_to_all(self.base_url):
            raise ValueError(
                "KALSHI_BASE_URL: 'live' sends orders over https:// only, for http:// can be read "
                "and changed on its way. Use https://, or BOT_MODE=paper"
            )
        return self

    @model_validator(mode="after")
    def _live_is_confirmed(self) -> Self:
        phrase = confirmation(self.base_url)
        if self.bot_mode != "live" or phrase is None:
            return self
        if self.live_confirm != phrase:
            raise ValueError(
                f"LIVE_CONFIRM: orders would go to {urlsplit(self.base_url).hostname}. If that is "
                f'meant, set LIVE_CONFIRM="{phrase}"; if not, BOT_MODE=paper'
            )
        if self.database_url is None and "local-database" not in self.live_allow:
            raise ValueError(
                "DATABASE_URL: with a file in LOG_DIR a lost disk or a second process forgets "
                "every position, loss and stop. Set DATABASE_URL, or LIVE_ALLOW=local-database"
            )
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether the exchange is on this machine: a simulated one."""
        return confirmation(self.base_url) is None

    @property
    def is_embedded(self) -> bool:
        """Whether the exchange lives inside this process, and is born anew with it."""
        return self.kalshi_env == "sim" and self.kalshi_base_url is None

    @property
    def database(self) -> str:
        """Where everything is kept: an address with its password, never to be shown."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.log_dir / 'kalshiproto.db'}"

    @property
    def service_url(self) -> str:
        """Where a running bot is asked."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", "localhost"} else self.host
        return self.bot_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where the exchange's REST API is."""
        return self.kalshi_base_url or BASE_URLS[self.kalshi_env]

    @property
    def record_dir(self) -> Path:
        """Where the stream is recorded."""
        return self.log_dir / "stream"

    @property
    def has_key(self) -> bool:
        """Whether requests can be signed."""
        return bool(self.kalshi_api_key and self.kalshi_secret)

    @property
    def stream_url(self) -> str:
        """Where the exchange's WebSocket is."""
        if self.kalshi_base_url is None:
            return STREAM_URLS[self.kalshi_env]
        host = self.kalshi_base_url.removesuffix("/trade-api/v2")
        # The recommended hosts keep the two apart; on all others they are side by side.
        host = host.replace("http", "ws", 1).replace("://external-api.", "://external-api-ws.")
        return f"{host}/trade-api/ws/v2"

    @property
    def outbound(self) -> Outbound:
        """The way out, for whatever this process asks of others."""
        ways = {"http": self.http_proxy, "https": self.https_proxy}
        through = {scheme: one or self.all_proxy for scheme, one in ways.items()}
        return Outbound(
            proxies={s: one.get_secret_value() for s, one in through.items() if one},
            direct=self.no_proxy,
            certificates=self.ssl_cert_file or self.ssl_cert_dir,
        )

    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown: tokens, keys, passwords, the paths of webhooks."""
        given = (
            *(self.api_token, self.api_read_token, self.kalshi_api_key),
            *(self.alert_webhook_url, self.database_url),
            *(self.http_proxy, self.https_proxy, self.all_proxy),
        )
        values = [one.get_secret_value() if one else "" for one in given]
        tokens, addresses = values[:3], values[3:]
        pem = _key_text(self.kalshi_secret.get_secret_value()) if self.kalshi_secret else ""
        passwords = [password_in(one) for one in (*addresses, *self.alert_addresses)]
        parts = [part for one in self.alert_addresses for part in _parts(one)]
        return tuple(
            filter(None, [*tokens, _PEM_FRAME.sub("", pem), *_path(values[3]), *parts, *passwords])
        )

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """Whom alerts reach by apprise: each address is a secret."""
        return tuple(self.alert_urls.get_secret_value().split()) if self.alert_urls else ()

    @property
    def exchange_name(self) -> str:
        """Which exchange it is: Kalshi's own in a word, however it is spelt, or the address."""
        return kalshi_environment(self.base_url) or self.spelt_exchange

    @property
    def spelt_exchange(self) -> str:
        """The same as the settings spell it: what accounts were called before."""
        return self.kalshi_base_url or self.kalshi_env

    @property
    def reads_per_second(self) -> float:
        """Requests a second to the exchange: what Kalshi bears without keys, unless given."""
        return self.kalshi_max_reads_per_second or (100.0 if self.is_embedded else 3.0)

    @property
    def thresholds(self) -> Thresholds:
        """Which scores enter and exit where there is no model to say so."""
        return self.over(FROM_CARD)

    def over(self, card: Thresholds) -> Thresholds:
        """Which scores enter and exit: what is set here, and for the rest the card of the model.

        An entry of the card never lies inside an exit band that is set: it moves beyond it.
        """
        kinds = {name: self._bands(*entry, card)[:2] for name, entry in card.kinds.items()}
        return Thresholds(*self._bands(card.enter_above, card.enter_below, card), kinds)

    def _bands(
        self, above: float, below: float, card: Thresholds
    ) -> tuple[float, float, float, float]:
        """The scores that enter long and short, and those that end a short and a long."""
        low, high = self.bot_exit_low, self.bot_exit_high
        if low is None:
            low = card.exit_low if high is None else min(card.exit_low, high)
        if high is None:
            high = max(card.exit_high, low)
        enter_above, enter_below = self.bot_enter_above, self.bot_enter_below
        if enter_above is None:
            enter_above = max(above, min(high + _BEYOND, 1.0))
        if enter_below is None:
            enter_below = min(below, max(low - _BEYOND, 0.0))
        return enter_above, enter_below, low, high

    @property
    def min_edge(self) -> float | None:
        """Cents an entry must be expected to earn; None where that is not asked.

        On paper trades are for practice and every one is graded; real money has to expect to earn.
        """
        if self.bot_min_edge is None and self.bot_mode == "live":
            return 0.0
        return self.bot_min_edge

    @property
    def patience(self) -> float | None:
        """Seconds for which an exit rests; None where exits take."""
        return self.bot_exit_patience if self.bot_exit == "rest" else None

    @property
    def exit_rules(self) -> ExitRules:
        """What ends a position whatever its score."""
        return ExitRules(self._before_close, self.bot_stop_loss)

    @property
    def _before_close(self) -> float | None:
        """Seconds before the close at which a position is exited; None for never.

        Two cycles at least fall into the default: one of them may find nobody to trade with.
        """
        if self.bot_exit_before_close is None:
            return max(LEAST_BEFORE_CLOSE, 2.0 * self.bot_interval)
        return self.bot_exit_before_close or None

    @property
    def risk_limits(self) -> RiskLimits:
        """What risk review allows."""
        return RiskLimits(
            max_order_cost=self.risk_max_order_cost,
            max_market_exposure=self.risk_max_market_exposure,
            max_event_exposure=self.risk_max_event_exposure,
            max_total_exposure=self.risk_max_total_exposure,
            daily_loss_stop=self.risk_daily_loss_stop,
            max_positions=self.risk_max_positions,
            min_price=self.risk_min_price,
            max_price=self.risk_max_price,
            min_seconds_to_close=self.risk_min_seconds_to_close,
            max_book_age=self.risk_max_book_age,
            error_pause=self.risk_error_pause,
            max_category_exposure=self.risk_max_category_exposure,
            drawdown_halt=self.risk_drawdown_halt,
            max_orders_per_minute=self.risk_max_orders_per_minute,
            max_errors_per_minute=self.risk_max_errors_per_minute,
            error_window=max(60.0, ERROR_INTERVALS * self.bot_interval),
        )


def load(env_file: Path | None = Path(".env"), **overrides: object) -> Settings:
    """Settings from the environment, then `.env`, then the defaults; `overrides` beat them all.

    Raises SettingsError with one line per problem.
    """
    try:
        # A plain mapping: pydantic is what checks the types of the overrides.
        values: dict[str, Any] = {"_env_file": env_file, **overrides}
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_lines(error)) from None
    except (SourceError, UnicodeDecodeError) as error:
        raise SettingsError([f"{env_file}: {error}"]) from None


def misspelt(env_file: Path | None = Path(".env")) -> list[str]:
    """A warning for each name that looks like ours but is no setting, or that is set twice."""
    known = [name.upper() for name in Settings.model_fields]
    in_file = _names_in(env_file) if env_file and env_file.is_file() else []
    names = {name.upper() for name in (*os.environ, *in_file) if name.upper().startswith(PREFIXES)}
    unknown = [_unknown(name, known) for name in sorted(names - set(known))]
    return [*unknown, *_twice(known, in_file)]


def _names_in(env_file: Path) -> list[str]:
    with env_file.open(encoding="utf-8-sig") as stream:
        return [one.key for one in parse_stream(stream) if one.key]


def _twice(known: Iterable[str], in_file: Iterable[str]) -> list[str]:
    values = {name: {v for n, v in os.environ.items() if n.upper() == name} for name in known}
    lines = Counter(name.upper() for name in in_file)
    said = [
        f"{n} is spelt in two ways with two values: keep one" for n in known if len(values[n]) > 1
    ]
    said += [
        f"{n} stands more than once in .env: the last one counts" for n in known if lines[n] > 1
    ]
    return said


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} is not a setting and is ignored" + (f"; is it {near[0]}?" if near else "")


def _lines(error: ValidationError) -> list[str]:
    """`NAME=value: what is allowed`, without the value of a secret."""
    return [_line(e["loc"], e["input"], e["type"], e["msg"]) for e in error.errors()]


def _line(location: tuple[int | str, ...], value: object, kind: str, message: str) -> str:
    allowed = message.removeprefix("Value error, ")
    if not location:
        return allowed
    name = str(location[0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{name.upper()}: {allowed}"
    if kind.partition("_")[0] in _OF_NUMBERS:
        number = "whole number" if field.annotation is int else "number"
        allowed = number_wanted(number, field.metadata)
        allowed += ", written without a comma: 1500 or 0.5" if has_comma(value) else ""
    said = "(hidden)" if "Secret" in str(field.annotation) else shown(value)
    return f"{name.upper()}={said}: {allowed}"


#: How the kinds of pydantic's errors begin that are about numbers.
_OF_NUMBERS = frozenset({"int", "float", "decimal", "finite", "greater", "less"})
