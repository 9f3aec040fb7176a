"""Settings of the HTTP service: where it listens, whom it answers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from bot.config.field_types import HostName, Origin, ServiceUrl, Token


class ServerSettings(BaseModel):
    """Where the service listens, who may read and who may act."""

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
    api_token: Token | None = Field(
        None,
        description="What a POST must bring as a bearer token; at least 16 characters, or it is "
        "warned of. Live trading does not start without it",
    )
    api_read_token: Token | None = Field(
        None,
        description="What a GET must bring, in a header or as `/r/TOKEN/…`; if empty, reading "
        "is open",
    )

    @property
    def service_url(self) -> str:
        """Where a running bot is asked."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", "localhost"} else self.host
        return self.bot_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
