"""What operators did, and the clock, is noted once, whoever leads by then."""

from datetime import timedelta

import pytest

from bot.clock import Jump
from bot.cluster.operator_notices import OperatorIntent, OperatorNotices
from bot.core.account.portfolio import Portfolio
from bot.core.events import NoteKind
from bot.ports.persistence import Checkpoint
from tests.support.store_values import CASH
from tests.support.strategies import NOON

LATER = NOON + timedelta(minutes=1)
RUNS = OperatorIntent(runs=True)


class Room:
    """Notes, and what operators and the clock do, by hand."""

    def __init__(self, kept=None):
        self.wanted = RUNS
        self.jumps = []
        self.notes = OperatorNotices(lambda: self.wanted, self._jumped)
        if kept is not None:
            self.notes.restore(kept)

    def _jumped(self):
        jumps, self.jumps = self.jumps, []
        return jumps

    def kinds(self, wanted):
        self.wanted = wanted
        return [event.kind for event in self.notes.poll(LATER)]


def kept_of(notes):
    memos = {"noted": {memo.key: memo.body for memo in notes.taken()[1]}}
    return Checkpoint(1, Portfolio.of_cash(CASH), (), (), memos)


STOPPED = OperatorIntent(runs=False, said=True)
KILLED = OperatorIntent(runs=True, killed="odd prices")
KILLED_AGAIN = OperatorIntent(runs=True, killed="odd prices", resumed=LATER)
RESUMED = OperatorIntent(runs=True, resumed=LATER)


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (RUNS, RUNS, []),
        (RUNS, STOPPED, [NoteKind.STOPPED]),
        (STOPPED, OperatorIntent(runs=True, said=True), [NoteKind.STARTED]),
        (RUNS, OperatorIntent(runs=True, said=True), []),
        (RUNS, OperatorIntent(runs=False), []),
        (RUNS, KILLED, [NoteKind.KILLED]),
        (KILLED, OperatorIntent(runs=True, killed="again"), [NoteKind.KILLED]),
        (KILLED, RESUMED, [NoteKind.RESUMED]),
        (RUNS, RESUMED, [NoteKind.RESUMED]),
        (KILLED, KILLED_AGAIN, [NoteKind.RESUMED, NoteKind.KILLED]),
        (RUNS, OperatorIntent(runs=True, flatten=LATER), [NoteKind.FLATTEN_REQUESTED]),
        (RUNS, OperatorIntent(runs=True, closing={"A": LATER}), [NoteKind.CLOSE_REQUESTED]),
        (OperatorIntent(runs=True, closing={"A": LATER}), RUNS, []),
        (RUNS, None, []),
    ],
)
def test_what_changed_is_noted_once(before, now, kinds):
    room = Room()
    assert room.kinds(before) == []

    assert room.kinds(now) == kinds
    assert room.kinds(now) == []
    assert [event.kind for event in room.notes.taken()[0]] == kinds
    assert room.notes.taken() == ([], [])


def test_who_leads_next_notes_what_was_done_meanwhile_and_nothing_twice():
    first = Room()
    first.kinds(RUNS)
    first.kinds(STOPPED)
    kept = kept_of(first.notes)

    assert Room(kept).kinds(STOPPED) == []
    assert Room(kept).kinds(KILLED) == [NoteKind.KILLED]


def test_a_jump_of_the_clock_is_noted_with_its_size():
    room = Room()
    room.jumps = [Jump(NOON, 86_400.0), Jump(NOON, -3.0)]

    ahead, back = room.notes.poll(LATER)

    assert (ahead.at, ahead.kind) == (NOON, NoteKind.CLOCK_JUMPED)
    assert "jumped 86,400 s ahead" in ahead.message
    assert "jumped 3 s back" in back.message
