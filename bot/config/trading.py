"""Settings of trading: mode, pace, size, thresholds and exits."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import NoDecode

from bot.config.field_types import Amount, AnyPath, Count, Share
from bot.core.risk.exit_rules import ExitRules
from bot.core.signals.strategy import Thresholds

#: Thresholds where no card gives any.
FROM_CARD = Thresholds(exit_low=0.5, exit_high=0.5)
#: An entry of the card is at least so far beyond an exit that is set.
_BEYOND = 0.01
#: Seconds before a close from which on positions are exited, unless something else is set.
LEAST_BEFORE_CLOSE = 120.0
#: Seconds between two cycles at most where real orders rest: by itself one does for three.
SLOWEST_RESTING = 40
#: Seconds between two cycles from which on what rests is decided about too seldom to say nothing.
SWIFT = 5


class TradingSettings(BaseModel):
    """What is traded, how often, and at which scores."""

    bot_mode: Literal["paper", "live"] = Field(
        "paper",
        description="`paper` = simulated trades over real books; `live` = real orders with real "
        "money",
    )
    live_confirm: str = Field(
        "",
        description="Typed by hand before real orders are sent: `real money at HOST`, with the "
        "host they go to, or `demo` for Kalshi's demo; not asked for an exchange on this machine",
    )
    live_allow: Annotated[tuple[Literal["transfer", "local-database"], ...], NoDecode] = Field(
        (),
        description="What real money is not trusted with unless it is named here, comma "
        "separated: `transfer` = a key that may move cash, `local-database` = an account kept in "
        "a file in `LOG_DIR`",
    )
    foreign: Literal["stop", "respect"] = Field(
        "stop",
        description="Positions on a live account that are not the bot's: `stop` = nothing is "
        "entered until they are gone or adopted; `respect` = they are kept apart, and markets "
        "where other hands hold something or have orders are not entered",
    )
    bot_enabled: bool = Field(
        True,
        description="Start the loop with the service, until `/bot/start` or `/bot/stop` is "
        "used: that counts from then on",
    )
    bot_interval: int = Field(
        60,
        ge=1,
        le=86_400,
        description="Seconds between cycles; above 60 no shipped model looks far enough ahead "
        "and every signal holds",
    )
    bot_markets: int = Field(
        20, ge=1, le=1_000, description="Markets watched: the top by 24-hour volume"
    )
    bot_event_decisions: int = Field(
        0,
        ge=0,
        le=60,
        description="Decisions per market and minute between two cycles, when a streamed score "
        "crosses a threshold; 0 leaves all to the cycles",
    )
    bot_order_size: Count = Field(Decimal(100), description="Contracts per entry")
    bot_max_slippage: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=4)] = Field(
        Decimal("0.01"), description="Dollars a limit may lie beyond the best price"
    )
    bot_enter_above: Share | None = Field(
        None,
        description="Enter long, and show BUY, from this score up; if empty, as the model's "
        "card says for the kind of market: about a tenth of its predictions",
    )
    bot_enter_below: Share | None = Field(
        None,
        description="Enter short, and show SELL, from this score down; if empty, as the model's "
        "card says",
    )
    bot_exit_low: Share | None = Field(
        None, description="A short is closed from this score up; if empty, 0.5"
    )
    bot_exit_high: Share | None = Field(
        None, description="A long is closed from this score down; if empty, 0.5"
    )
    bot_min_edge: Annotated[float, Field(ge=-100, le=100)] | None = Field(
        None,
        description="Cents per contract an entry must be expected to earn after spread and "
        "fees; if empty, 0 in live mode and not asked in paper mode, where every "
        "signal trades for practice. -100 trades on every signal",
    )
    bot_exit_before_close: Annotated[float, Field(ge=0, le=86_400)] | None = Field(
        None,
        description="Seconds before a market's close at which a position is exited, whatever "
        "the model says: at least `BOT_INTERVAL`; if empty, 120 or two intervals, whichever is "
        "more; 0 is never",
    )
    bot_entry: Literal["take", "rest"] = Field(
        "take",
        description="take = entries cross the spread; rest = with `BOT_INTERVAL` up to 40, they "
        "wait post-only beside the best price of their own side for as long as the score asks",
    )
    bot_exit: Literal["take", "rest"] = Field(
        "take",
        description="take = exits cross the spread; rest = those a score asks for wait at the "
        "other side of it, post-only; in live mode `BOT_INTERVAL` is then 40 at most",
    )
    bot_exit_patience: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30.0,
        description="Seconds an exit rests before it takes, with `BOT_EXIT=rest`; at least "
        "`BOT_INTERVAL`",
    )
    bot_stop_loss: Annotated[Decimal, Field(gt=0, lt=100, decimal_places=4)] | None = Field(
        None,
        description="Cents a contract: a position is exited when closing it now would fetch so "
        "much less than it cost, before fees; if empty, never",
    )
    paper_cash: Amount = Field(
        Decimal(10_000),
        description="Dollars a new paper account begins with; one that exists keeps its cash",
    )
    model_path: AnyPath | None = Field(
        None,
        description="The model; its card lies beside it as `.json`. If empty, the one in "
        "`models/` that suits `BOT_INTERVAL`",
    )

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        bands = self._bands(FROM_CARD.enter_above, FROM_CARD.enter_below, FROM_CARD)
        if not bands[1] < bands[2] <= bands[3] < bands[0]:
            raise ValueError(
                "BOT_ENTER_BELOW < BOT_EXIT_LOW <= BOT_EXIT_HIGH < BOT_ENTER_ABOVE must hold, "
                f"got {', '.join(str(bands[place]) for place in (1, 2, 3, 0))}"
            )
        return self

    @model_validator(mode="after")
    def _close_is_not_missed(self) -> Self:
        seconds = self.bot_exit_before_close
        if seconds and seconds < self.bot_interval:
            raise ValueError(
                f"BOT_EXIT_BEFORE_CLOSE ({seconds:g}) must be at least BOT_INTERVAL "
                f"({self.bot_interval}): a market could close between two cycles"
            )
        return self

    @model_validator(mode="after")
    def _entries_can_rest(self) -> Self:
        if self.bot_entry == "rest" and self.bot_interval > SLOWEST_RESTING:
            raise ValueError(
                f"BOT_ENTRY: 'rest' needs BOT_INTERVAL ({self.bot_interval}) to be at most "
                f"{SLOWEST_RESTING}: what rests has to be looked after"
            )
        return self

    @model_validator(mode="after")
    def _exits_can_rest(self) -> Self:
        if self.bot_exit == "take":
            return self
        if self.bot_mode == "live" and self.bot_interval > SLOWEST_RESTING:
            raise ValueError(
                f"BOT_EXIT: 'rest' needs BOT_INTERVAL ({self.bot_interval}) to be at most "
                f"{SLOWEST_RESTING} in live mode: what rests there has to be prolonged by each "
                "cycle, and must not outlive a process that died for longer than two minutes"
            )
        if self.bot_exit_patience < self.bot_interval:
            raise ValueError(
                f"BOT_EXIT: 'rest' needs BOT_EXIT_PATIENCE ({self.bot_exit_patience:g}) to be at "
                f"least BOT_INTERVAL ({self.bot_interval}): what rests has to be looked after"
            )
        return self

    @property
    def thresholds(self) -> Thresholds:
        """Which scores enter and exit where there is no model to say so."""
        return self.over(FROM_CARD)

    def over(self, card: Thresholds) -> Thresholds:
        """Which scores enter and exit: what is set here, and for the rest the card of the model.

        An entry of the card never lies inside an exit band that is set: it moves beyond it.
        """
        kinds = {name: self._bands(*entry, card)[:2] for name, entry in card.kinds.items()}
        return Thresholds(*self._bands(card.enter_above, card.enter_below, card), kinds)

    def _bands(
        self, above: float, below: float, card: Thresholds
    ) -> tuple[float, float, float, float]:
        """The scores that enter long and short, and those that end a short and a long."""
        low, high = self.bot_exit_low, self.bot_exit_high
        if low is None:
            low = card.exit_low if high is None else min(card.exit_low, high)
        if high is None:
            high = max(card.exit_high, low)
        enter_above, enter_below = self.bot_enter_above, self.bot_enter_below
        if enter_above is None:
            enter_above = max(above, min(high + _BEYOND, 1.0))
        if enter_below is None:
            enter_below = min(below, max(low - _BEYOND, 0.0))
        return enter_above, enter_below, low, high

    @property
    def min_edge(self) -> float | None:
        """Cents an entry must be expected to earn; None where that is not asked.

        On paper trades are for practice and every one is graded; real money has to expect to earn.
        """
        if self.bot_min_edge is None and self.bot_mode == "live":
            return 0.0
        return self.bot_min_edge

    @property
    def resting_warning(self) -> str | None:
        """What to know of orders that rest before they do; None where none does, or for nothing."""
        rests = self.bot_exit == "rest" or self.bot_entry == "rest"
        if rests and self.bot_interval > SWIFT:
            slow = f"what rests is decided about every {self.bot_interval} s alone"
            return f"BOT_INTERVAL: {slow}; {SWIFT} s or less suit orders that rest"
        if self.bot_exit == "rest" and self.bot_mode == "live":
            risk = "an exit that rests cannot be reduce-only at Kalshi"
            return f"BOT_EXIT: {risk}: let nobody else trade this account"
        return None

    @property
    def patience(self) -> float | None:
        """Seconds for which an exit rests; None where exits take."""
        return self.bot_exit_patience if self.bot_exit == "rest" else None

    @property
    def exit_rules(self) -> ExitRules:
        """What ends a position whatever its score."""
        return ExitRules(self._before_close, self.bot_stop_loss)

    @property
    def _before_close(self) -> float | None:
        """Seconds before the close at which a position is exited; None for never.

        Two cycles at least fall into the default: one of them may find nobody to trade with.
        """
        if self.bot_exit_before_close is None:
            return max(LEAST_BEFORE_CLOSE, 2.0 * self.bot_interval)
        return self.bot_exit_before_close or None
