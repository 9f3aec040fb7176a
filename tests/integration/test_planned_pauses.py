"""A pause the exchange announced: no entry reaches into it, exits go on until it begins."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.market.market import Market
from bot.core.market.orders import Aim
from bot.kalshi.client import KalshiClient
from bot.kalshi.wire.schedule import exchange_schedule
from bot.ports.exchange import ExchangeError
from bot.trading import planned_pauses
from bot.trading.planned_pauses import PlannedPauses
from bot.trading.trading_halts import TradingHalts
from tests.support.fakes import HandClock
from tests.support.kalshi_stand import TICKER, Stand, stand

REACH = timedelta(seconds=75)
#: A Thursday in winter, 03:00 in New York.
PAUSE = datetime(2026, 12, 3, 8, tzinfo=UTC)


class Watched:
    """What may be sent to a market of the simulated exchange."""

    def __init__(self, live: Stand) -> None:
        self.live = live
        self.client = KalshiClient(live.calls._http, live.calls._budget, live.clock)
        pauses = PlannedPauses(self.client, live.clock, REACH)
        self.halts = TradingHalts(self.client, live.clock, pauses)

    async def at(self, moment: datetime) -> tuple[str | None, str | None]:
        """The rules that stop an entry and an exit at that moment."""
        self.live.clock.pass_by((moment - self.live.clock.now()).total_seconds())
        await self.halts.refresh({0})
        market = (await self.client.markets([TICKER]))[TICKER]
        return self._rule(market, Aim.ENTER), self._rule(market, Aim.LEAVE)

    def _rule(self, market: Market, aim: Aim) -> str | None:
        stop = self.halts.halt(market, aim)
        return stop.rule if stop else None


async def test_no_entry_reaches_into_the_weekly_pause_and_exits_go_on_until_it():
    async with stand() as live:
        live.exchange.schedule_weekly_pause()
        watched = Watched(live)
        second = timedelta(seconds=1)

        assert await watched.at(PAUSE - REACH - second) == (None, None)
        assert watched.halts.next_pause == (
            "2026-12-03 08:00 to 10:00 UTC (Thu 03:00 to 05:00 in New York)"
        )
        assert await watched.at(PAUSE - REACH) == ("pause", None)
        assert await watched.at(PAUSE - second) == ("pause", None)
        assert await watched.at(PAUSE + 10 * second) == ("trading_pause", "trading_pause")
        assert await watched.at(PAUSE + timedelta(hours=2)) == (None, None)


async def test_maintenance_is_a_pause_as_well():
    async with stand() as live:
        start = live.clock.now() + timedelta(minutes=5)
        live.exchange.schedule_maintenance(start, start + timedelta(minutes=10))
        watched = Watched(live)

        assert await watched.at(start - REACH) == ("pause", None)
        assert (await watched.at(start + timedelta(minutes=11))) == (None, None)


async def test_a_schedule_that_cannot_be_read_is_said_and_is_no_pause(caplog):
    async with stand() as live:
        watched = Watched(live)
        live.fail(kind="error", route="GET /exchange/schedule")

        assert await watched.at(live.clock.now()) == (None, None)

        assert str(watched.halts.next_pause).startswith("not known: GET /exchange/schedule")
        assert "When the exchange pauses cannot be read" in caplog.text
        live.faults.clear()
        await watched.at(live.clock.now() + timedelta(minutes=1))
        assert watched.halts.next_pause == "none within 8 days"


async def test_a_schedule_that_hangs_holds_no_pass(monkeypatch):
    monkeypatch.setattr(planned_pauses, "ANSWER", 0.01)
    never = asyncio.Event()

    class Hanging:
        async def exchange_schedule(self):
            await never.wait()

    pauses = PlannedPauses(Hanging(), HandClock(), REACH)
    async with asyncio.timeout(30):
        await pauses.refresh()

    assert pauses.stop() is None
    assert pauses.note == "not known: no answer within 0.01 s"


@pytest.mark.parametrize(
    ("opens", "closes"), [("3:00", "05:00"), ("25:00", "00:00"), ("05:00", "05:00")]
)
def test_hours_that_are_none_are_refused(opens, closes):
    with pytest.raises(ExchangeError):
        exchange_schedule(_all_week(opens, closes))


def test_hours_past_midnight_are_read_as_open_into_the_next_day():
    schedule = exchange_schedule(_all_week("08:00", "03:00"))

    pause = schedule.next_pause(datetime(2026, 12, 3, 4, tzinfo=UTC))
    assert "(Thu 03:00 to 08:00 in New York)" in str(pause)


def _all_week(opens, closes):
    day = f'[{{"open_time": "{opens}", "close_time": "{closes}"}}]'
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    days = ",".join(f'"{name}": {day}' for name in names)
    week = f'{{"start_time": "2026-01-01T00:00:00Z", "end_time": "2036-01-01T00:00:00Z", {days}}}'
    body = f'{{"schedule": {{"standard_hours": [{week}], "maintenance_windows": null}}}}'
    return body.encode()


def test_maintenance_that_ends_before_it_begins_is_refused():
    window = '{"start_datetime": "2026-12-03T08:00:00Z", "end_datetime": "2026-12-03T08:00:00Z"}'
    body = f'{{"schedule": {{"standard_hours": [], "maintenance_windows": [{window}]}}}}'

    with pytest.raises(ExchangeError, match="maintenance"):
        exchange_schedule(body.encode())
