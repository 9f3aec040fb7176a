"""What an event can lose at worst is what the worst of its outcomes loses, tried one by one."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO
from bot.core.risk.checks import Place
from bot.core.risk.exclusive import Stake, worst_loss
from bot.core.risk.limits import RiskLimits
from bot.core.risk.review import Approved, review
from tests.support.risk_accounts import risk_account, shown_book
from tests.support.strategies import fill, order, prices, scaled

sizes = scaled(-500, 500, 0).filter(bool)
stakes = st.lists(
    st.builds(lambda size, price: Stake(size, abs(size) * price), sizes, prices), max_size=6
)


def _lost(stakes, winner):
    """The loss if the market of this place pays; none does if it is beyond the last."""
    paid = ZERO
    for place, stake in enumerate(stakes):
        pays = ONE if place == winner else ZERO
        paid += stake.size * pays if stake.size > 0 else -stake.size * (ONE - pays)
    return sum((stake.cost for stake in stakes), ZERO) - paid


@given(stakes)
def test_the_worst_outcome_is_found_without_trying_all(held):
    tried = [_lost(held, winner) for winner in range(len(held) + 1)]

    assert worst_loss(held) == max(*tried, ZERO)
    assert worst_loss(held) <= sum((stake.cost for stake in held), ZERO)


def test_two_shorts_of_one_event_cannot_both_be_lost():
    shorts = [Stake(Decimal(-100), Decimal(60)), Stake(Decimal(-100), Decimal(70))]

    assert worst_loss(shorts) == 30


def _verdict(*, is_exclusive, known=True):
    place = {"B": Place("EVENT", None, is_exclusive=is_exclusive)} if known else {}
    held = replace(risk_account(fill(Side.SELL, 100, "0.40", ticker="B")), places=place)
    limits = RiskLimits(max_event_exposure=Decimal(80))
    shown = shown_book(event_ticker="EVENT", is_exclusive=is_exclusive)
    return review(order(Side.SELL, 100, "0.48"), shown, held, limits)


def test_the_limit_of_an_event_counts_its_worst_outcome():
    # $60 and $52 were paid; whichever market pays, the other one brings $100 back.
    assert isinstance(_verdict(is_exclusive=True), Approved)
    assert _verdict(is_exclusive=False).rule == "event_exposure"


def test_what_is_not_known_to_exclude_the_others_can_be_lost_with_them():
    assert _verdict(is_exclusive=True, known=False).rule == "event_exposure"
