"""A trader that is restored goes on exactly as if nothing had happened."""

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.events import Event, OrderEnded
from bot.core.market.market import MarketStatus
from bot.core.market.orderbook import OrderBook
from bot.core.risk.limits import RiskLimits
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

TICKERS = "ABCD"
#: So tight that every stop begins and ends in a session of some passes.
TIGHT = RiskLimits(
    daily_loss_stop=Decimal(15),
    drawdown_halt=Decimal(30),
    max_orders_per_minute=2,
    max_errors_per_minute=2,
    error_pause=90.0,
    max_positions=3,
    max_category_exposure=Decimal(110),
)


def _book(middle: int, depth: int) -> OrderBook:
    bid, ask = (f"{cents / 100:.2f}" for cents in (middle - 1, middle + 1))
    return OrderBook(bids=ladder((bid, depth)), asks=ladder((ask, depth)))


books = st.builds(_book, st.integers(10, 90), st.sampled_from([30, 300]))
scores = st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])
passes = st.fixed_dictionaries(
    {
        "scores": st.dictionaries(st.sampled_from(TICKERS), scores),
        "books": st.dictionaries(st.sampled_from(TICKERS), books, max_size=2),
        "silent": st.dictionaries(st.sampled_from(TICKERS), st.integers(1, 3), max_size=2),
        "settles": st.none() | st.tuples(st.sampled_from(TICKERS), st.sampled_from(["0", "1"])),
        "hidden": st.sampled_from(["", "A", "BC"]),
        "seconds": st.sampled_from([5, 20, 61, 40_000]),
        "failures": st.integers(0, 2),
        "killed": st.sampled_from([None, None, "somebody"]),
        "resumes": st.sampled_from([False, False, True]),
    }
)
sessions = st.lists(passes, min_size=1, max_size=12)


def _backend() -> Desk:
    backend = Desk(*TICKERS, limits=TIGHT)
    for ticker, category in zip(TICKERS, ("Crypto", "Crypto", "Sports", None), strict=True):
        backend.markets[ticker] = replace(backend.markets[ticker], category=category)
    return backend


async def _passed(backend: Desk, step: dict[str, Any]) -> list[Event]:
    backend.venue.silent |= step["silent"]
    backend.books |= step["books"]
    backend.killed = step["killed"]
    if step["settles"]:
        ticker, payout = step["settles"]
        backend.markets[ticker] = replace(
            backend.markets[ticker],
            status=MarketStatus.FINALIZED,
            result="yes" if payout == "1" else "no",
            settlement_value=Decimal(payout),
        )
    if step["resumes"]:
        backend.trader.resume(backend.at)
    for _ in range(step["failures"]):
        backend.trader.failed(backend.at)
    shown = dict(backend.books)
    for ticker in step["hidden"]:
        backend.books.pop(ticker, None)
    events = await backend.run(step["scores"], seconds=step["seconds"])
    backend.books = shown | backend.books
    return events


def _state(backend: Desk) -> dict[str, Any]:
    trader = backend.trader
    return {
        "portfolio": trader.portfolio,
        "marks": trader.marks,
        "equity": trader.equity,
        "daily_pnl": trader.daily_pnl,
        "exposure": trader.portfolio.exposure,
        "stop": trader.stop,
        "entries_stopped": trader.entries_stopped,
        "unresolved": trader.unresolved,
    }


async def _alike(session: list[dict[str, Any]]) -> None:
    straight, broken = _backend(), _backend()
    for step in session:
        happened = await _passed(straight, step)

        # As text: the features of a signal may be NaN, which equals nothing.
        assert repr(await _passed(broken, step)) == repr(happened)
        before = _state(broken)
        broken.restart()
        assert _state(broken) == before == _state(straight)
        assert broken.trader.state_records() == []
        assert broken.store.state_records == straight.store.state_records


@settings(max_examples=60, deadline=None)
@given(sessions)
def test_restarted_after_every_pass_it_does_and_is_the_same_to_the_last_digit(session):
    asyncio.run(_alike(session))


async def _balanced(session: list[dict[str, Any]]) -> None:
    backend = _backend()
    for step in session:
        await _passed(backend, step)

        checkpoint = backend.store.checkpoint()
        assert checkpoint.portfolio == backend.trader.portfolio
        assert set(checkpoint.unresolved) == set(backend.trader.unresolved)
        assert len(backend.venue.sent) == len(set(backend.venue.sent))
        fated = [event.execution.order for event in only(backend.store.events, OrderEnded)]
        assert Counter(fated + list(checkpoint.unresolved)) == Counter(
            backend.store.intended.values()
        )


@settings(max_examples=30, deadline=None)
@given(sessions)
def test_what_is_kept_is_the_account_and_every_order_has_one_fate_or_none_yet(session):
    asyncio.run(_balanced(session))
