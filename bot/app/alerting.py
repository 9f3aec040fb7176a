"""Who gets alerts, by the settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from bot.alerts.alert import AlertRules, Topic, signed
from bot.alerts.channel import AlertTarget
from bot.alerts.conditions import NodeCondition
from bot.alerts.daily import DailySummary
from bot.alerts.dispatcher import Alerts, AlertSources
from bot.alerts.notifier import notifiers
from bot.alerts.webhook import Webhook
from bot.config import Settings, SettingsError
from bot.core.account.trade_stats import GroupBy, TradeStats
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


_DAY: Final = timedelta(days=1)


_MINUTE: Final = timedelta(minutes=1)


async def day_in_words(past: AccountHistory, day: date) -> str:
    """Equity and closed trades of the day, in a sentence. Raises StoreError."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = await past.performance(GroupBy.DAY, start, None)
    stats = found.stats.groups.get(day.isoformat(), TradeStats())
    short = "" if found.is_complete else " (too many to count them all)"
    worth = await _worth(past, start)
    return f"{day} UTC: {worth}; {_closed(stats)}{short}"


async def _worth(past: AccountHistory, start: datetime) -> str:
    curve = await past.equity(start - _DAY, start + _DAY - _MINUTE, int(_DAY.total_seconds()))
    of_day = [point for point in curve.points if point.minute >= start]
    before = [point for point in curve.points if point.minute < start]
    if not of_day:
        return "equity not known, no minute of it is stored"
    worth = f"equity ${of_day[-1].equity:,.2f}"
    if not before:
        return f"{worth}, the day before is not stored"
    return f"{worth}, {signed(of_day[-1].equity - before[-1].equity)} on the day"


def _closed(stats: TradeStats) -> str:
    if not stats.trades:
        return "no trade was closed"
    won = f"{stats.wins} of them won"
    result = f"{signed(stats.net)} after fees of ${stats.fees:,.2f}"
    return f"{stats.trades} {'trade' if stats.trades == 1 else 'trades'} closed, {won}, {result}"
