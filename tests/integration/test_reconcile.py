"""An account that other hands traded on, adopted through the API, kept over restarts."""

from datetime import timedelta

import pytest

from api.app import create_app
from api.deps import facts_of
from bot.app.bootstrap import running
from bot.core.market.market import Side
from bot.sim.engine.units import money_dollars, size_contracts
from bot.trading.reconciliation import adoption
from bot.trading.reconciliation import positions as reconciliation
from tests.support.api_world import opened as asked
from tests.support.services import TICKERS, held, in_lead, place, until
from tests.support.sim_exchanges import request


@pytest.fixture
async def here(tmp_path, monkeypatch):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(seconds=1))
    monkeypatch.setattr(adoption, "QUIET", timedelta(seconds=0.2))
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


def agrees(here, service):
    booked = service.service.bot.trader.portfolio
    sizes = {t: size_contracts(here.ann.position(t)) for t in TICKERS}
    return booked.cash == sum(money_dollars(c) for c in here.ann.cash.values()) and all(
        booked.size(ticker) == size for ticker, size in sizes.items()
    )


async def test_what_other_hands_traded_is_adopted_exactly_and_survives_a_restart(here):
    settings, token = here.live(), "Bearer " + here.live().api_token.get_secret_value()
    async with running(settings) as service:
        await in_lead(service)
        here.scorer.opinion = 0.9
        await until(lambda: len(held(service)) == len(TICKERS))
        here.scorer.opinion = None
        await until(lambda: service.audit.agrees)
        here.exchange.place(here.ann, request(Side.BUY, 7, 50, ticker="KXB"))
        here.exchange.place(here.ann, request(Side.SELL, 10, 48, ticker="KXC"))
        await until(lambda: service.audit.agrees is False)
        app = create_app(lambda: _open(service), facts_of(settings))

        async with asked(app, authorization=token) as client:
            answer = (await client.post("/audit/adopt")).json()

        assert answer["status"] == "adopted", answer
        await until(lambda: agrees(here, service))
        await until(lambda: service.audit.agrees and not service.audit.entries_stopped)
        booked = service.service.bot.trader.portfolio
    async with running(settings) as service:
        await in_lead(service)

        assert service.service.bot.trader.portfolio == booked
        assert "an operator adopted the account" in service.audit.operator[0].message
        await until(lambda: service.audit.agrees)


class _open:  # noqa: N801  # a context manager around what is open already
    def __init__(self, service):
        self.service = service

    async def __aenter__(self):
        return self.service

    async def __aexit__(self, *_):
        return None
