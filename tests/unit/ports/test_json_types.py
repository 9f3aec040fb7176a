"""Ranges of fields are for documents: what an earlier version stored is read whatever they say."""

from typing import Annotated

import msgspec
import pytest

from bot.ports.json_types import Cents, Count, Share, Strength, one_of


@pytest.mark.parametrize("kind", [Cents, Share, Strength], ids=["cents", "share", "strength"])
def test_a_number_beyond_its_documented_range_is_read(kind):
    assert msgspec.json.decode(b"-1.5", type=kind) == -1.5


def test_so_is_a_count_below_0_and_a_word_that_is_not_documented():
    assert msgspec.json.decode(b"-1", type=Count) == -1
    assert msgspec.json.decode(b'"maybe"', type=Annotated[str, one_of("buy", "sell")]) == "maybe"


def test_documents_have_the_range_and_the_words():
    assert msgspec.json.schema(Share)["maximum"] == 1
    assert msgspec.json.schema(Annotated[str, one_of("buy", "sell")])["enum"] == ["buy", "sell"]
