"""The page on whales names every state of a followed order and every threshold it speaks of."""

import re
from dataclasses import fields
from pathlib import Path

from bot.core.whales.large_orders import LargeOrderState
from bot.core.whales.thresholds import WhaleRules

PAGE = (Path(__file__).parents[2] / "docs" / "whales.md").read_text(encoding="utf-8")
DIAGRAM = PAGE.split("```mermaid")[1].split("```")[0]


def test_the_diagram_has_the_states_of_the_code() -> None:
    drawn = set(re.findall(r"\b[A-Z]{4,}\b(?= -->|:)", DIAGRAM))

    assert drawn == {state.name for state in LargeOrderState}


def test_the_diagram_names_thresholds_that_there_are() -> None:
    rules = WhaleRules()
    drawn = "".join(part.split("```")[0] for part in PAGE.split("```mermaid")[1:])
    named = re.findall(r"\b(large|sweep|spoof|imbalance|lifetime|iceberg)\.(\w+)", drawn)

    assert len(named) > 12
    assert [pair for pair in named if not hasattr(getattr(rules, pair[0]), pair[1])] == []


def test_each_group_of_thresholds_has_its_line() -> None:
    groups = {
        f"| `{field.name}`: `{type(getattr(WhaleRules(), field.name)).__name__}`"
        for field in fields(WhaleRules)
    }

    assert {group for group in groups if group not in PAGE} == set()
