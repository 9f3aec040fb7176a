"""Compared orders by category, on whichever process and after a restart."""

from decimal import Decimal

from bot.core.account.portfolio import Portfolio
from bot.core.events import TwinCompared
from bot.core.market.market import Side
from bot.core.market.twin import TwinFill
from bot.dashboard.twin_panel import TwinPanel
from bot.ports.persistence import Checkpoint, CommittedChanges
from tests.support.strategies import NOON, order


def compared(category: str, live: str = "10") -> TwinCompared:
    wish = order(Side.BUY, "10", "0.52")
    paper = TwinFill(Decimal(10), Decimal("0.50"), Decimal("0.10"))
    return TwinCompared(NOON, wish, category, TwinFill(Decimal(live), Decimal("0.51")), paper)


def test_before_the_first_there_is_nothing_and_it_says_why():
    assert "paper" in str(TwinPanel(is_live=False).view.reason)
    assert "no live order" in str(TwinPanel(is_live=True).view.reason)


def test_figures_are_of_all_and_by_category():
    panel = TwinPanel(is_live=True)
    panel.on_events([compared("Crypto"), compared("Crypto", "5"), compared("")])

    view = panel.view

    assert view.total is not None
    assert (view.total.orders, view.total.contracts) == (3, 30.0)
    assert [(one.category, one.orders) for one in view.categories] == [
        ("Crypto", 2),
        ("unknown", 1),
    ]
    assert view.categories[0].live_fill_rate == 0.75
    assert view.reason is None


def test_what_was_compared_comes_back_from_the_events_and_reaches_a_standby():
    panel, beside = TwinPanel(is_live=True), TwinPanel(is_live=True)
    events = (compared("Crypto"),)

    panel.restore(Checkpoint(1, Portfolio.of_cash(Decimal(1)), events=events))
    beside.catch_up(CommittedChanges(1, events))

    assert panel.view == beside.view
    assert panel.view.total is not None
