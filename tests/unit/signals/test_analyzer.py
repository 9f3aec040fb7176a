"""What is remembered of each market survives a restart to the last bit; parts join to a whole."""

from dataclasses import fields, is_dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.market.orderbook import Books, OrderBook
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales.thresholds import ImbalanceRules, LargeOrderRules, SweepRules, WhaleRules
from bot.ports.persistence import Checkpoint
from bot.signals.analyzer import Analyzer
from bot.signals.observations import joined
from tests.support.fakes import FakeScorer
from tests.support.strategies import SEEN_AT, ladder

#: So lively that every part of the memory changes within a few books.
RULES = WhaleRules(
    LargeOrderRules(least_samples=1, sample_seconds=1.0, rest_seconds=0.0),
    SweepRules(least_history=2.0),
    imbalance=ImbalanceRules(rest_seconds=0.0, least_history=2.0, least_depth=1.0),
)

LARGE = OrderBook(ladder(("0.50", 5_000)), ladder(("0.52", 60)))
PLAIN = OrderBook(ladder(("0.50", 60)), ladder(("0.52", 60)))

APPEARS, VANISHES = [PLAIN, PLAIN, LARGE], [PLAIN, PLAIN, LARGE, PLAIN, PLAIN]


def watch():
    return Analyzer(FakeScorer(0.7), Thresholds(), Gates(fewest_observations=0), RULES)


def books(moment, **shown):
    return Books.of([(ticker, SEEN_AT + moment, book) for ticker, book in shown.items()])


def look(eyes, batch):
    return eyes.predict(batch, np.full(len(batch), 3_600.0))


def same(one, other):
    """Whether two values are equal, NaN counting as itself."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return one == other


@st.composite
def shown(draw):
    """A book of a few levels, now and then with a large one, or with an empty side."""
    mid = draw(st.integers(20, 80))
    size = st.sampled_from([40, 60, 900, 5_000])

    def side(first, step):
        return ladder(*[(str(Decimal(first + step * n).scaleb(-2)), draw(size)) for n in range(4)])

    bids, asks = side(mid, -1), side(mid + 2, 1)
    return OrderBook(bids if draw(st.integers(0, 9)) else (), asks)


passes = st.lists(
    st.dictionaries(st.sampled_from("ABCD"), shown(), min_size=1), min_size=2, max_size=12
)


@settings(max_examples=40)
@given(passes, st.data())
def test_a_restored_watch_judges_all_further_books_alike(batches, data):
    stop = data.draw(st.integers(0, len(batches)))
    first, checkpoint = watch(), dict[str, bytes]()
    for moment, batch in enumerate(batches[:stop]):
        look(first, books(5 * moment, **batch))
        checkpoint |= {
            state_record.key: state_record.body
            for state_record in first.state_records()
            if state_record.body is not None
        }
    second = watch()
    second.restore(
        Checkpoint(stop, Portfolio.of_cash(Decimal(1)), state_records={"watch": checkpoint})
    )

    assert second.state_records() == []
    assert second.follows("ABCD") == first.follows("ABCD")
    for moment, batch in enumerate(batches[stop:], start=stop):
        here = books(5 * moment, **batch)
        assert same(look(first, here), look(second, here))
        assert first.state_records() == second.state_records()


def test_whales_are_seen_in_what_the_property_is_tried_on():
    eyes = watch()
    for moment, book in enumerate(APPEARS):
        predictions = look(eyes, books(5 * moment, A=book))

    assert [whale.ticker for whale in predictions.seen.whales] == ["A"]
    assert [ticker for ticker, _ in eyes.follows("AB")] == ["A"]


def test_one_memo_a_market_tells_all_that_is_remembered():
    eyes = watch()
    look(eyes, books(0, A=PLAIN, B=PLAIN))
    assert sorted(
        (state_record.kind, state_record.key) for state_record in eyes.state_records()
    ) == [
        ("watch", "A"),
        ("watch", "B"),
    ]

    look(eyes, books(5, B=PLAIN))

    (state_record,) = eyes.state_records()
    assert state_record.key == "B"
    assert len(state_record.body or b"") < 5_000


def observed(rows, story):
    """What is seen of some of four markets in the last books of a story; A and C have it."""
    eyes = watch()
    for moment, book in enumerate(story):
        whole = books(5 * moment, A=book, B=PLAIN, C=book, D=PLAIN).take(np.array(rows))
        seen = eyes.observe(whole, np.full(len(rows), 3_600.0))
    return seen


@pytest.mark.parametrize("places", [([0, 2], [1, 3]), ([3, 1], [2, 0]), ([0, 1, 2, 3],)])
@pytest.mark.parametrize(("story", "whales", "endings"), [(APPEARS, 2, 0), (VANISHES, 0, 2)])
def test_parts_join_to_the_whole(places, story, whales, endings):
    whole = observed([0, 1, 2, 3], story)
    parts = [observed(place, story) for place in places]

    assert (len(whole.whales), len(whole.endings)) == (whales, endings)
    assert same(joined(whole.books, parts, [np.array(place) for place in places]), whole)


@pytest.mark.parametrize("rows", [[0, 1], [1, 2, 3], [0, 2]])
@pytest.mark.parametrize("story", [APPEARS, VANISHES])
def test_a_part_of_the_whole_is_what_is_seen_of_that_part_alone(rows, story):
    whole = watch().predicted(observed([0, 1, 2, 3], story))

    part = whole.take(np.array(rows))

    assert same(part, watch().predicted(observed(rows, story)))
