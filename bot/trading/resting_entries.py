"""Entries that rest at their own side of the spread instead of taking at once.

One waits beside the best price for as long as the score asks for it, never takes, and what it
traded is not added to. Leaves out how orders are sent (`trader`) and what becomes of one that rests
(`working_orders`).
"""

from datetime import datetime
from typing import Final

from bot.core.events import Action
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orders import Aim
from bot.core.market.working import WorkingOrder
from bot.core.risk.checks import Shown
from bot.core.signals.strategy import Thresholds, action
from bot.trading.decision import ENTRIES, Decision
from bot.trading.resting_exits import RestPlan

NO_ENTRY: Final = "the score asks for no entry any more"
_SIDES: Final = {Action.ENTER_LONG: Side.BUY, Action.ENTER_SHORT: Side.SELL}


class RestingEntries:
    """Where entries rest, if they do; nothing rests in the last `before_close` seconds."""

    def __init__(self, *, rests: bool, before_close: float) -> None:
        self.rests = rests
        self._before_close = before_close

    def pursued(
        self, decision: Decision, working: WorkingOrder | None, thresholds: Thresholds
    ) -> Decision:
        """The decision, or to enter as was begun, if some of that has traded already."""
        is_entry = working is not None and working.order.aim is Aim.ENTER
        if not is_entry or not decision.before or decision.action is not Action.HOLD:
            return decision
        wanted = action(decision.score, ZERO, thresholds)
        is_more = _SIDES.get(wanted) is Side.of(decision.before)
        return decision._replace(action=wanted) if is_more else decision

    def plan(self, at: datetime, decision: Decision, shown: Shown) -> RestPlan:
        """Where what was decided rests; without a price it does not."""
        side = _SIDES.get(decision.action)
        if side is None:
            held_back = decision.score is None or decision.stop is not None
            return RestPlan(None, decision.reason if held_back else NO_ENTRY)
        left = (shown.market.close_time - at).total_seconds()
        if self.rests and left <= self._before_close:
            return RestPlan(None, f"the market closes in {left:.0f} s")
        levels = shown.book.against(side.opposite) if self.rests else ()
        return RestPlan(levels[0].price if levels else None, "nobody to rest beside", side)

    def sends(self, decision: Decision, plan: RestPlan) -> bool:
        """Whether an entry is sent now: at rest, or one that takes where entries do."""
        return decision.action in ENTRIES and (plan.price is not None or not self.rests)
