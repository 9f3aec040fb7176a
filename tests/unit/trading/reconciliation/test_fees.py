"""What was charged against what was reckoned with: the first difference in a series is said."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.events import Noted, NoteKind, OrderEnded, TwinCompared
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.trading.reconciliation.fees import FeeCheck
from tests.support.strategies import NOON
from tests.support.trading import Desk, only


async def bought():
    """A market and an order that took two levels of its book."""
    desk = Desk()
    events = await desk.run(0.9)
    (ended,) = only(events, OrderEnded)
    assert ended.execution.fills
    return desk.markets["A"], ended.execution


def charged(execution, more):
    first, *others = execution.fills
    return replace(execution, fills=(replace(first, fee=first.fee + Decimal(more)), *others))


async def test_what_the_formula_says_is_no_news():
    market, execution = await bought()

    assert FeeCheck().differs(NOON, market, execution) is None
    assert FeeCheck().differs(NOON, market, charged(execution, "0.0001")) is None


@pytest.mark.parametrize("more", ["0.01", "-0.01"])
async def test_another_fee_is_said_with_both_numbers_once_a_series(more):
    market, execution = await bought()
    market = replace(market, series_ticker="KXS")
    check, odd = FeeCheck(), charged(execution, more)

    note = check.differs(NOON, market, odd)

    fee = sum(fill.fee for fill in odd.fills)
    assert note is not None
    assert note.kind is NoteKind.FEE_DIFFERED
    assert note.message.startswith(f"KXS charges other fees than reckoned with: ${fee.normalize()}")
    assert f"${sum(f.fee for f in execution.fills).normalize():f} by its formula" in note.message
    assert check.differs(NOON, market, odd) is None
    assert check.differs(NOON, replace(market, series_ticker="KXT"), odd) is not None


async def test_where_the_formula_is_not_known_there_is_nothing_to_compare():
    market, execution = await bought()
    odd = charged(execution, "1")

    for fees in (None, FeeSchedule(FeeKind.UNKNOWN, Decimal(1))):
        assert FeeCheck().differs(NOON, replace(market, fees=fees), odd) is None


async def test_a_pass_notes_it():
    desk = Desk()
    # What the exchange charges is another formula than the one that is known.
    desk.venue.before = lambda _: None
    paper = desk.venue.paper.submit

    async def dearer(approved):
        return charged(await paper(approved), "0.5")

    desk.venue.paper.submit = dearer  # type: ignore[method-assign]  # an exchange of its own

    events = await desk.run(0.9)

    assert [note.kind for note in only(events, Noted)] == [NoteKind.FEE_DIFFERED]


# The paper twin


@pytest.mark.parametrize("compares", [True, False])
async def test_an_order_is_compared_with_its_paper_twin_where_that_is_wanted(compares):
    desk = Desk()
    desk.trader._compares = compares

    events = await desk.run(0.9)

    (ended,) = only(events, OrderEnded)
    found = only(events, TwinCompared)
    assert [one.order for one in found] == ([ended.execution.order] if compares else [])
    for one in found:
        # The venue here trades what the book shows, as paper does.
        assert one.live == one.paper
        assert one.live.size == ended.execution.filled
