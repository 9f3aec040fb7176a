"""Exits that rest at the other side of the spread instead of taking at once.

An exit that a score asked for may wait for somebody who crosses the spread to it, as long as its
patience lasts; every other exit takes. Leaves out how orders are sent (`trader`) and what becomes
of one that rests (`working_orders`).
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.core.account.round_trips import FORCED, in_words
from bot.core.events import Action
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Dollars, cents
from bot.core.market.working import WorkingOrder
from bot.core.risk.checks import Shown
from bot.core.risk.limits import Stop
from bot.core.signals.strategy import Thresholds, action
from bot.trading.decision import Decision

#: Seconds before the close of a market from which on nothing rests in it.
TAKE_BEFORE_CLOSE: Final = 60.0
NO_EXIT: Final = "the score asks for the position again"
NO_PREDICTION: Final = "there is no prediction"


@dataclass(frozen=True, slots=True)
class RestPlan:
    """Where an order of a side rests, in YES dollars; None with `why` if none does."""

    price: Dollars | None
    why: str = ""
    side: Side | None = None


class RestingExits:
    """Where exits rest, and since when; without `patience` (seconds) every exit takes."""

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self._since: dict[str, datetime] = {}
        self._barred: dict[str, str] = {}

    @property
    def may_rest(self) -> bool:
        """Whether any exit rests."""
        return self._patience is not None

    def bar(self, ticker: str, why: str) -> None:
        """The exit of what is held there must not rest any more, for that: it takes."""
        self._barred.setdefault(ticker, why)

    def pursued(self, ticker: str, decision: Decision, thresholds: Thresholds) -> Decision:
        """The decision, or to exit as was begun; a score that would enter again ends that.

        Otherwise each score that just left the exit zone would begin all the waiting anew.
        """
        if ticker not in self._since or decision.score is None or not decision.before:
            return decision
        wanted = Action.ENTER_LONG if decision.before > 0 else Action.ENTER_SHORT
        if action(decision.score, ZERO, thresholds) is wanted:
            del self._since[ticker]
            return decision
        return decision._replace(action=Action.EXIT)

    def plan(self, at: datetime, decision: Decision, shown: Shown, stop: Stop | None) -> RestPlan:
        """Whether what was decided may rest; `stop` is what keeps entries from being sent."""
        if decision.action is not Action.EXIT:
            return RestPlan(None, NO_PREDICTION if decision.score is None else NO_EXIT)
        why = self._hurry(at, decision, shown) or (stop.reason if stop else "")
        if why or self._patience is None:
            return RestPlan(None, why)
        held = Side.of(decision.before)
        levels = shown.book.against(held)
        if not levels:
            return RestPlan(None, "nobody to rest beside")
        return RestPlan(levels[0].price, side=held.opposite)

    def rested(self, at: datetime, ticker: str) -> None:
        """An exit rests there; its patience began with the first order of it."""
        self._since.setdefault(ticker, at)

    @property
    def waiting(self) -> AbstractSet[str]:
        """The markets whose exits have begun to wait."""
        return self._since.keys()

    def forget(self, held: Collection[str]) -> None:
        """Only what is held can be exited."""
        self._since = {ticker: at for ticker, at in self._since.items() if ticker in held}
        self._barred = {ticker: why for ticker, why in self._barred.items() if ticker in held}

    def _hurry(self, at: datetime, decision: Decision, shown: Shown) -> str:
        """Why the exit cannot wait; '' if it can."""
        if decision.cause in FORCED:
            return in_words(decision.cause)
        if why := self._barred.get(shown.market.ticker):
            return why
        left = (shown.market.close_time - at).total_seconds()
        if left <= TAKE_BEFORE_CLOSE:
            return f"the market closes in {left:.0f} s"
        since = self._since.get(shown.market.ticker)
        waited = (at - since).total_seconds() if since else 0.0
        if self._patience is not None and waited >= self._patience:
            return f"not filled within {self._patience:g} s"
        return ""


def withdrawal(working: WorkingOrder, plan: RestPlan) -> str | None:
    """Why an order does not rest on as it is; None if it does.

    One that nobody undercuts keeps its place, whatever the price beside it does.
    """
    if plan.price is None:
        return plan.why or "an exit is due"
    if plan.side is not working.order.side:
        return "the score asks for the other side"
    if plan.price == working.order.limit or working.last.is_best:
        return None
    return f"re-priced to {cents(plan.price):g} c"
