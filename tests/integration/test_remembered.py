"""What is remembered comes back as it was, or not at all: the marks of memos and what they hold."""

import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pytest
from msgspec import Struct, defstruct

from bot.core.account.portfolio import Portfolio
from bot.core.market.money import ZERO
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord


class Place(NamedTuple):
    row: int
    column: int


class Thing(Struct, frozen=True, array_like=True):
    name: str
    places: tuple[Place, ...] = ()
    day: date | None = None


def checkpoint(**state_records: bytes) -> Checkpoint:
    return Checkpoint(1, Portfolio.of_cash(ZERO), state_records={"things": state_records})


def body(state_record: StateRecord) -> bytes:
    assert state_record.body is not None
    return state_record.body


FORM = RecordCodec("things", Thing)


@pytest.mark.parametrize(
    "thing", [Thing("a"), Thing("", (Place(1, 2), Place(3, 4)), date(2026, 1, 18)), Thing('"\\ü')]
)
def test_a_thing_comes_back_as_it_was(thing):
    state_record = FORM.state_record("k", thing)

    assert (state_record.kind, state_record.key) == ("things", "k")
    assert FORM.read(checkpoint(k=body(state_record))) == {"k": thing}
    assert FORM.read(CommittedChanges(1, state_records=(state_record,))) == {"k": thing}


def test_what_is_forgotten_is_none_and_other_kinds_are_passed_over(caplog):
    gone, other = FORM.state_record("k", None), StateRecord("others", "k", b"?")

    assert gone.body is None
    assert FORM.read(CommittedChanges(1, state_records=(gone, other))) == {"k": None}
    assert (
        FORM.read(Checkpoint(1, Portfolio.of_cash(ZERO), state_records={"others": {"k": b"?"}}))
        == {}
    )
    assert caplog.messages == []


def changed(*fields: Any, **options: Any) -> type[Any]:
    return defstruct("Thing", fields, **{"array_like": True, "frozen": True, **options})


PLACES = ("places", tuple[Place, ...], ())
DAY = ("day", date | None, None)


class Swapped(NamedTuple):
    column: int
    row: int


@pytest.mark.parametrize(
    "other",
    [
        changed(("name", str), PLACES),
        changed(("name", str), PLACES, DAY, ("more", int, 0)),
        changed(("title", str), PLACES, DAY),
        changed(("name", str), PLACES, ("day", datetime | None, None)),
        changed(("name", str), ("places", tuple[Swapped, ...], ()), DAY),
        changed(("name", str), PLACES, DAY, array_like=False),
    ],
)
def test_any_other_layout_is_forgotten_and_not_misread(other, caplog):
    state_record = FORM.state_record("k", Thing("a", (Place(1, 2),)))

    assert RecordCodec("things", other).read(
        checkpoint(k=body(state_record), l=body(state_record))
    ) == {
        "k": None,
        "l": None,
    }
    assert caplog.messages == [
        "2 state records of kind things have another layout and are discarded"
    ]


def test_words_about_a_type_and_what_a_field_begins_with_are_no_part_of_its_layout():
    same = defstruct(
        "Another",
        [("name", str), ("places", tuple[Place, ...]), ("day", date | None)],
        array_like=True,
        namespace={"__doc__": "Other words."},
    )
    state_record = FORM.state_record("k", Thing("a", (Place(1, 2),)))

    (again,) = RecordCodec("things", same).read(checkpoint(k=body(state_record))).values()

    assert again is not None
    assert again.name == "a"  # type: ignore[attr-defined]  # a type made here


@pytest.mark.parametrize("at", [0, 7, 8, 12])
def test_a_damaged_body_is_forgotten(at, caplog):
    whole = body(FORM.state_record("k", Thing("a", (Place(1, 2),))))
    damaged = whole[:at] + b"\xff" + whole[at + 1 :]

    assert FORM.read(checkpoint(k=damaged, l=whole[:at])) == {"k": None, "l": None}
    assert len(caplog.messages) == 1


#: Everything that is kept in a form, and a memory of rows.
MARKS = """
from bot.dashboard.decision_log import DecisionLog
from bot.whales.markout_tracker import MarkoutTracker
from bot.model.prediction_grader import PredictionGrader, GradeRules
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.model.monitor import ModelMonitor
from bot.whales.open_markouts import OpenMarkoutBook
from bot.whales.markout_stats import MarkoutStats
from bot.model.pending_predictions import PendingPredictions
from bot.signals.analyzer import Analyzer
one = ModelMonitor(None, {}, PredictionGrader(GradeRules(1.0, 1.0, 1.0, Thresholds())))
forms = [one._codec, DecisionLog()._codec, MarkoutTracker()._codec, OpenMarkoutBook(1)._codec,
MarkoutStats()._codec]
forms += [MarkoutStats()._sums_codec, PendingPredictions("")._batches,
PendingPredictions("")._counts]
print([(form.kind, form._mark) for form in forms])
print(Analyzer(None, Thresholds(), Gates(), WhaleRules())._memory._mark)
"""


def test_the_same_code_has_the_same_marks_in_every_process():
    said = {
        subprocess.run(
            [sys.executable, "-c", MARKS],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(said) == 1
    # A mark is bytes of any kind, a bracket among them.
    assert said.pop().count(b"('") == 8


def test_moments_come_back_to_the_microsecond():
    form = RecordCodec("moments", datetime)
    at = datetime(2026, 1, 18, 22, 15, 0, 123_457, tzinfo=UTC)

    state_records = {"k": body(form.state_record("k", at))}
    assert form.read(
        Checkpoint(1, Portfolio.of_cash(ZERO), state_records={"moments": state_records})
    ) == {"k": at}
