"""The trial of the stream in small; `python -m trials.stream` is the hour."""

import pytest

from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.stream.subscriptions import Numbered, Subscription
from trials.stream import Trial

SECONDS = 90
#: Mean seconds between two faults of a kind.
EVERY = 10.0


@pytest.fixture(scope="module")
def outcome():
    return Trial(5, EVERY).run(SECONDS)


def test_under_faults_no_wrong_book_is_shown_as_fresh(outcome):
    assert outcome.wrong == []
    assert outcome.shown > 100


def test_who_believes_what_he_reads_shows_wrong_books(outcome):
    assert outcome.credulous_wrong > 100


def _in_order(self, seq):
    self.seq = seq
    return Numbered.NEXT


def _never_late(self, at):
    return self.fault


@pytest.mark.parametrize(
    ("owner", "name", "instead", "kinds"),
    [
        (Subscription, "follows", _in_order, ("lost", "repeated")),
        (StreamProtocol, "general_fault", _never_late, ("late", "silent")),
    ],
    ids=["numbers", "lateness"],
)
def test_without_a_proof_wrong_books_are_shown(monkeypatch, owner, name, instead, kinds):
    monkeypatch.setattr(owner, name, instead)

    assert Trial(5, EVERY / 4, kinds).run(SECONDS).wrong
