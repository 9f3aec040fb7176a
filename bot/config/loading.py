"""Settings read from the environment and `.env`; what is wrong with them, one line a problem."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError as SourceError

from bot.config.env_file import bindings
from bot.config.settings import Settings
from bot.settings_text import (
    HIDDEN,
    has_comma,
    number_wanted,
    shown_address,
    shown_number,
    shown_word,
)

PREFIXES = (
    *("BOT_", "KALSHI_", "RISK_", "PAPER_", "SIM_", "CORS_", "MODEL_", "LOG_"),
    *(
        "API_TOK",
        "API_READ",
        "ALERT_",
        "DATABASE_",
        "LEASE_",
        "KEEP_",
        "KILL_",
        "ALLOWED_",
        "LIVE_",
    ),
)

#: How the kinds of pydantic's errors begin that are about numbers.
_OF_NUMBERS = frozenset({"int", "float", "decimal", "finite", "greater", "less"})
_WORD = re.compile(r"'([^']*)'")


class SettingsError(Exception):
    """Settings that cannot be used; `problems` has one line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load(env_file: Path | None = Path(".env"), **overrides: object) -> Settings:
    """Settings from the environment, then `.env`, then the defaults; `overrides` beat them all.

    Raises SettingsError with one line per problem.
    """
    try:
        _check(env_file)
        # A plain mapping: pydantic is what checks the types of the overrides.
        values: dict[str, Any] = {"_env_file": env_file, **overrides}
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_lines(error)) from None
    except SourceError as error:
        raise SettingsError([f"{env_file}: {error}"]) from None


def _check(env_file: Path | None) -> None:
    """Raises SettingsError if some of the file would be passed over."""
    if env_file is None or not env_file.exists():
        return
    try:
        bindings(env_file)
    except ValueError as error:
        raise SettingsError([f"{env_file}: {error}"]) from None


def misspelt(env_file: Path | None = Path(".env")) -> list[str]:
    """A warning for each name that looks like ours but is no setting, or that is set twice."""
    known = [name.upper() for name in Settings.model_fields]
    in_file = _names_in(env_file) if env_file and env_file.is_file() else []
    given = {name.upper() for name in (*os.environ, *in_file)}
    names = {name for name in given if name.replace("-", "_").startswith(PREFIXES)}
    unknown = [_unknown(name, known) for name in sorted(names - set(known))]
    return [*unknown, *_twice(known, in_file)]


def _names_in(env_file: Path) -> list[str]:
    return [one.key for one in bindings(env_file) if one.key]


def _twice(known: Iterable[str], in_file: Iterable[str]) -> list[str]:
    values = {name: {v for n, v in os.environ.items() if n.upper() == name} for name in known}
    lines = Counter(name.upper() for name in in_file)
    said = [
        f"{n} is spelt in two ways with two values: keep one" for n in known if len(values[n]) > 1
    ]
    said += [
        f"{n} stands more than once in .env: the last one counts" for n in known if lines[n] > 1
    ]
    return said


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} is not a setting and is ignored" + (f"; is it {near[0]}?" if near else "")


def _lines(error: ValidationError) -> list[str]:
    """`NAME=value: what is allowed`, without the value of a secret."""
    return [_line(e["loc"], e["input"], e["type"], e["msg"]) for e in error.errors()]


def _line(location: tuple[int | str, ...], value: object, kind: str, message: str) -> str:
    allowed = message.removeprefix("Value error, ")
    if not location:
        return allowed
    name = str(location[0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{name.upper()}: {allowed}"
    group = kind.partition("_")[0]
    if group in _OF_NUMBERS:
        allowed = _number_allowed(field, value)
    if group == "bool":
        allowed = "must be 'true' or 'false'"
    shown = _shown(field, group, value, allowed)
    entry = next((one for one in location if isinstance(one, int)), None)
    which = f" (entry {entry + 1})" if entry is not None else ""
    return f"{name.upper()}={shown}{which}: {allowed}"


def _number_allowed(field: FieldInfo, value: object) -> str:
    number = "whole number" if field.annotation is int else "number"
    allowed = number_wanted(number, _bounds(field))
    return allowed + (", written without a comma: 1500 or 0.5" if has_comma(value) else "")


def _shown(field: FieldInfo, group: str, value: object, allowed: str) -> str:
    """What of the value is certainly no secret that was pasted into the wrong setting."""
    if "Secret" in str(field.annotation):
        return HIDDEN
    if group in _OF_NUMBERS:
        return shown_number(value)
    if group in {"bool", "literal"}:
        return shown_word(value, _WORD.findall(allowed))
    return shown_address(value)


def _bounds(field: FieldInfo) -> list[object]:
    """The bounds of a field, also of one that may be empty."""
    annotated = [argument for one in get_args(field.annotation) for argument in get_args(one)[1:]]
    fields = [one for one in annotated if isinstance(one, FieldInfo)]
    return [*field.metadata, *(bound for one in fields for bound in one.metadata)]
