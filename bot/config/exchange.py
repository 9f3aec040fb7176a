"""Settings of the exchange: which one, its key, its stream and the simulated one."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from bot.config.field_types import KeyId, RestUrl
from bot.settings_text import confirmation, kalshi_environment

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


class ExchangeSettings(BaseModel):
    """Which exchange, with which key, streamed or polled."""

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
    kalshi_api_key: KeyId | None = Field(
        None,
        description="Key id, for the stream and for live trading; a key that only reads is "
        "enough for the stream",
    )
    kalshi_secret: SecretStr | None = Field(
        None, description="Private key in PEM, or the path of its file; shown nowhere"
    )
    kalshi_subaccount: int = Field(
        0,
        ge=0,
        le=63,
        description="Number of the account that is traded live: 0 the primary one, 1 to 63 a "
        "subaccount of the member; each has a book of its own",
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

    @model_validator(mode="after")
    def _stream_has_a_key(self) -> Self:
        if self.feed == "stream" and not self.is_embedded and not self.has_key:
            raise ValueError(
                "FEED: 'stream' needs KALSHI_API_KEY and KALSHI_SECRET, for the exchange streams "
                "to nobody without a key. Set them, or FEED=auto"
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
    def base_url(self) -> str:
        """Where the exchange's REST API is."""
        return self.kalshi_base_url or BASE_URLS[self.kalshi_env]

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


class SimulatorSettings(BaseModel):
    """The embedded simulated exchange: what it draws from, and how fast its time goes."""

    sim_seed: int = Field(7, ge=0, description="Seed of the embedded simulated exchange")
    sim_speed: float = Field(
        1.0, gt=0, le=100, description="Simulated seconds per second of the embedded exchange"
    )
