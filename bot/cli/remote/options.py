"""What the commands around a running bot have in common: arguments, settings, output."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from bot import config
from bot.cli.remote.client import BotClient, connected
from bot.config import Settings
from bot.settings_text import is_loopback

Work = Callable[[BotClient, argparse.Namespace], Awaitable[int]]


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """The arguments that all of them take."""
    made = argparse.ArgumentParser(prog=f"python -m bot {command}", description=description)
    made.add_argument(
        "--url", type=named, help="the bot (BOT_URL; if neither is given, HOST and PORT)"
    )
    made.add_argument("--json", action="store_true", help="print what the bot answers as JSON")
    return made


def named(text: str) -> str:
    """What is named; an unset variable of a shell names nothing, and must not mean a default."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text.strip()


def whole_number(text: str) -> int:
    """A number from 1 up."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def run(options: argparse.Namespace, work: Work) -> int:
    """Run the command on that bot; the exit code. Raises CommandError, SettingsError."""
    settings = config.load(**({"bot_url": options.url} if options.url is not None else {}))
    _warn_of_open_way(settings)
    return asyncio.run(_connected(settings, options, work))


async def _connected(settings: Settings, options: argparse.Namespace, work: Work) -> int:
    async with connected(settings) as bot:
        return await work(bot, options)


def _warn_of_open_way(settings: Settings) -> None:
    parts = urlsplit(settings.service_url)
    has_token = settings.api_token or settings.api_read_token
    if has_token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        sys.stderr.write(
            f"warning: whoever sees the traffic to {parts.hostname} can read the token; use https://\n"
        )


def print_json(answer: object) -> None:
    """Print an answer as it came."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def as_command(text: str) -> str:
    """What lifts a stop, as it is done at a terminal."""
    return text.replace("POST /bot/resume", "`python -m bot resume`")


def print_line(sentence: str) -> None:
    """Print a sentence."""
    sys.stdout.write(sentence + "\n")
