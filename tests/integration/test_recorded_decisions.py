"""What was recorded live, replayed: the same books lead to the same signals, orders and fills."""

from random import Random

from bot.backtest.replay import Replay
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.ports import CycleParts
from bot.engine.unit_of_work import UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.ports.persistence import NullStore
from bot.tape import reader
from bot.tape.stream_recorder import StreamRecorder
from tests.support.fakes import ListJournal, NoExaminer
from tests.support.feeds import Clock, Rest, Still
from tests.support.recorded_decisions import Watched, analyzer, digest, trader
from tests.support.stream_clients import Linked

BEATS = 120


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
        unit_of_work=UnitOfWork(CommitQueue(NullStore()), journal),
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
