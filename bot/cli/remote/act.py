"""`python -m bot start | stop | kill | resume | close | flatten`: act on a running bot."""

import argparse
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from bot.cli.errors import CommandError, ExitCode
from bot.cli.remote import options
from bot.cli.remote.client import Answer, BotClient
from bot.journal.csv_rows import plain

#: What an answer's `status` means to a script; all others are what was asked for.
_CODES: Final[Mapping[str, ExitCode]] = {
    "closing": ExitCode.PENDING,
    "flattening": ExitCode.PENDING,
    "not_flat": ExitCode.PENDING,
    "still_killed": ExitCode.REFUSED,
}


def start(argv: list[str]) -> int:
    """Start the loop."""
    return _switched("start", "Start the loop: watch, and trade by the rules.", argv)


def stop(argv: list[str]) -> int:
    """Stop the loop."""
    return _switched("stop", "Stop the loop; open positions stay open.", argv)


def resume(argv: list[str]) -> int:
    """Allow entries again."""
    return _switched("resume", "Enter again after a kill, a flatten, a halt or a pause.", argv)


def kill(argv: list[str]) -> int:
    """Stop entries."""
    parser = options.parser("kill", "Enter nothing more; exits continue, also after a restart.")
    parser.add_argument("reason", nargs="?", default="by hand", help="shown until it is over")
    return options.run(parser.parse_args(argv), _kill)


def close(argv: list[str]) -> int:
    """Close one position."""
    parser = options.parser("close", "Close one position, whatever the model says.")
    parser.add_argument("ticker", type=options.named, metavar="TICKER", help="the market")
    return _closed(parser, argv)


def flatten(argv: list[str]) -> int:
    """Close all positions."""
    return _closed(options.parser("flatten", "Close all positions, enter nothing more."), argv)


def _switched(command: str, description: str, argv: list[str]) -> int:
    async def switch(bot: BotClient, asked: argparse.Namespace) -> int:
        return _report(await bot.post(f"/bot/{command}"), asked)

    return options.run(options.parser(command, description).parse_args(argv), switch)


async def _kill(bot: BotClient, asked: argparse.Namespace) -> int:
    return _report(await bot.post("/bot/kill", {"reason": asked.reason}), asked)


def _closed(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    parser.add_argument("--yes", action="store_true", help="do not ask first (a terminal is asked)")
    parser.set_defaults(ticker=None)
    return options.run(parser.parse_args(argv), _close)


async def _close(bot: BotClient, asked: argparse.Namespace) -> int:
    if sys.stdin.isatty() and not asked.yes:
        await _confirm(bot, asked.ticker)
    everything = asked.ticker is None
    path = "/bot/flatten" if everything else f"/positions/{quote(asked.ticker, safe='')}/close"
    return _report(await bot.post(path), asked)


async def _confirm(bot: BotClient, ticker: str | None) -> None:
    """Ask at the terminal. Raises CommandError unless the answer is yes."""
    mode = (await bot.get("/bot/status"))["mode"]
    money = "paper" if mode == "paper" else "REAL MONEY"
    what = plain(ticker) if ticker is not None else "ALL positions, and enter nothing until resume"
    sys.stderr.write(f"Close {what}, at {bot.url} ({money})? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was sent")


def _report(answer: Answer, asked: argparse.Namespace) -> int:
    if asked.json:
        options.print_json(answer)
    else:
        options.print_line(_spoken(answer))
    return _CODES.get(answer["status"], ExitCode.DONE)


def _spoken(answer: Answer) -> str:
    """The result, with what is left on lines of their own."""
    left = answer.get("left")
    by_market = left if isinstance(left, dict) else {}
    more = [f"{name} {value}" for name, value in answer.items() if name not in {"status", "left"}]
    first = options.as_command(", ".join([str(answer["status"]).replace("_", " "), *more]))
    return "\n".join([plain(first), *(f"  {plain(f'{k}: {why}')}" for k, why in by_market.items())])
