"""What we hold against what the exchange holds, as anybody may read it on any process."""

from datetime import timedelta

import pytest
from msgspec.json import decode

from api.app import create_app
from api.deps import facts_of
from bot.app.bootstrap import running
from bot.core.market.market import Side
from bot.ports.account_views import AuditView
from bot.sim.faults.kinds import fault_spec
from bot.trading.reconciliation import positions as reconciliation
from tests.support.api_world import opened as asked
from tests.support.services import TICKERS, held, in_lead, passes, place, until
from tests.support.sim_exchanges import request


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


async def test_what_a_stranger_trades_on_the_account_shows_on_the_leader_and_on_a_standby(
    here, monkeypatch
):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(seconds=0.2))
    async with running(here.live()) as a, running(here.live()) as b:
        await in_lead(a)
        here.scorer.opinion = 0.9
        await until(lambda: len(held(a)) == len(TICKERS))
        here.scorer.opinion = None
        await until(lambda: len(a.audit.positions) == 3 and a.audit.agrees)
        assert [row.booked for row in a.audit.positions] == [10.0, 10.0, 10.0]
        assert a.audit.cash_booked == a.audit.cash_exchange

        here.exchange.place(here.ann, request(Side.BUY, 7, 50, ticker="KXB"))
        await until(lambda: a.audit.entries_stopped and a.audit.agrees is False)

        (row,) = [one for one in a.audit.positions if one.booked != one.exchange]
        assert (row.ticker, row.booked, row.exchange) == ("KXB", 10.0, 17.0)
        assert "KXB: 10 contracts booked, 17 at the exchange" in a.audit.differences
        await until(lambda: b.audit.entries_stopped)
        assert not b.snapshot_holder.status.leader


async def test_a_market_whose_position_cannot_be_read_alone_is_not_entered(here, monkeypatch):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(seconds=0.2))
    async with running(here.live()) as a:
        await in_lead(a)
        await until(lambda: a.audit.compared_at and a.audit.entries_stopped is None)
        here.faults.add(
            fault_spec(
                {
                    "kind": "missing_field",
                    "field": "position_fp",
                    "route": "GET /portfolio/positions",
                }
            )
        )
        here.exchange.place(here.ann, request(Side.BUY, 7, 50, ticker="KXB"))
        await until(lambda: any("KXB is not known" in one for one in a.audit.differences))
        assert a.audit.agrees is None
        assert a.audit.positions == (), "what is not known is not shown as 0"
        here.scorer.opinion = 0.9

        await until(lambda: len(held(a)) >= 2)

        assert held(a).keys() == set(TICKERS) - {"KXB"}
        refused = await until(lambda: [one for one in a.decisions.of("KXB", 50) if one.refusal])
        assert {one.refusal.rule for one in refused} == {"audit"}
        await until(lambda: "KXB is not known" in (a.snapshot_holder.status.account_note or ""))
        await until(lambda: a.snapshot_holder.status.entries_stopped is None)


async def test_other_hands_are_respected_and_their_market_left_alone_over_a_restart(
    here, monkeypatch
):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(seconds=0.2))
    settings = here.live(foreign="respect")

    def is_theirs(service):
        rows = {row.ticker: row.foreign for row in service.audit.positions}
        return service.audit.agrees and rows.get("KXB") == 7

    async with running(settings) as service:
        await in_lead(service)
        await until(lambda: service.audit.agrees)
        here.exchange.place(here.ann, request(Side.BUY, 7, 50, ticker="KXB"))
        await until(lambda: is_theirs(service))
        here.scorer.opinion = 0.9
        refused = await until(
            lambda: [one for one in service.decisions.of("KXB", 50) if one.refusal]
        )
        assert {one.refusal.rule for one in refused} == {"foreign"}
        await until(lambda: held(service).keys() == {"KXA", "KXC"} and is_theirs(service))
        await until(lambda: service.snapshot_holder.status.entries_stopped is None)
    async with running(settings) as service:
        await in_lead(service)
        await passes(service, 2)
        await until(lambda: is_theirs(service))

        assert held(service).keys() == {"KXA", "KXC"}


async def test_on_paper_there_is_nothing_to_compare_with(here):
    settings = here.settings()
    async with asked(create_app(lambda: running(settings), facts_of(settings))) as client:
        answer = decode((await client.get("/audit")).content, type=AuditView)

    assert answer.reason == "paper: there is no account at the exchange to compare with"
    assert (answer.agrees, answer.positions, answer.compared_at) == (None, (), None)
