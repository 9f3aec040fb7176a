"""The documents and the code say the same: settings, routes, columns, commands."""

import re
from pathlib import Path

import pytest

from bot.__main__ import COMMANDS
from bot.journal.csv_rows import LOGS
from tests.support.doc_tables import TABLES, expected, placed

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCS = README + "".join(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")))
MAKEFILE = (ROOT / "Makefile").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


@pytest.mark.parametrize("name", [*TABLES, ".env.example"])
def test_what_is_written_from_code_is_up_to_date(name):
    path, text = expected(name)

    assert path.read_text() == text, "run `make tables`, which writes it from the code"


def test_a_table_without_a_place_is_an_error():
    with pytest.raises(ValueError, match="must be there once"):
        placed("no comments\n", "settings", "")


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_every_log_and_its_columns_are_documented(log):
    assert f"| `{log.file}` | `{', '.join(log.columns)}` |" in DOCS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert f"python -m bot {command}" in DOCS


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", DOCS))))
def test_every_make_target_named_exists(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


DEVELOPMENT = (ROOT / "docs" / "development.md").read_text()


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:bot|api|tests)/[\w/]+\.py)`", ARCHITECTURE + DEVELOPMENT))),
)
def test_every_file_that_they_name_exists(path):
    assert (ROOT / path).is_file()


def test_every_pinned_package_has_its_reason():
    lines = [
        line.split("==")[0].split("[")[0].strip()
        for name in ("requirements.txt", "requirements-alerts.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    table = ARCHITECTURE[ARCHITECTURE.index("## Dependencies") :]

    assert [package for package in lines if package not in table] == []


def test_every_requirement_is_pinned_exactly():
    for name in ("requirements.txt", "requirements-alerts.txt", "requirements-dev.txt"):
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
