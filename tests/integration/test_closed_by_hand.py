"""Out by hand: on any process, stopped or not, over restarts, on paper and at the exchange."""

import pytest

from bot.app.bootstrap import running
from bot.core.market.orderbook import OrderBook
from bot.sim.engine.units import size_contracts
from tests.support.services import BOOK, TICKERS, held, in_lead, place, until
from tests.support.strategies import ladder

ONE_SIDED = OrderBook(bids=(), asks=ladder(("0.50", 400)))


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


async def enter(here, service):
    here.scorer.opinion = 0.9
    await until(lambda: len(held(service)) == len(TICKERS))


def timeline(service):
    return [(one.ticker, one.details) for one in service.service.bot.recent.timeline]


@pytest.mark.parametrize("stops", [False, True])
async def test_one_position_is_closed_and_the_others_stay_also_while_stopped(here, stops):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
        if stops:
            await service.control.stop()

        await service.exits.close("KXA")
        await until(lambda: "KXA" not in held(service))

        assert set(held(service)) == {"KXB", "KXC"}
        await until(lambda: service.snapshot_holder.status.positions_count == 2)
        await until(lambda: any("closed by hand" in text for _, text in timeline(service)))
        assert service.snapshot_holder.status.running is not stops
        await until(lambda: not service.snapshot_holder.status.closing)
        (decision,) = [d for d in service.decisions.of("KXA", 99) if "by hand" in d.reason]
        assert decision.action == "exit"
        kinds = [one.kind for one in service.service.bot.recent.notices]
        assert "CLOSE_REQUESTED" in kinds


async def test_nobody_waits_for_the_next_cycle(here):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
    # The first cycle enters nothing more, the second one would come in an hour.
    here.scorer.opinion = None
    async with running(here.settings(bot_interval=3_600.0)) as service:
        await in_lead(service)
        assert len(held(service)) == 3

        await service.exits.flatten()
        await until(lambda: not held(service))

        assert service.snapshot_holder.status.loop_count == 1


async def test_it_is_told_to_a_standby_and_obeyed_by_the_leader(here):
    async with running(here.settings()) as a, running(here.settings()) as b:
        await in_lead(a)
        await enter(here, a)
        await until(lambda: b.snapshot_holder.status.positions_count == 3)

        await b.exits.flatten()
        await until(lambda: not held(a))

        await until(lambda: b.snapshot_holder.status.positions_count == 0)
        await until(lambda: b.snapshot_holder.status.killed == "flattened by hand")
        await until(lambda: "no entries" in (a.snapshot_holder.status.entries_stopped or ""))


async def test_a_request_survives_a_restart_and_says_meanwhile_why_it_waits(here):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
        await service.control.stop()
        here.put(ONE_SIDED, "KXA")
        await service.exits.flatten()
        await until(lambda: set(held(service)) == {"KXA"})
        why = {"KXA": "there is nobody in the book to trade with"}
        await until(lambda: service.snapshot_holder.status.closing == why)
    here.put(BOOK, "KXA")

    async with running(here.settings()) as service:
        await until(lambda: service.snapshot_holder.status.leader)
        await until(lambda: service.snapshot_holder.status.last_update and not held(service))

        status = service.snapshot_holder.status
        assert (status.running, status.killed) == (False, "flattened by hand")


async def test_what_was_resumed_is_held_on(here):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
        here.put(ONE_SIDED)
        await service.exits.flatten()
        await until(lambda: len(service.snapshot_holder.status.closing) == 3)
        here.scorer.opinion = None

        await service.kill.resume()
        await until(lambda: not service.snapshot_holder.status.closing)
        here.put(BOOK)
        count = service.snapshot_holder.status.loop_count
        await until(lambda: service.snapshot_holder.status.loop_count > count + 2)

        assert len(held(service)) == 3


async def test_a_closed_market_ends_the_request_with_a_notice(here):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
        here.put(ONE_SIDED)
        await service.exits.flatten()
        await until(lambda: len(service.snapshot_holder.status.closing) == 3)

        for ticker in TICKERS:
            here.exchange.set_close_time(ticker, here.exchange.now)

        await until(lambda: not service.snapshot_holder.status.closing)
        notices = [one for one in service.service.bot.recent.notices if one.kind == "CLOSE_FAILED"]
        assert len(notices) == 3
        assert "paid when that is settled" in notices[0].message
        assert len(held(service)) == 3


async def test_a_live_position_is_closed_at_the_exchange_while_the_bot_is_stopped(here):
    async with running(here.live()) as service:
        await in_lead(service)
        await enter(here, service)
        await service.control.stop()

        await service.exits.flatten()
        await until(lambda: not held(service), 15)

        assert [size_contracts(p.size) for p in here.ann.positions.values() if p.size] == []
