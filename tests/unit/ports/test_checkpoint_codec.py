"""Which changes of a type make records of it unreadable, and which do not."""

from typing import Annotated

import pytest
from msgspec import Meta, Struct, defstruct
from msgspec.structs import asdict

from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import CommittedChanges


def record(of: type[Struct], **values: object) -> CommittedChanges:
    """What a version that knew this type left behind."""
    written = RecordCodec("kind", of).state_record("key", of(**values))
    return CommittedChanges(1, state_records=(written,))


PLAIN = defstruct("Plain", [("rule", str), ("value", float)])


@pytest.mark.parametrize(
    "documented",
    [
        Annotated[str, Meta(examples=["max_market_exposure"])],
        Annotated[str, Meta(description="The rule", max_length=64)],
    ],
    ids=["examples", "bounds"],
)
def test_what_is_only_said_of_a_field_keeps_what_was_written(documented):
    told = defstruct("Told", [("rule", documented), ("value", float)])

    (found,) = RecordCodec("kind", told).read(record(PLAIN, rule="r", value=1.5)).values()

    assert found is not None
    assert asdict(found) == {"rule": "r", "value": 1.5}


@pytest.mark.parametrize(
    "fields",
    [[("rule", str), ("value", int)], [("name", str), ("value", float)], [("rule", str)]],
    ids=["type", "name", "fewer"],
)
def test_another_layout_is_discarded_and_never_misread(fields):
    other = defstruct("Other", fields)

    assert RecordCodec("kind", other).read(record(PLAIN, rule="r", value=1.5)) == {"key": None}
