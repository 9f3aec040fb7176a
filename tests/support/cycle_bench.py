"""A cycle with fakes around it."""

import itertools
from decimal import Decimal

from bot.core.market.orderbook import OrderBook
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.ports import CycleParts
from bot.engine.unit_of_work import UnitOfWork
from bot.ports.persistence import NullStore
from bot.signals.analyzer import Analyzer
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.fakes import FakeExchange, FakeScorer, HandClock, ListJournal, Nobody, NoExaminer
from tests.support.strategies import ladder, open_market

BOOK = OrderBook(
    bids=ladder(("0.52", 300), ("0.51", 500)), asks=ladder(("0.53", 300), ("0.54", 500))
)


CASH = Decimal(10_000)


class Bench:
    """A cycle over one or more markets with the same book; opinions and failures by hand."""

    def __init__(self, *tickers, limits=None, size=100, chunk=50, **decision):
        self.clock = HandClock()
        self.exchange = FakeExchange(self.clock)
        for ticker in tickers or ("A",):
            self.exchange.list(open_market(ticker, event_ticker=f"E-{ticker}"), BOOK)
        self.scorer = FakeScorer()
        self.journal = ListJournal()
        self.audience = Nobody()
        self.examiner = NoExaminer()
        thresholds = Thresholds()
        rules = TradeRules(
            thresholds, Sizing(Decimal(size), Decimal("0.01")), limits or RiskLimits(), **decision
        )
        ids = (f"o{number}" for number in itertools.count(1))
        self.trader = Trader(PaperVenue(), rules, CASH, ids)
        self.commits = CommitQueue(NullStore())
        gates = Gates(fewest_observations=0)
        watch = Analyzer(self.scorer, thresholds, gates, WhaleRules(), 100)
        self.cycle = Cycle(
            CycleParts(
                data=self.exchange,
                watchlist=self.exchange,
                predict=watch,
                trader=self.trader,
                examiner=self.examiner,
                unit_of_work=UnitOfWork(self.commits, self.journal),
                clock=self.clock,
                audience=self.audience,
                chunk=chunk,
            )
        )

    def commit_with(self, state):
        """Show and commit this with each pass from now on."""
        self.cycle._unit_of_work = UnitOfWork(self.commits, self.journal, state)

    async def run(self, opinion=None, *, cycles=1):
        """Cycles with that opinion; the events of them alone, and the last fault."""
        self.scorer.opinion = opinion
        self.journal.events.clear()
        fault = None
        for _ in range(cycles):
            self.clock.pass_by(10)
            fault = await self.cycle.run()
        return fault

    def position(self, ticker="A"):
        return self.trader.portfolio.size(ticker)
