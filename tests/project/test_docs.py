"""The documents and the code say the same: settings, routes, columns, commands."""

import re
from pathlib import Path

import pytest

from api.app import create_app
from api.deps import facts_of
from bot import config
from bot.__main__ import COMMANDS
from bot.config import Settings
from bot.journal.csv_rows import LOGS
from bot.telemetry.metrics import described

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCS = README + "".join(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")))
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def documented(text, name):
    """Whether a name stands in the text as code."""
    return re.search(rf"`[^`\n]*(?<![\w]){re.escape(name)}(?![\w])[^`\n]*`", text) is not None


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_every_setting_is_documented(name):
    assert documented(CONFIGURATION, name)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        (name.upper(), field.default)
        for name, field in Settings.model_fields.items()
        if field.default is not None and not isinstance(field.default, tuple)
    ],
)
def test_a_documented_default_is_the_default(name, default):
    row = next(
        line
        for line in CONFIGURATION.splitlines()
        if line.startswith("| `") and f"`{name}`" in line
    )

    assert f"`{str(default).lower()}`" in row.lower()


def _routes():
    app = create_app(lambda: None, facts_of(config.load(None)))  # type: ignore[arg-type, return-value]  # never opened
    return sorted(app.openapi()["paths"])


@pytest.mark.parametrize("path", _routes())
def test_every_route_is_documented(path):
    assert f"`{path}`" in DOCS


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_every_log_and_its_columns_are_documented(log):
    assert f"| `{log.file}` | `{', '.join(log.columns)}` |" in DOCS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert f"python -m bot {command}" in DOCS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", DOCS))))
def test_every_make_target_named_exists(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:bot|api|tests)/[\w/]+\.py)`", ARCHITECTURE)))
)
def test_every_file_that_the_architecture_names_exists(path):
    assert (ROOT / path).is_file()


def test_every_pinned_package_has_its_reason():
    lines = [
        line.split("==")[0].split("[")[0].strip()
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    table = ARCHITECTURE[ARCHITECTURE.index("## Dependencies") :]

    assert [package for package in lines if package not in table] == []


def test_every_requirement_is_pinned_exactly():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert not line or line.startswith(("#", "-r")) or "==" in line, line


def test_readme_and_architecture_stay_short():
    assert len(README.splitlines()) <= 150
    assert len(ARCHITECTURE.splitlines()) <= 150


@pytest.mark.parametrize(
    "page", sorted(set(re.findall(r"\]\(((?:docs/)?[\w/-]+\.(?:md|png))", README)))
)
def test_every_page_that_the_readme_links_exists(page):
    assert (ROOT / page).is_file()


@pytest.mark.parametrize("row", described(), ids=lambda row: row[0])
def test_every_metric_is_documented_with_what_it_means(row):
    name, kind, meaning = row

    assert f"| `{name}` | {kind} | {meaning} |" in DOCS
