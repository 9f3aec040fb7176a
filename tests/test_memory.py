import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.memory import Memory

BLANK = np.array([(-1, 0.5)], dtype=[("count", np.int64), ("value", np.float64)])
names = st.lists(st.integers(0, 150).map(lambda n: f"M{n}"), unique=True, max_size=40)


def _rows(counts) -> NDArray[np.void]:
    rows = np.repeat(BLANK, len(counts))
    rows["count"] = counts
    return rows


def test_a_ticker_never_seen_is_blank():
    assert Memory(BLANK).recall(["A", "B"]).tolist() == [(-1, 0.5), (-1, 0.5)]


def test_asking_for_nothing_gives_nothing():
    assert len(Memory(BLANK).recall([])) == 0


def test_what_is_recalled_is_a_copy():
    memory = Memory(BLANK)
    memory.keep(["A"], _rows([7]))

    memory.recall(["A"])["count"] = 8

    assert memory.recall(["A"])["count"].tolist() == [7]


def test_a_blank_row_is_not_spoilt_by_whoever_gets_it():
    memory = Memory(BLANK)

    memory.recall(["A"])["count"] = 8

    assert memory.recall(["A"])["count"].tolist() == [-1]


def test_the_longest_unseen_is_forgotten_first():
    memory = Memory(BLANK, capacity=2)
    memory.keep(["A", "B"], _rows([1, 2]))
    memory.keep(["A"], _rows([3]))
    memory.keep(["C"], _rows([4]))

    assert memory.recall(["A", "B", "C"])["count"].tolist() == [3, -1, 4]
    assert len(memory) == 2


def test_more_at_once_than_there_is_room_for_keeps_the_last():
    memory = Memory(BLANK, capacity=2)

    memory.keep(["A", "B", "C"], _rows([1, 2, 3]))

    assert memory.recall(["A", "B", "C"])["count"].tolist() == [-1, 2, 3]


def test_it_grows_with_what_it_has_to_remember():
    memory, tickers = Memory(BLANK), [f"M{n}" for n in range(200)]

    for start in (0, 100):
        memory.keep(tickers[start : start + 100], _rows(range(start, start + 100)))

    assert memory.recall(tickers)["count"].tolist() == list(range(200))


def test_a_memory_without_room_is_refused():
    with pytest.raises(ValueError, match="room for one ticker at least"):
        Memory(BLANK, capacity=0)


@given(st.lists(names, max_size=12), st.integers(1, 120))
def test_a_memory_is_a_bounded_dictionary_in_order_of_last_sight(batches, capacity):
    memory = Memory(BLANK, capacity)
    model: dict[str, int] = {}
    for stamp, batch in enumerate(batches):
        memory.keep(batch, _rows([stamp * 1000 + n for n in range(len(batch))]))
        for n, ticker in enumerate(batch):
            model.pop(ticker, None)
            model[ticker] = stamp * 1000 + n
        while len(model) > capacity:
            del model[next(iter(model))]

    everyone = [f"M{n}" for n in range(151)]
    assert len(memory) == len(model)
    assert memory.recall(everyone)["count"].tolist() == [model.get(t, -1) for t in everyone]
