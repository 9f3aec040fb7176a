"""`python -m bot export --out FOLDER --parquet | --csv`: the history of a running bot as files.

Four tables, as the API has them: trades, orders, fills, equity by the minute. Money is in dollars
to the cent and prices in cents, as doubles; times are UTC. A file is there whole or not at all.
"""

import argparse
import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from api.schemas.history import EquityShape, FillShape, OrderShape, TradeShape
from bot.cli.errors import CommandError, ExitCode
from bot.cli.remote import options, pages
from bot.cli.remote.client import Answer, BotClient, Parameters
from bot.journal.csv_rows import cell

Rows = Sequence[Mapping[str, Any]]
_DAY: Final = timedelta(days=1)
_OF_ORDER: Final = ("client_order_id", "ticker", "side")
#: The columns of each table, by the shapes of the API.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": tuple(TradeShape.__struct_fields__),
    "orders": tuple(name for name in OrderShape.__struct_fields__ if name != "fills"),
    "fills": (*_OF_ORDER, *FillShape.__struct_fields__),
    "equity": tuple(EquityShape.__struct_fields__),
}
_NUMBERS: Final = frozenset(
    {
        *("size", "entry_price", "exit_price", "pnl_gross", "fees", "pnl", "held_seconds"),
        *("limit", "filled", "average_price", "price", "fee"),
        *("equity", "cash", "realized", "exposure"),
    }
)


def main(argv: list[str]) -> int:
    """Write the files; 0 once all are there."""
    return options.run(_parser().parse_args(argv), _export)


def _parser() -> argparse.ArgumentParser:
    parser = options.parser("export", "Write trades, orders, fills and equity into a folder.")
    parser.add_argument("--out", type=Path, required=True, help="the folder; made if it is missing")
    suffix = parser.add_mutually_exclusive_group(required=True)
    suffix.add_argument("--parquet", dest="suffix", action="store_const", const="parquet")
    suffix.add_argument("--csv", dest="suffix", action="store_const", const="csv")
    parser.add_argument("--since", type=_aware_time, help="from this time on (ISO 8601, with Z)")
    parser.add_argument("--overwrite", action="store_true", help="replace files of an older export")
    return parser


def _aware_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no time: 2026-01-18T00:00:00Z") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no offset: 2026-01-18T00:00:00Z")
    return at


async def _export(bot: BotClient, asked: argparse.Namespace) -> int:
    files = {name: asked.out / f"{name}.{asked.suffix}" for name in COLUMNS}
    _may_write(files.values(), asked.overwrite)
    found = await _tables(bot, asked.since)
    write = _WRITERS[asked.suffix]
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            _whole(file, name, found[name], write)
    except OSError as error:
        raise CommandError(f"{asked.out} cannot be written: {error.strerror}") from None
    if asked.json:
        written = {n: {"file": str(f), "rows": len(found[n])} for n, f in files.items()}
        options.print_json(written)
    else:
        for name, file in files.items():
            options.print_line(f"{file}: {len(found[name]):,} rows")
    return ExitCode.DONE


def _may_write(files: Iterable[Path], overwrite: bool) -> None:
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise CommandError(f"{there[0]} exists: name another folder, or add --overwrite")


def _fills(orders: Rows) -> Rows:
    return [
        {**{name: order[name] for name in _OF_ORDER}, **fill}
        for order in orders
        for fill in order["fills"]
    ]


async def _tables(bot: BotClient, since: datetime | None) -> Mapping[str, Rows]:
    where = {"since": since.isoformat()} if since else {}
    orders = await pages.rows(bot, "orders", None, where)
    return {
        "trades": await pages.rows(bot, "trades", None, where),
        "orders": orders,
        "fills": _fills(orders),
        "equity": await _equity(bot, since),
    }


async def _equity(bot: BotClient, since: datetime | None) -> Rows:
    """Every minute that is kept: the route thins out what is asked for in one piece."""
    overview = await bot.get("/equity")
    if not overview["points"]:
        return []
    first, last = (
        datetime.fromisoformat(at) for at in (overview["first_at"], overview["points"][-1]["at"])
    )
    start = max(first, since or first)
    points: dict[str, Answer] = {}
    while start <= last:
        span: Parameters = {"from": start.isoformat(), "to": (start + _DAY).isoformat(), "step": 60}
        found = await bot.get("/equity", span)
        points |= {one["at"]: one for one in found["points"]}
        start += _DAY
    return list(points.values())


def _whole(file: Path, name: str, rows: Rows, write: "_Writer") -> None:
    part = file.with_name(file.name + ".part")
    write(part, COLUMNS[name], rows)
    part.replace(file)


def _csv(file: Path, columns: Sequence[str], rows: Rows) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _shown(row[name]) for name in columns} for row in rows)


def _shown(value: object) -> object:
    return cell(value) if isinstance(value, str) else value


def _parquet(file: Path, columns: Sequence[str], rows: Rows) -> None:
    # No other command around a running bot needs it, and the image of the service lacks it.
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise CommandError("--parquet needs the package pyarrow, --csv does not") from None

    kinds = {False: pa.string(), True: pa.float64()}
    types = {n: pa.timestamp("us", "UTC") if _is_time(n) else kinds[n in _NUMBERS] for n in columns}
    typed = [{name: _typed(name, row[name]) for name in columns} for row in rows]
    pq.write_table(pa.Table.from_pylist(typed, pa.schema(list(types.items()))), file)


def _is_time(name: str) -> bool:
    return name == "at" or name.endswith("_at")


def _typed(name: str, value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) and _is_time(name) else value


_Writer = Callable[[Path, Sequence[str], Rows], None]
_WRITERS: Final[Mapping[str, _Writer]] = {"parquet": _parquet, "csv": _csv}
