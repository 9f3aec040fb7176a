"""What was recorded live, replayed: the same books lead to the same signals, orders and fills."""

import hashlib
import itertools
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from random import Random

from bot.backtest.replay import Replay
from bot.backtest.tape_source import FEES, GRID
from bot.core.events import OrderEnded, SignalMade
from bot.core.market.market import Market, MarketStatus
from bot.core.market.money import ZERO
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.engine.cycle import Cycle
from bot.engine.ports import CycleParts
from bot.engine.unit_of_work import UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.ports.persistence import NullStore
from bot.signals.analyzer import Analyzer
from bot.tape import reader
from bot.tape.stream_recorder import StreamRecorder
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.fakes import ListJournal, NoExaminer
from tests.support.sim_exchanges import CLOSE, START
from tests.support.stream_clients import MARKETS, Linked
from tests.support.tapes import SizeScorer
from tests.unit.kalshi.test_feed import Clock, Rest, Still

BEATS = 120


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
                fees=FEES,
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


async def live(folder) -> ListJournal:
    """A cycle over a stream that fails now and then, recorded."""
    linked, chance, journal = Linked(), Random(8), ListJournal()
    recorder = StreamRecorder(folder, linked.protocol.store, Clock(linked), 100)
    linked.protocol.listeners.append(recorder)
    feed = StreamedFeed(Rest(linked), linked.protocol, Still(), Clock(linked), recorder)
    parts = CycleParts(
        data=feed,
        watchlist=Watched(),
        predict=analyzer(),
        trader=trader(),
        examiner=NoExaminer(),
        keeper=UnitOfWork(NullStore(), journal),
        clock=Clock(linked),
        audience=recorder,
    )
    cycle = Cycle(parts)
    for beat in range(BEATS):
        for _ in range(chance.randrange(8)):
            linked.act(chance)
        linked.pass_time(2)
        if beat % 40 == 20:
            linked.cut()
        if beat % 40 == 23:
            linked.connect()
        await cycle.run()
    await recorder.flush()
    return journal


async def replayed(folder) -> ListJournal:
    journal = ListJournal()
    run = Replay(reader.read(folder), analyzer(), trader(), journal)
    async for _ in run.run(1.0):
        pass
    return journal


async def test_a_recording_replayed_decides_as_the_bot_did(tmp_path):
    was, kinds = digest((await live(tmp_path)).events)
    again, _ = digest((await replayed(tmp_path)).events)

    assert again == was
    assert kinds["hold"] > 100
    assert kinds["filled"] + kinds["partially_filled"] > 3
