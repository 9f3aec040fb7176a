"""What settings and the model's card say together: thresholds, sizing, limits, grading."""

from typing import Final

from bot.app.node_context import Model
from bot.config import Settings
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.model.monitor import ModelMonitor
from bot.model.prediction_grader import GradeRules, PredictionGrader
from bot.signals.analyzer import Analyzer
from bot.trading.decision import TradeRules, Worth

#: Intervals after its horizon in which a prediction can still be graded.
GRADE_PATIENCE: Final = 1.5


def watch_over(model: Model, settings: Settings, capacity: int) -> Analyzer:
    """The rules that look at books, as the settings want them."""
    horizon = model.card.horizon if model.card else 0.0
    gates = Gates(least_seconds_to_close=max(Gates().least_seconds_to_close, horizon))
    return Analyzer(model, thresholds(settings, model), gates, WhaleRules(), capacity)


def thresholds(settings: Settings, model: Model) -> Thresholds:
    """Which scores enter and exit: what the settings say, and for the rest the model's card."""
    if model.card is None:
        return settings.thresholds
    is_live = settings.bot_mode == "live"
    return settings.over(model.card.live_thresholds if is_live else model.card.thresholds)


def trade_rules(settings: Settings, model: Model) -> TradeRules:
    """What decides about an order, as the settings and the model's card have it."""
    card = model.card
    worth = Worth(card.factor, card.horizon) if card else None
    return TradeRules(
        thresholds(settings, model),
        Sizing(settings.bot_order_size, settings.bot_max_slippage),
        settings.risk_limits,
        settings.min_edge,
        worth,
        settings.exit_rules,
        settings.patience,
        entries_rest=settings.bot_entry == "rest",
    )


def model_watch(model: Model, settings: Settings) -> ModelMonitor:
    """What grades the model."""
    card = model.card
    if card is None:
        return ModelMonitor(
            None, {}, PredictionGrader(GradeRules(0.0, 0.0, 0.0, settings.thresholds))
        )
    patience = GRADE_PATIENCE * settings.bot_interval
    exchange = settings.exchange_name
    rules = GradeRules(
        card.horizon, card.size, patience, thresholds(settings, model), exchange, card.version
    )
    return ModelMonitor(card.whole, card.drift, PredictionGrader(rules))
