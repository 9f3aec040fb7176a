"""`python -m bot alert-test`: send one alert to every target and report the result."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from bot import config
from bot.alerts.alert import Alert, AlertKind, Severity
from bot.alerts.channel import AlertTarget, Attempt
from bot.alerts.delivery import ATTEMPT
from bot.app.alerting import targets
from bot.cli.errors import CommandError
from bot.clock import SystemClock
from bot.config import Settings


def main(argv: list[str]) -> int:
    """0 if all of them took it, 1 if not. Raises SettingsError, CommandError."""
    _parser().parse_args(argv)
    settings = config.load()
    found = targets(settings)
    if not found:
        raise CommandError("nobody gets alerts: set ALERT_WEBHOOK_URL or ALERT_URLS")
    attempts = asyncio.run(_attempts(settings, found))
    _print(attempts)
    return 0 if all(attempt.arrived for _, attempt in attempts) else 1


def _print(attempts: Sequence[tuple[str, Attempt]]) -> None:
    for name, attempt in attempts:
        result = "arrived" if attempt.arrived else "did NOT arrive"
        sys.stdout.write(f"{name}: {result}: {attempt.words}\n")


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m bot alert-test",
        description="Send one alert to everybody who gets them (ALERT_WEBHOOK_URL, ALERT_URLS).",
    )


async def _attempts(settings: Settings, found: Sequence[AlertTarget]) -> list[tuple[str, Attempt]]:
    message = f"A test: alerts of {settings.bot_mode} mode on {settings.exchange_name} arrive here"
    alert = Alert(AlertKind.TEST, Severity.INFO, message, SystemClock().now())
    return [await _attempt(target, alert) for target in found]


async def _attempt(target: AlertTarget, alert: Alert) -> tuple[str, Attempt]:
    async with target.opened() as channel:
        try:
            async with asyncio.timeout(ATTEMPT):
                return channel.name, await channel.attempt(alert)
        except TimeoutError:
            return channel.name, Attempt(f"no answer within {ATTEMPT:g} s")
