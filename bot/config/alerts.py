"""Settings of alerts: what is one, and whom it reaches."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from bot.config.field_types import AlertTopic, AlertUrls, Amount, WebhookUrl


class AlertSettings(BaseModel):
    """What is an alert, and whom it reaches."""

    alert_webhook_url: WebhookUrl | None = Field(
        None,
        description="Where alerts go: a webhook of Discord or Slack, or any address that takes "
        "JSON; if empty, none are sent",
    )
    alert_urls: AlertUrls | None = Field(
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

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """Whom alerts reach by apprise: each address is a secret."""
        return tuple(self.alert_urls.get_secret_value().split()) if self.alert_urls else ()
