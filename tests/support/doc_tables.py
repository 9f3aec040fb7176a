"""The tables of the documents that are written from code: `make tables` puts them in place.

A table stands between two comments that name it; `.env.example` is written as a whole.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from api.app import create_app
from api.deps import facts_of
from bot import config
from bot.config import Settings
from bot.config.alerts import AlertSettings
from bot.config.database import DatabaseSettings
from bot.config.exchange import ExchangeSettings, SimulatorSettings
from bot.config.logs import LogSettings
from bot.config.outbound import OutboundSettings
from bot.config.risk import RiskSettings
from bot.config.server import ServerSettings
from bot.config.trading import TradingSettings
from bot.dashboard.health import CONDITIONS, REQUIREMENTS
from bot.telemetry.metrics import described

ROOT: Final = Path(__file__).parents[2]

_BOUNDS: Final = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
#: Sections of `.env.example` and the settings in them.
SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "Server": ServerSettings,
    "Logs": LogSettings,
    "Database": DatabaseSettings,
    "Outbound": OutboundSettings,
    "Alerts": AlertSettings,
    "Bot": TradingSettings,
    "Kalshi": ExchangeSettings,
    "Embedded simulated exchange (KALSHI_ENV=sim)": SimulatorSettings,
    "Risk limits": RiskSettings,
}


def settings_table() -> str:
    schema = Settings.model_json_schema()["properties"]
    head = "| Variable | Default | Values | Description |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{name.upper()}` | {_code(_default(name))} | {_values(schema[name])} "
        f"| {Settings.model_fields[name].description} |\n"
        for _, names in _sections()
        for name in names
    )


def metrics_table() -> str:
    rows = "".join(f"| `{name}` | {kind} | {what} |\n" for name, kind, what in described())
    return "| metric | kind | what |\n|---|---|---|\n" + rows


def routes_table() -> str:
    app = create_app(lambda: None, facts_of(config.load(None)))  # type: ignore[arg-type, return-value]  # never opened
    head = "| Endpoint | Method | Description |\n|---|---|---|\n"
    return head + "".join(
        f"| `{path}` | {method.upper()} | {_said(operation)} |\n"
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    )


def health_table() -> str:
    rows = "".join(
        f"| `{one.name}` | {one.meaning} | {one.stops.value} | {one.remedy} |\n"
        for one in CONDITIONS
    )
    return "| name | what is wrong | it stops | what to do |\n|---|---|---|---|\n" + rows


def ready_table() -> str:
    rows = "".join(f"| `{one.name}` | {one.meaning} |\n" for one in REQUIREMENTS)
    return "| check | holds if |\n|---|---|\n" + rows


def env_example() -> str:
    sections = [
        f"# --- {title} ".ljust(90, "-") + "\n" + "".join(_assignment(name) for name in names)
        for title, names in _sections()
    ]
    intro = "# Every setting with its default. Copy to .env and change what you need; an empty\n"
    return intro + "# value means the default.\n\n" + "\n".join(sections)


TABLES: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "settings": ("docs/configuration.md", settings_table),
    "metrics": ("docs/monitoring.md", metrics_table),
    "health": ("docs/monitoring.md", health_table),
    "ready": ("docs/monitoring.md", ready_table),
    "routes": ("docs/api.md", routes_table),
}


def placed(text: str, name: str, table: str) -> str:
    """The text with the table where its comments are. Raises ValueError if there is no place."""
    begin, end = f"<!-- {name}: written by `make tables` -->\n", f"<!-- end of {name} -->\n"
    pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{begin.strip()} … {end.strip()} must be there once")
    # mkdocs takes a table for text unless an empty line is around it.
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", text)


def expected(name: str) -> tuple[Path, str]:
    """A file and its text as it should be, by the name of the table in it."""
    if name not in TABLES:
        return ROOT / name, env_example()
    file, table = TABLES[name]
    path = ROOT / file
    return path, placed(path.read_text(), name, table())


def _sections() -> Iterator[tuple[str, list[str]]]:
    for title, group in SECTIONS.items():
        yield title, list(group.model_fields)


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _values(schema: Mapping[str, Any]) -> str:
    one: Mapping[str, Any] = {**schema, **schema.get("anyOf", [{}])[0]}
    if "enum" in one:
        return ", ".join(map(_code, one["enum"]))
    if one.get("type") == "boolean":
        return "`true`, `false`"
    if one.keys() >= {"minimum", "maximum"}:
        return f"{one['minimum']:,.12g} to {one['maximum']:,.12g}"
    return ", ".join(f"{sign} {one[key]:,.12g}" for key, sign in _BOUNDS.items() if key in one)


def _said(operation: Mapping[str, Any]) -> str:
    first = operation["description"].split("\n\n")[0].replace("\n", " ")
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    parameters = f" ({', '.join(map(_code, names))})" if names else ""
    return f"{operation['summary']}. {first}{parameters}".replace("?.", "?")


def _assignment(name: str) -> str:
    field, schema = Settings.model_fields[name], Settings.model_json_schema()["properties"][name]
    values = _values(schema).replace("`", "")
    said = (field.description or "").replace("`", "") + (f" ({values})" if values else "")
    comment = textwrap.wrap(said, 97, break_on_hyphens=False, break_long_words=False)
    return "".join(f"# {line}\n" for line in comment) + f"{name.upper()}={_default(name)}\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    for name in (*TABLES, ".env.example"):
        path, text = expected(name)
        path.write_text(text)
