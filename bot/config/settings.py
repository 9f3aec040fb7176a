"""All settings together, and what must hold between those of different groups."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config.alerts import AlertSettings
from bot.config.database import DatabaseSettings
from bot.config.exchange import ExchangeSettings, SimulatorSettings
from bot.config.logs import LogSettings
from bot.config.outbound import OutboundSettings
from bot.config.risk import RiskSettings
from bot.config.secret_parts import PEM_FRAME, address_parts, key_text, path_parts
from bot.config.server import ServerSettings
from bot.config.trading import TradingSettings
from bot.core.risk.limits import RiskLimits
from bot.settings_text import cleaned, confirmation, credentials_in, is_loopback, listed, words

#: Cycles within which failures of the exchange count together, if that is more than a minute.
ERROR_INTERVALS = 5


class Settings(
    # pydantic takes the fields of the last base first: read from below, this is the order shown.
    RiskSettings,
    SimulatorSettings,
    ExchangeSettings,
    AlertSettings,
    OutboundSettings,
    LogSettings,
    TradingSettings,
    DatabaseSettings,
    ServerSettings,
    BaseSettings,
):
    """All settings, frozen; names are those of the environment, in lower case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8-sig"
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
    def _logs_hold_the_database(self) -> Self:
        if self.database_url is None and "?" in str(self.log_dir):
            raise ValueError(
                "LOG_DIR: a database cannot lie in a folder with a ? in its name: name another, "
                "or set DATABASE_URL"
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
    def database(self) -> str:
        """Where everything is kept: an address with its password, never to be shown."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.log_dir / 'kalshiproto.db'}"

    @property
    def record_dir(self) -> Path:
        """Where the stream is recorded."""
        return self.log_dir / "stream"

    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown: tokens, keys, passwords, the paths of webhooks."""
        tokens = _values(self.api_token, self.api_read_token, self.kalshi_api_key)
        pem = key_text(self.kalshi_secret.get_secret_value()) if self.kalshi_secret else ""
        webhooks = _values(self.alert_webhook_url)
        proxies = _values(self.http_proxy, self.https_proxy, self.all_proxy)
        addresses = (*webhooks, *_values(self.database_url), *proxies, *self.alert_addresses)
        found = [*tokens, PEM_FRAME.sub("", pem)]
        found += [part for one in webhooks for part in path_parts(one)]
        found += [part for one in self.alert_addresses for part in address_parts(one)]
        found += [part for one in addresses for part in credentials_in(one)]
        return tuple(filter(None, found))

    @property
    def risk_limits(self) -> RiskLimits:
        """What risk review allows."""
        return self.limits(max(60.0, ERROR_INTERVALS * self.bot_interval))


def _values(*given: SecretStr | None) -> tuple[str, ...]:
    return tuple(one.get_secret_value() for one in given if one)


def _is_open_to_all(url: str) -> bool:
    """Whether what is sent there can be read and changed on its way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
