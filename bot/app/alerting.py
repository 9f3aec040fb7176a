"""Who gets alerts, by the settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.alerts.alert import AlertRules, Topic
from bot.alerts.channel import AlertTarget
from bot.alerts.conditions import NodeCondition
from bot.alerts.daily import DailySummary
from bot.alerts.dispatcher import Alerts, AlertSources
from bot.alerts.notifier import notifiers
from bot.alerts.webhook import Webhook
from bot.app.day_in_words import day_in_words
from bot.config import Settings, SettingsError
from bot.ports.account_history import AccountHistory
from bot.ports.exchange import Clock
from bot.scrub import Scrubber


def targets(settings: Settings) -> Sequence[AlertTarget]:
    """Everybody who gets alerts. Raises SettingsError for an address that means nobody."""
    scrubber = Scrubber(settings.secrets())
    try:
        others = notifiers(settings.alert_addresses, settings.environment, scrubber)
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    return [*_webhook(settings, scrubber), *others]


def _webhook(settings: Settings, scrubber: Scrubber) -> Sequence[Webhook]:
    url = settings.alert_webhook_url
    if url is None:
        return []
    where, way = settings.environment, settings.outbound
    webhook = Webhook.of(url.get_secret_value(), settings.alert_format, where, way)
    return [replace(webhook, scrubber=scrubber)]


def alerts_of(
    settings: Settings,
    condition: Callable[[], NodeCondition],
    past: Callable[[], AccountHistory],
    clock: Clock,
) -> Alerts:
    """The alerts of a service. Raises SettingsError."""
    topics = frozenset(Topic(name) for name in settings.alert_on)
    rules = AlertRules(settings.alert_whale_notional, topics)
    daily = DailySummary(lambda day: day_in_words(past(), day))
    return Alerts(targets(settings), rules, AlertSources(condition, daily), clock)
