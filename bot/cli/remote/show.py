"""`python -m bot status | positions | trades | orders | config`: what a running bot says."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.text import Text

from bot.cli.errors import ExitCode
from bot.cli.remote import options, pages, tables
from bot.cli.remote.client import Answer, BotClient
from bot.cli.remote.tables import (
    Column,
    amount,
    duration,
    gain,
    number,
    result,
    size,
    utc_time,
    words,
)


def status(argv: list[str]) -> int:
    """Print how the bot is doing; 0 if it is ready, 1 if it answers but is not."""
    parser = options.parser("status", "How the bot is doing. Exit code 0 if it is ready, else 1.")
    return options.run(parser.parse_args(argv), _status)


def positions(argv: list[str]) -> int:
    """Print what is held."""
    parser = options.parser("positions", "What is held, and why it is still held.")
    return options.run(parser.parse_args(argv), _positions)


def trades(argv: list[str]) -> int:
    """Print closed trades."""
    parser = _past("trades", "Closed trades, the newest first.")
    return options.run(parser.parse_args(argv), _trades)


def orders(argv: list[str]) -> int:
    """Print orders."""
    parser = _past("orders", "Orders and what became of them, the newest first.")
    return options.run(parser.parse_args(argv), _orders)


def settings(argv: list[str]) -> int:
    """Print the settings in force."""
    parser = options.parser("config", "The settings that differ from their defaults; no secrets.")
    parser.add_argument("--all", action="store_true", help="those too that are the default")
    return options.run(parser.parse_args(argv), _settings)


def _past(command: str, description: str) -> argparse.ArgumentParser:
    parser = options.parser(command, description)
    parser.add_argument("--limit", type=options.whole_number, default=20, help="how many (20)")
    parser.add_argument("--ticker", help="of this market alone")
    parser.add_argument("--since", help="from this time on, such as 2026-01-18T00:00:00Z")
    parser.add_argument("--until", help="up to this time")
    return parser


async def _status(bot: BotClient, asked: argparse.Namespace) -> int:
    ready, seen = await bot.readiness(), await bot.get("/bot/status")
    held = await bot.get("/positions")
    if asked.json:
        options.print_json({"ready": ready, "bot": seen, "account": held["account"]})
    else:
        mode = "PAPER" if seen["mode"] == "paper" else "LIVE: REAL MONEY"
        lines = [*_state(seen, held), *_account(held, seen), *_faults(ready, seen)]
        tables.facts(f"{mode} · {bot.url}", lines)
    return ExitCode.DONE if ready["ready"] else ExitCode.REFUSED


def _state(bot: Answer, held: Answer) -> list[tuple[str, Text]]:
    word, why, style = next(found for rule in _STATES if (found := rule(bot)) is not None)
    shown = Text(word, style=f"bold {style}").append(f": {words(why)}", style="not bold")
    leads = "this process leads" if bot["leader"] else f"{bot['leads']} leads"
    age = held["age_seconds"]
    cycle = "none has ended" if age is None else f"the last one ended {tables.spoken(age)} ago"
    return [
        ("State", shown),
        ("Cycles", words(f"{bot['loop_count']}, {cycle}, one every {bot['interval_seconds']:g} s")),
        ("Leader", words(leads if bot["leads"] else None)),
        ("Model", words(bot["model_version"])),
    ]


def _account(held: Answer, bot: Answer) -> list[tuple[str, Text]]:
    account = held["account"]
    if account is None:
        return [("Account", words(f"not known: {held['reason']}"))]
    today = Text(f"{amount(account['equity'])} (today ").append(gain(account["daily_pnl"]))
    return [
        ("Equity", today.append(")")),
        ("Cash", Text(amount(account["cash"]))),
        ("Realized", gain(account["realized"])),
        ("Unrealized", gain(account["unrealized"])),
        ("Fees", Text(amount(account["fees"]))),
        ("Exposure", Text(f"{amount(account['exposure'])} in positions: {held['count']}")),
        ("Markets", Text(f"{bot['watched_markets']}, {bot['stale_markets']} of them stale")),
    ]


#: What may be wrong beside the one word, as `/bot/status` names it.
_FAULTS: Final = (
    *("model_fault", "journal_fault", "universe_fault", "trading_halted"),
    *("orders_in_doubt", "account_note"),
)


def _faults(ready: Answer, bot: Answer) -> list[tuple[str, Text]]:
    said = [(name.replace("_", " ").capitalize(), bot[name]) for name in _FAULTS if bot.get(name)]
    failed = [(f"Not ready: {name}", one["detail"]) for name, one in _not_ready(ready)]
    return [(name, words(what, "yellow")) for name, what in (*said, *failed)]


def _not_ready(ready: Answer) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in ready["checks"].items() if not one["ok"]]


_Found = tuple[str, object, str] | None


def _if(name: str, word: str, style: str) -> Callable[[Answer], _Found]:
    return lambda bot: (word, bot[name], style) if bot[name] else None


def _killed(bot: Answer) -> _Found:
    why = f"{bot['killed']}; exits continue; until {options.as_command(str(bot['killed_until']))}"
    return ("KILLED", why, "yellow") if bot["killed"] else None


def _no_leader(bot: Answer) -> _Found:
    return None if bot["leads"] else ("NOBODY LEADS", "nothing trades", "red")


def _stopped(bot: Answer) -> _Found:
    why = "nothing is watched or traded until `python -m bot start`"
    return None if bot["running"] else ("STOPPED", why, "yellow")


def _standby(bot: Answer) -> _Found:
    return None if bot["leader"] else ("STANDING BY", f"{bot['leads']} leads and trades", "cyan")


def _running(_: Answer) -> _Found:
    return ("RUNNING", "watching and trading", "green")


#: The first that holds is the one word; as the dashboard has them.
_STATES: Final[Sequence[Callable[[Answer], _Found]]] = (
    _if("loop_fault", "LOOP DEAD", "red"),
    _if("store_fault", "DATABASE AWAY", "red"),
    _no_leader,
    _killed,
    _stopped,
    _if("error", "EXCHANGE AWAY", "red"),
    _if("entries_stopped", "ENTRIES STOPPED", "yellow"),
    _standby,
    _running,
)


async def _positions(bot: BotClient, asked: argparse.Namespace) -> int:
    held = await bot.get("/positions")
    if asked.json:
        options.print_json(held)
        return ExitCode.DONE
    tables.show(_titled("open", held, held["reason"]), _POSITION, held["positions"])
    return ExitCode.DONE


def _mark(row: Answer) -> Text:
    return Text(amount(row["mark_price"]) + (" stale" if row["stale"] else ""))


_POSITION: Final = (
    Column("ticker", tables.text("ticker")),
    Column("side", tables.text("side")),
    Column("size", size("size")),
    Column("entry c", number("entry_price")),
    Column("mark c", _mark),
    Column("P&L $", result("pnl")),
    Column("held", duration("held_seconds")),
    Column("closes in", duration("closes_in_seconds")),
    Column("why it is held", tables.text("hold_reason"), is_text=True),
)
_TRADE: Final = (
    Column("closed (UTC)", utc_time("closed_at")),
    Column("ticker", tables.text("ticker")),
    Column("side", tables.text("side")),
    Column("size", size("size")),
    Column("in c", number("entry_price")),
    Column("out c", number("exit_price")),
    Column("fees $", number("fees")),
    Column("P&L $", result("pnl")),
    Column("held", duration("held_seconds")),
    Column("how", tables.text("how"), is_text=True),
)
_ORDER: Final = (
    Column("sent (UTC)", utc_time("submitted_at")),
    Column("ticker", tables.text("ticker")),
    Column("aim", tables.text("aim")),
    Column("side", tables.text("side")),
    Column("size", size("size")),
    Column("limit c", number("limit")),
    Column("filled", size("filled")),
    Column("at c", number("average_price")),
    Column("fees $", number("fees")),
    Column("status", tables.text("status"), is_text=True),
    Column("error", lambda row: words(row["error"] or ""), is_text=True),
)


async def _trades(bot: BotClient, asked: argparse.Namespace) -> int:
    return await _listed(bot, asked, "trades", _TRADE)


async def _orders(bot: BotClient, asked: argparse.Namespace) -> int:
    return await _listed(bot, asked, "orders", _ORDER)


async def _listed(
    bot: BotClient, asked: argparse.Namespace, name: str, columns: Sequence[Column]
) -> int:
    given = {"ticker": asked.ticker, "since": asked.since, "until": asked.until}
    where = {key: value for key, value in given.items() if value}
    found = await pages.rows(bot, name, asked.limit, where)
    if asked.json:
        options.print_json({name: found, "count": len(found)})
    else:
        what = name.removesuffix("s") if len(found) == 1 else name
        tables.show(_titled(what, {"count": len(found)}), columns, found)
    return ExitCode.DONE


def _titled(what: str, answer: Answer, reason: str | None = None) -> str:
    return f"{answer['count']} {what}" + (f" ({reason})" if reason else "")


async def _settings(bot: BotClient, asked: argparse.Namespace) -> int:
    found = await bot.get("/config")
    if asked.json:
        options.print_json(found)
        return ExitCode.DONE
    shown = [one for one in found["settings"] if asked.all or one["differs"]]
    tables.show(f"KalshiProto {found['version']}", _SETTING, shown)
    return ExitCode.DONE


_SETTING: Final = (
    Column("setting", tables.text("name"), is_text=True),
    Column("value", tables.text("value"), is_text=True),
    Column("default", tables.text("default"), is_text=True),
    Column("what it is", tables.text("description"), is_text=True),
)
