import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.signals.ticker_state import TickerState

BLANK = np.array([(-1, 0.5)], dtype=[("count", np.int64), ("value", np.float64)])
names = st.lists(st.integers(0, 150).map(lambda n: f"M{n}"), unique=True, max_size=40)


def _rows(counts) -> NDArray[np.void]:
    rows = np.repeat(BLANK, len(counts))
    rows["count"] = counts
    return rows


def test_a_ticker_never_seen_is_blank():
    assert TickerState(BLANK).recall(["A", "B"]).tolist() == [(-1, 0.5), (-1, 0.5)]


def test_asking_for_nothing_gives_nothing():
    assert len(TickerState(BLANK).recall([])) == 0


def test_what_is_recalled_is_a_copy():
    memory = TickerState(BLANK)
    memory.store(["A"], _rows([7]))

    memory.recall(["A"])["count"] = 8

    assert memory.recall(["A"])["count"].tolist() == [7]


def test_a_blank_row_is_not_spoilt_by_whoever_gets_it():
    memory = TickerState(BLANK)

    memory.recall(["A"])["count"] = 8

    assert memory.recall(["A"])["count"].tolist() == [-1]


def test_the_longest_unseen_is_forgotten_first():
    memory = TickerState(BLANK, capacity=2)
    memory.store(["A", "B"], _rows([1, 2]))
    memory.store(["A"], _rows([3]))
    memory.store(["C"], _rows([4]))

    assert memory.recall(["A", "B", "C"])["count"].tolist() == [3, -1, 4]
    assert len(memory) == 2


def test_more_at_once_than_there_is_room_for_keeps_the_last():
    memory = TickerState(BLANK, capacity=2)

    memory.store(["A", "B", "C"], _rows([1, 2, 3]))

    assert memory.recall(["A", "B", "C"])["count"].tolist() == [-1, 2, 3]


def test_it_grows_with_what_it_has_to_remember():
    memory, tickers = TickerState(BLANK), [f"M{n}" for n in range(200)]

    for start in (0, 100):
        memory.store(tickers[start : start + 100], _rows(range(start, start + 100)))

    assert memory.recall(tickers)["count"].tolist() == list(range(200))


def test_a_memory_without_room_is_refused():
    with pytest.raises(ValueError, match="room for one ticker at least"):
        TickerState(BLANK, capacity=0)


@given(st.lists(names, max_size=12), st.integers(1, 120))
def test_a_memory_is_a_bounded_dictionary_in_order_of_last_sight(batches, capacity):
    memory = TickerState(BLANK, capacity)
    model: dict[str, int] = {}
    for stamp, batch in enumerate(batches):
        memory.store(batch, _rows([stamp * 1000 + n for n in range(len(batch))]))
        for n, ticker in enumerate(batch):
            model.pop(ticker, None)
            model[ticker] = stamp * 1000 + n
        while len(model) > capacity:
            del model[next(iter(model))]

    everyone = [f"M{n}" for n in range(151)]
    assert len(memory) == len(model)
    assert memory.recall(everyone)["count"].tolist() == [model.get(t, -1) for t in everyone]


class Told:
    """A memory and the database it tells its memos to."""

    def __init__(self, capacity=5_000):
        self.memory = TickerState(BLANK, capacity)
        self.checkpoint: dict[str, bytes] = {}

    def emit(self):
        """What there is to tell now, put down; the tickers told of."""
        state_records = self.memory.state_records("rows")
        for state_record in state_records:
            if state_record.body is None:
                self.checkpoint.pop(state_record.key, None)
            else:
                self.checkpoint[state_record.key] = state_record.body
        return {state_record.key for state_record in state_records}

    def restored(self, capacity=5_000):
        again = TickerState(BLANK, capacity)
        again.restore("rows", dict(reversed(self.checkpoint.items())))
        return again


def test_only_what_was_kept_since_it_was_asked_is_told():
    reported = Told()
    reported.memory.store(["A", "B"], _rows([1, 2]))
    assert reported.emit() == {"A", "B"}

    reported.memory.store(["B"], _rows([3]))

    assert reported.emit() == {"B"}
    assert reported.emit() == set()


def test_what_fell_out_is_told_as_forgotten_unless_it_came_back():
    reported = Told(capacity=1)
    reported.memory.store(["A"], _rows([1]))
    reported.emit()
    reported.memory.store(["B"], _rows([2]))
    assert reported.emit() == {"A", "B"}
    assert set(reported.checkpoint) == {"B"}

    reported.memory.store(["A"], _rows([3]))
    reported.memory.store(["B"], _rows([4]))

    reported.emit()
    assert set(reported.checkpoint) == {"B"}
    assert reported.restored().recall(["A", "B"])["count"].tolist() == [-1, 4]


def test_rows_of_another_layout_are_forgotten_with_one_line_and_not_misread(caplog):
    reported = Told()
    reported.memory.store(["A", "B", "C"], _rows([1, 2, 3]))
    reported.emit()
    reported.checkpoint["B"] = reported.checkpoint["B"][:-1]
    other = TickerState(BLANK.astype([("count", np.float64), ("value", np.float64)]))

    other.restore("rows", reported.checkpoint)

    assert len(other) == 0
    assert {
        state_record.key
        for state_record in other.state_records("rows")
        if state_record.body is None
    } == {"A", "B", "C"}
    assert len(reported.restored()) == 2
    assert caplog.messages == [
        f"{count} state records of kind rows have another layout and are discarded"
        for count in (3, 1)
    ]


def test_restored_into_less_room_the_longest_unseen_are_forgotten():
    reported = Told()
    reported.memory.store(["A", "B", "C"], _rows([1, 2, 3]))
    reported.memory.store(["A"], _rows([4]))
    reported.emit()

    small = reported.restored(capacity=2)

    assert small.recall(["A", "B", "C"])["count"].tolist() == [4, -1, 3]
    assert {
        state_record.key: state_record.body for state_record in small.state_records("rows")
    } == {"B": None}


def test_restoring_forgets_what_was_there():
    reported = Told()
    reported.memory.store(["A"], _rows([1]))

    reported.memory.restore("rows", {})

    assert len(reported.memory) == 0
    assert reported.memory.state_records("rows") == []


@given(st.lists(names, max_size=8), st.lists(names, max_size=8), st.integers(1, 60))
def test_a_restored_memory_goes_on_as_if_nothing_had_happened(before, after, capacity):
    reported = Told(capacity)
    for stamp, batch in enumerate(before):
        reported.memory.store(batch, _rows([stamp * 1000 + n for n in range(len(batch))]))
        if stamp % 2:
            reported.emit()
    reported.emit()
    again = reported.restored(capacity)

    everyone = [f"M{n}" for n in range(151)]
    for stamp, batch in enumerate(after):
        for memory in (reported.memory, again):
            memory.store(batch, _rows([-stamp * 1000 - n for n in range(len(batch))]))
        assert again.recall(everyone).tolist() == reported.memory.recall(everyone).tolist()
        assert again.state_records("rows") == reported.memory.state_records("rows")
