"""`python -m bot reconcile [--apply] | resolve`: our account against the exchange's, by hand.

The bot that leads compares, books and writes down; these commands ask it, so nothing has to be
stopped for them.
"""

import argparse
import sys
from typing import Final
from urllib.parse import quote

from bot.cli.errors import CommandError, ExitCode
from bot.cli.remote import options, tables
from bot.cli.remote.client import Answer, BotClient
from bot.cli.remote.tables import Column, amount, size, words
from bot.journal.csv_rows import plain

_CODES: Final = {"waiting": ExitCode.PENDING, "refused": ExitCode.REFUSED}


def main(argv: list[str]) -> int:
    """Compare, and adopt if that is wanted; 0 if all agrees or was adopted, 1 if it differs."""
    parser = options.parser(
        "reconcile", "Our account against the exchange's. Exit code 0 if they agree, else 1."
    )
    parser.add_argument(
        "--apply", action="store_true", help="adopt the account as the exchange has it"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask first (a terminal is asked)")
    return options.run(parser.parse_args(argv), _reconcile)


def resolve(argv: list[str]) -> int:
    """End an order in doubt that the exchange does not know any more."""
    parser = options.parser("resolve", "Say what became of an order in doubt, for good.")
    parser.add_argument("order", metavar="CLIENT_ORDER_ID", help="as `orders` lists it")
    word = parser.add_mutually_exclusive_group(required=True)
    word.add_argument("--traded", action="store_true", help="it traded: `reconcile --apply` books")
    word.add_argument("--never-traded", action="store_true", help="it did not trade at all")
    return options.run(parser.parse_args(argv), _resolve)


async def _reconcile(bot: BotClient, asked: argparse.Namespace) -> int:
    audit = await bot.get("/audit")
    if audit["compared_at"] is None:
        raise CommandError(plain(str(audit["reason"])))
    if not asked.apply:
        _show(audit, asked)
        return ExitCode.REFUSED if audit["differences"] else ExitCode.DONE
    if sys.stdin.isatty() and not asked.yes:
        _show(audit, argparse.Namespace(json=False))
        _confirm(bot)
    return _report(await bot.post("/audit/adopt"), asked)


async def _resolve(bot: BotClient, asked: argparse.Namespace) -> int:
    path = f"/orders/{quote(asked.order, safe='')}/resolve"
    answer = await bot.post(path, {"traded": "true" if asked.traded else "false"})
    return _report(answer, asked)


def _confirm(bot: BotClient) -> None:
    """Ask whoever sits at the terminal. Raises CommandError unless the answer is yes."""
    sys.stderr.write(f"Book this as the exchange has it, for good, at {bot.url}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was changed")


def _report(answer: Answer, asked: argparse.Namespace) -> int:
    if asked.json:
        options.print_json(answer)
    else:
        options.print_line(plain(f"{answer['status']}: {answer['detail']}"))
    return _CODES.get(answer["status"], ExitCode.DONE)


def _show(audit: Answer, asked: argparse.Namespace) -> None:
    if asked.json:
        options.print_json(audit)
        return
    rows = audit["positions"]
    differing = [row for row in rows if row["booked"] + row["foreign"] != row["exchange"]]
    tables.show(f"{len(differing)} positions differ", _POSITION, differing)
    facts = [
        ("Compared", words(audit["compared_at"])),
        ("Cash booked", words(amount(audit["cash_booked"]))),
        ("Cash at the exchange", words(amount(audit["cash_exchange"]))),
        *(("Explains it", words(one)) for one in audit["explanations"]),
        ("Entries stopped", words(audit["entries_stopped"], "yellow")),
        *((one["at"], words(one["message"])) for one in audit["operator"][:5]),
    ]
    tables.facts("The account", facts)


_POSITION: Final = (
    Column("ticker", tables.text("ticker")),
    Column("booked", size("booked")),
    Column("of other hands", size("foreign")),
    Column("exchange", size("exchange")),
)
