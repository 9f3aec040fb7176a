"""The notebook in the documents runs as it stands, and is kept without what it printed."""

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "tape-to-backtest.ipynb"


@pytest.fixture(scope="module")
def cells():
    return [
        cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]


def test_it_runs_from_the_first_cell_to_the_last(cells, capsys, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    scope: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), scope)

    printed = capsys.readouterr().out
    assert "8,330 books of 26 markets" in printed
    assert "c, dealt anew " in printed
    assert len(scope["trips"]) == len(scope["outcome"].trips) > 0
    assert scope["by_score"]["books"].sum() == len(scope["judged"])


def test_it_is_kept_without_what_it_printed(cells):
    assert [cell for cell in cells if cell["outputs"] or cell["execution_count"]] == []
