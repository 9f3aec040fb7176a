"""Decisions over a recorded stream, to compare them."""

import hashlib
import itertools
from collections import Counter
from datetime import timedelta
from decimal import Decimal

from bot.backtest.tape_source import GRID
from bot.core.events import OrderEnded, SignalMade
from bot.core.market.fees import USUAL
from bot.core.market.market import Market, MarketStatus
from bot.core.market.money import ZERO
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.signals.analyzer import Analyzer
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.sim_exchanges import CLOSE, START
from tests.support.stream_clients import MARKETS
from tests.support.tapes import SizeScorer


class Watched:
    """Three markets that a tape would assume to be just so."""

    def __init__(self) -> None:
        self._markets = {
            ticker: Market(
                ticker=ticker,
                event_ticker=ticker,
                title=ticker,
                status=MarketStatus.ACTIVE,
                grid=GRID,
                open_time=START - timedelta(days=1),
                close_time=CLOSE,
                volume_24h=Decimal(1_000),
                open_interest=ZERO,
                fees=USUAL,
            )
            for ticker in MARKETS
        }

    async def refresh(self):
        """Nothing changes."""

    async def reread_held(self):
        """Nor do those held."""

    def hold(self, tickers):
        """All are watched."""

    def watched(self):
        return self._markets


def analyzer():
    return Analyzer(SizeScorer(), Thresholds(), Gates(), WhaleRules(), 10)


def trader():
    rules = TradeRules(Thresholds(), Sizing(Decimal(5), Decimal("0.01")), RiskLimits(), -100)
    return Trader(PaperVenue(), rules, Decimal(10_000), (f"o{n}" for n in itertools.count()))


def digest(events) -> tuple[str, Counter[str]]:
    """A hash of what was decided, whenever, and how often what.

    Scores to twelve digits: a sum of levels depends in the last on how wide the columns are.
    """
    found, kinds = hashlib.sha256(), Counter[str]()
    for event in events:
        if isinstance(event, SignalMade):
            kinds[event.action] += 1
            score = "none" if event.score is None else f"{event.score:.12f}"
            found.update(repr((event.ticker, event.action, score, event.price)).encode())
        elif isinstance(event, OrderEnded):
            kinds[event.execution.status] += 1
            fills = [(fill.price, fill.size, fill.fee) for fill in event.execution.fills]
            order = event.execution.order
            found.update(repr((order.ticker, order.side, order.limit, fills)).encode())
    return found.hexdigest(), kinds
