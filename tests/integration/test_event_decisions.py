"""Decisions between two cycles, when a streamed score crosses a threshold."""

from collections import Counter
from contextlib import nullcontext
from itertools import pairwise
from random import Random

import pytest

from bot.backtest.replay import Replay
from bot.core.events import SignalMade
from bot.core.market.market import Side
from bot.core.signals.strategy import Thresholds
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.event_decisions import EventDecisions
from bot.engine.ports import CycleParts
from bot.engine.unit_of_work import UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.market_data.trade_feed import TradeFeed
from bot.ports.persistence import NullStore
from bot.tape import reader
from bot.tape.stream_recorder import StreamRecorder
from tests.support.fakes import ListJournal, NoExaminer
from tests.support.feeds import Clock, Rest, Still
from tests.support.recorded_decisions import Watched, analyzer, digest, trader
from tests.support.stream_clients import MARKETS, Linked

#: Seconds between two beats, and how long a market lives here.
BEAT = 60
LENGTH = 300


class Market:
    """Three streamed markets in which a crowd acts, recorded, with decisions between the beats."""

    def __init__(self, folder, per_minute):
        self.linked, self.journal, self.chance = Linked(), ListJournal(), Random(8)
        clock, self.per_minute = Clock(self.linked), per_minute
        protocol = self.linked.protocol
        self.recorder = StreamRecorder(folder, protocol.store, clock, 100)
        protocol.listeners.append(self.recorder)
        feed = StreamedFeed(Rest(self.linked), protocol, Still(), clock, self.recorder)
        watch = analyzer()
        decisions = EventDecisions(feed, watch, Thresholds(), per_minute) if per_minute else None
        self.cycle = Cycle(
            CycleParts(
                data=feed,
                watchlist=Watched(),
                predict=watch,
                trader=trader(),
                examiner=NoExaminer(),
                unit_of_work=UnitOfWork(CommitQueue(NullStore()), self.journal),
                clock=clock,
                audience=self.recorder,
                trade_feed=TradeFeed(feed, watch.follows),
                event_decisions=decisions,
            )
        )

    async def live(self, seconds):
        for step in range(seconds * 4):
            for _ in range(self.chance.randrange(3)):
                self.linked.act(self.chance)
            self.linked.pass_time(0.25)
            if step % (BEAT * 4) == 0:
                await self.cycle.run()
            else:
                await self.cycle.decide_on_changes()
        await self.recorder.flush()

    def signals(self):
        return [event for event in self.journal.events if isinstance(event, SignalMade)]


async def test_between_two_beats_a_market_is_decided_upon_within_its_budget(tmp_path):
    market = Market(tmp_path, per_minute=12)
    await market.live(LENGTH)

    beats = LENGTH // BEAT
    times = {t: [s.at for s in market.signals() if s.ticker == t] for t in MARKETS}
    assert all(len(found) > 2 * beats for found in times.values())
    gaps = [(b - a).total_seconds() for found in times.values() for a, b in pairwise(found)]
    # A beat comes when it is due, whatever was decided a moment ago.
    assert sum(gap < 5 for gap in gaps) <= beats * len(MARKETS)
    assert max(len(found) for found in times.values()) <= beats * (12 + 1)


async def test_off_there_is_no_decision_but_those_of_the_beats(tmp_path):
    market = Market(tmp_path, per_minute=0)
    await market.live(LENGTH)

    assert len(market.signals()) == LENGTH // BEAT * len(MARKETS)


async def test_a_recording_with_decisions_between_the_beats_replays_the_same(tmp_path):
    market = Market(tmp_path, per_minute=12)
    await market.live(LENGTH)
    was, kinds = digest(market.journal.events)

    journal = ListJournal()
    run = Replay(reader.read(tmp_path), analyzer(), trader(), journal)
    async for _ in run.run(0.001):
        pass
    again, _ = digest(journal.events)

    assert again == was
    assert kinds["filled"] + kinds["partially_filled"] > 3


async def test_a_score_that_stays_between_its_thresholds_is_not_decided_upon_again(tmp_path):
    market = Market(tmp_path, per_minute=60)
    await market.live(3 * BEAT + 1)
    before = Counter(signal.ticker for signal in market.signals())

    for _ in range(40):
        # Far from the best prices, and too small to move a score across anything.
        market.linked.place(Side.BUY, 0.01, 1)
        market.linked.pass_time(0.25)
        await market.cycle.decide_on_changes()

    assert Counter(signal.ticker for signal in market.signals()) == before


@pytest.mark.parametrize("is_busy", [False, True])
async def test_while_a_pass_is_at_work_nothing_is_decided_beside_it(tmp_path, is_busy):
    market = Market(tmp_path, per_minute=60)
    await market.live(3 * BEAT + 1)
    before = len(market.signals())

    async with market.cycle._busy if is_busy else nullcontext():
        for _ in range(30):
            for _ in range(5):
                market.linked.act(market.chance)
            market.linked.pass_time(1)
            await market.cycle.decide_on_changes()

    assert (len(market.signals()) == before) is is_busy
