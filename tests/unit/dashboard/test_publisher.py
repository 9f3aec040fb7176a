"""What is shown: real numbers, stale markets as stale, and nothing that would break the page."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from bot.cluster.role import Role
from bot.core.account.valuation import unrealised
from bot.core.events import Noted, NoteKind
from bot.core.market.market import MarketStatus
from bot.core.market.money import whole_cents
from bot.core.market.orderbook import OrderBook
from bot.dashboard.activity_feed import noted
from bot.dashboard.publisher import PACK_APART
from bot.dashboard.snapshot import decoded
from bot.engine.unit_of_work import PassState
from bot.ports.loop_status import LoopStatus
from bot.trading.decision import Worth
from tests.support.cycle_bench import BOOK, CASH
from tests.support.published import Shown
from tests.support.strategies import NOON, ladder


async def test_a_market_is_shown_as_the_book_says_it():
    shown = Shown()

    await shown.run(0.8)

    market = shown.market
    assert (market["yes_bid"], market["yes_ask"], market["spread"]) == (52.0, 53.0, 1.0)
    assert market["bid_ratio"] == 0.5
    assert market["signal_direction"] == "BUY"
    assert market["signal_score"] == 0.8
    assert market["position"] == 100
    assert market["position_notional"] == 52.0
    assert market["pnl_unrealized"] == -1.0
    assert market["stale"] is False


async def test_the_overview_counts_money_not_contracts():
    shown = Shown()

    await shown.run(0.8)

    overview = shown.state["overview"]
    assert overview["mode"] == "PAPER"
    assert overview["total_exposure"] == 53.0
    assert overview["open_positions"] == 1
    assert overview["equity"] == pytest.approx(float(CASH - 1 - shown.trader.portfolio.fees))
    assert overview["daily_pnl"] == pytest.approx(overview["equity"] - float(CASH))


async def test_money_is_shown_in_whole_cents_and_kept_to_the_last_digit():
    shown = Shown(size="7.77")

    await shown.run(0.8)
    shown.exchange.shown["A"] = OrderBook(ladder(("0.515", 900)), ladder(("0.525", 900)))
    await shown.run(0.8)

    portfolio, trader, state = shown.trader.portfolio, shown.trader, shown.state
    amounts = {
        "equity": (state["overview"]["equity"], trader.equity),
        "daily_pnl": (state["overview"]["daily_pnl"], trader.daily_pnl),
        "total_exposure": (state["overview"]["total_exposure"], portfolio.exposure),
        "status": (shown.snapshot_holder.status.total_exposure, portfolio.exposure),
        "notional": (shown.market["position_notional"], trader.marks["A"].value),
        "open": (
            shown.market["pnl_unrealized"],
            unrealised(portfolio.positions["A"], trader.marks["A"]),
        ),
    }
    assert {name: seen for name, (seen, _) in amounts.items()} == {
        name: float(round(exact, 2)) for name, (_, exact) in amounts.items()
    }
    assert any(round(exact, 2) != exact for _, exact in amounts.values())


@pytest.mark.parametrize("nothing", ["-0.004", "0", "-0.005"])
def test_nothing_has_no_sign(nothing):
    assert str(whole_cents(Decimal(nothing))) == "0.0"


async def test_the_regime_is_unknown_while_no_book_is_fresh():
    shown = Shown("A", "B")
    unknown = {"id": -1, "name": "unknown"}
    assert shown.state["regime"] == unknown

    await shown.run(0.8)
    assert shown.state["regime"] == {"id": 0, "name": "calm"}

    shown.publisher.age(shown.clock.now() + timedelta(hours=1))
    assert shown.state["regime"] == unknown

    shown.publisher.age(shown.clock.now())
    assert shown.state["regime"] == {"id": 0, "name": "calm"}

    shown.exchange.fails = "down"
    await shown.run(0.8)
    assert shown.state["regime"] == unknown

    shown.exchange.fails = ""
    await shown.run(0.8)
    assert shown.state["regime"] == {"id": 0, "name": "calm"}


async def test_no_opinion_is_half_and_hold_with_its_reason():
    shown = Shown()

    await shown.run(None)

    assert shown.market["signal_score"] == 0.5
    assert shown.market["signal_direction"] == "HOLD"
    assert shown.market["reason"] == "the fake has no opinion"


async def test_a_market_without_a_book_is_shown_stale_with_its_age():
    shown = Shown()
    await shown.run(0.8)
    shown.exchange.fails = "down"

    await shown.run(0.8, cycles=2)

    market = shown.market
    assert market["stale"] is True
    assert market["age_seconds"] == 20.0
    assert (market["yes_bid"], market["yes_ask"]) == (52.0, 53.0)
    assert market["signal_direction"] == "HOLD"
    assert market["signal_score"] == 0.5
    assert market["reason"] == "no sound book: down"
    assert shown.snapshot_holder.status.stale_markets == 1


async def test_a_market_never_seen_is_not_invented():
    shown = Shown()
    shown.exchange.fails = "down"

    await shown.run(0.8)

    assert shown.state["markets"] == []
    assert shown.snapshot_holder.status.watched_markets == 1


@pytest.mark.parametrize(
    ("book", "bid", "ask"),
    [
        (OrderBook((), ()), 0.0, 100.0),
        (OrderBook(ladder(("0.40", 10)), ()), 40.0, 100.0),
        (OrderBook((), ladder(("0.405", 10))), 0.0, 40.5),
    ],
)
async def test_an_empty_side_is_a_number_the_page_can_show(book, bid, ask):
    shown = Shown()
    shown.exchange.shown["A"] = book

    await shown.run(0.8)

    assert (shown.market["yes_bid"], shown.market["yes_ask"]) == (bid, ask)
    assert shown.market["signal_direction"] == "HOLD"


async def test_a_refused_order_is_the_reason_and_a_notice():
    shown = Shown()
    shown.exchange.change("A", fees=None)

    await shown.run(0.8)

    assert "fees of A are not known" in shown.market["reason"]
    assert [notice["kind"] for notice in shown.state["notices"]] == ["REFUSED"]
    assert shown.state["timeline"] == []


async def test_opening_and_closing_stand_in_the_timeline_newest_first():
    shown = Shown()
    await shown.run(0.8)

    await shown.run(0.5)

    assert [entry["type"] for entry in shown.state["timeline"]] == ["CLOSE", "OPEN"]


async def test_a_market_that_left_the_watchlist_leaves_the_page():
    shown = Shown("A", "B")
    await shown.run(0.5)
    del shown.exchange.markets["A"]

    await shown.run(0.5)

    assert [market["ticker"] for market in shown.state["markets"]] == ["B"]


async def test_a_settled_position_is_gone_and_its_market_shows_its_status():
    shown = Shown()
    await shown.run(0.8)
    shown.exchange.change("A", status=MarketStatus.FINALIZED, settlement_value=Decimal(1))
    del shown.exchange.shown["A"]

    await shown.run(0.5)

    assert shown.market["position"] == 0
    assert shown.market["status"] == "finalized"
    assert {notice["kind"] for notice in shown.state["notices"]} >= {"SETTLED"}


async def test_the_status_carries_every_fault():
    shown = Shown()
    shown.scorer.fault = "no model"
    shown.journal.fault = "disk full"
    shown.universe_fault = "listing old"

    await shown.run(0.5)

    status = shown.snapshot_holder.status
    assert (status.model_fault, status.journal_fault) == ("no model", "disk full")
    assert status.universe_fault == "listing old"
    assert status.last_update == shown.clock.now()


def test_a_beat_is_shown_at_once_and_the_last_error_stays():
    shown = Shown()
    failed = LoopStatus(running=True, count=1, last_finish=NOON, error="boom")

    shown.publisher.on_beat(failed)
    assert (shown.snapshot_holder.status.error, shown.snapshot_holder.status.last_error_at) == (
        "boom",
        NOON,
    )

    shown.publisher.on_beat(replace(failed, count=2, error=None))
    status = shown.snapshot_holder.status
    assert (status.error, status.last_error, status.loop_count) == (None, "boom", 2)


async def test_a_stopped_loop_is_shown_as_stopped_in_the_state_itself():
    shown = Shown()
    await shown.run(0.8)

    shown.publisher.on_beat(LoopStatus(running=False, count=1))

    assert shown.state["bot"]["running"] is False


async def test_while_the_loop_hangs_what_is_shown_grows_old():
    shown = Shown()
    await shown.run(0.8)

    shown.publisher.age(shown.clock.now() + timedelta(seconds=15))
    assert shown.market["stale"] is False

    shown.publisher.age(shown.clock.now() + timedelta(seconds=25))
    assert shown.market["stale"] is True
    assert shown.market["age_seconds"] == 25.0
    assert shown.market["signal_direction"] == "HOLD"
    assert shown.snapshot_holder.status.stale_markets == 1
    assert shown.state["bot"]["stale_markets"] == 1

    await shown.run(0.8)
    assert shown.market["stale"] is False


async def test_a_large_body_is_compressed_too():
    shown = Shown(*[f"MARKET-{number}" for number in range(150)])

    await shown.run(0.5)

    assert len(shown.snapshot_holder.snapshot.body) >= PACK_APART
    assert shown.snapshot_holder.snapshot.gzip is not None


async def test_the_same_book_seen_again_keeps_every_number_finite():
    shown = Shown("A", "B")
    shown.exchange.shown["B"] = BOOK.mirror()

    await shown.run(0.5, cycles=5)

    for market in shown.state["markets"]:
        assert all(value is not None for value in market.values())


async def test_an_entry_held_back_shows_its_direction_and_the_reason():
    shown = Shown(worth=Worth(factor=0.01, horizon=10.0))
    await shown.run(None)

    await shown.run(0.8)

    assert shown.market["signal_direction"] == "BUY"
    assert shown.market["position"] == 0
    assert "below BOT_MIN_EDGE" in shown.market["reason"]


# Prepared, kept, shown


async def waiting(*tickers):
    """A pass whose state waits to be shown, beside what was shown before it."""
    shown = Shown(*tickers)
    shown.commit_with(PassState())
    before = shown.snapshot_holder.snapshot
    await shown.run(0.8)
    return shown, before


async def test_a_pass_is_not_shown_before_it_may_be():
    shown, before = await waiting()

    assert shown.snapshot_holder.snapshot is before
    assert json.loads(shown.publisher.prepared())["markets"][0]["ticker"] == "A"
    assert shown.snapshot_holder.status.last_update is None


async def test_what_is_shown_is_what_was_prepared_and_only_once():
    shown, _ = await waiting()
    body = shown.publisher.prepared()

    shown.publisher.show()

    assert shown.snapshot_holder.snapshot.body == body
    assert shown.snapshot_holder.status.last_update == shown.clock.now()
    assert shown.publisher.prepared() is None
    after = shown.snapshot_holder.snapshot
    shown.publisher.show()
    assert shown.snapshot_holder.snapshot is after


async def test_a_notice_shown_while_a_pass_is_committed_is_shown_with_it():
    shown, _ = await waiting()
    made = len(json.loads(shown.publisher.prepared())["notices"])

    shown.publisher.show_notices([noted(Noted(NOON, NoteKind.STOPPED, "stopped"))])

    assert shown.state["notices"][0]["kind"] == "STOPPED"
    assert json.loads(shown.publisher.prepared())["notices"][0]["kind"] == "STOPPED"
    shown.publisher.show()
    assert [notice["kind"] for notice in shown.state["notices"]].count("STOPPED") == 1
    assert len(shown.state["notices"]) == made + 1


async def test_a_pass_that_was_never_kept_gives_way_to_the_next():
    shown, _ = await waiting()
    await shown.run(0.8)

    shown.publisher.show()

    assert shown.snapshot_holder.status.last_update == shown.clock.now()


async def test_a_role_that_changed_while_a_pass_was_kept_is_shown_with_it():
    shown, _ = await waiting()
    shown.role = Role(leader=True, leads="web-1", epoch=2, store_fault="the disk is full")

    shown.publisher.show()

    assert shown.state["bot"]["store_fault"] == "the disk is full"
    assert shown.snapshot_holder.status.leads == "web-1"
    assert len(shown.state["markets"]) == 1


async def test_a_role_is_shown_when_it_changes_and_only_then():
    shown = Shown()
    await shown.run(0.8)
    before = shown.snapshot_holder.snapshot
    shown.publisher.show_role()
    assert shown.snapshot_holder.snapshot is before

    shown.role = Role(leads="web-2", epoch=3, killed="by hand")
    shown.publisher.show_role()

    reported = {name: shown.state["bot"][name] for name in ("leader", "leads", "epoch", "killed")}
    assert reported == {"leader": False, "leads": "web-2", "epoch": 3, "killed": "by hand"}
    assert shown.state["markets"] == json.loads(before.body)["markets"]
    assert shown.snapshot_holder.snapshot.at == before.at


# What another process published


async def published(*tickers, cycles=1):
    """A leader after some passes, and what it published."""
    leader = Shown(*tickers)
    leader.role = Role(leader=True, leads="web-1", epoch=4)
    await leader.run(0.8, cycles=cycles)
    return leader, decoded(leader.snapshot_holder.snapshot.body)


def heir(of, **role):
    """Another process, with the memory of events that the leader has."""
    process = Shown()
    process.clock.at = of.clock.at
    process.role = Role(**role)
    for event in of.journal.events:
        process.recent.add(event)
    return process


async def test_who_looks_on_shows_what_the_leader_shows_but_its_own_role():
    leader, state = await published("A", "B")
    other = heir(leader, leads="web-1", epoch=4)

    other.publisher.apply_replica(state, other.clock.now())

    mine, theirs = other.state, leader.state
    assert (mine["bot"].pop("leader"), theirs["bot"].pop("leader")) == (False, True)
    assert mine == theirs
    assert replace(other.snapshot_holder.status, leader=True) == leader.snapshot_holder.status


async def test_after_a_restart_the_state_is_there_but_the_status_is_its_own():
    leader, state = await published("A", "B")
    leader.publisher.on_beat(LoopStatus(running=True, count=9, error="boom"))
    again = heir(leader, leader=True, leads="web-2", epoch=5)

    again.publisher.show_restored(state, again.clock.now())

    mine, theirs = again.state, leader.state
    own, _ = mine.pop("bot"), theirs.pop("bot")
    assert mine == theirs
    assert (own["loop_count"], own["last_update"], own["error"]) == (0, None, None)


async def test_more_is_remembered_than_was_published_and_that_is_shown():
    leader, state = await published("A")
    other = heir(leader)

    other.publisher.show_restored(
        msgspec.structs.replace(state, timeline=(), whales=(), notices=()), other.clock.now()
    )

    assert other.state["timeline"] == leader.state["timeline"] != []


async def test_what_was_taken_over_grows_old_from_when_it_was_seen():
    leader, state = await published("A")
    other = heir(leader)
    other.publisher.show_restored(state, leader.clock.now() + timedelta(seconds=5))

    other.publisher.age(leader.clock.now() + timedelta(seconds=19))
    assert other.market["stale"] is False
    other.publisher.age(leader.clock.now() + timedelta(seconds=21))

    assert (other.market["stale"], other.market["age_seconds"]) == (True, 21.0)
    assert other.market["signal_direction"] == "HOLD"
    assert other.snapshot_holder.status.stale_markets == 1


async def test_a_market_that_was_stale_already_keeps_its_reason_and_its_age():
    leader, _ = await published("A")
    leader.exchange.fails = "down"
    await leader.run(0.8, cycles=2)
    other = heir(leader)
    other.publisher.apply_replica(decoded(leader.snapshot_holder.snapshot.body), other.clock.now())

    other.publisher.age(leader.clock.now() + timedelta(seconds=5))

    assert other.market["reason"] == "no sound book: down"
    assert other.market["age_seconds"] == 25.0


async def test_a_pass_after_a_restart_shows_the_unseen_as_stale_and_drops_the_unwatched():
    leader, state = await published("A", "B")
    again = heir(leader)
    again.exchange.fails = "down"
    again.publisher.show_restored(state, again.clock.now())
    assert [view["ticker"] for view in again.state["markets"]] == ["A", "B"]

    again.clock.pass_by(10)
    await again.cycle.run()

    assert [view["ticker"] for view in again.state["markets"]] == ["A"]
    assert (again.market["stale"], again.market["age_seconds"]) == (True, 10.0)


async def test_before_the_first_pass_of_a_leader_its_cash_is_shown_and_no_market():
    fresh = Shown()
    other = heir(fresh, leads="web-1", epoch=1)

    other.publisher.apply_replica(decoded(fresh.snapshot_holder.snapshot.body), other.clock.now())

    assert other.state["markets"] == []
    assert other.state["overview"]["equity"] == float(CASH)
    assert (other.snapshot_holder.status.last_update, other.snapshot_holder.status.leads) == (
        None,
        "web-1",
    )


@pytest.mark.parametrize("status", [MarketStatus.CLOSED, MarketStatus.INACTIVE])
async def test_a_market_that_is_not_open_keeps_its_last_quotes_marked_stale(status):
    shown = Shown()
    await shown.run(0.8)
    shown.exchange.shown["A"] = OrderBook((), ())

    await shown.run(0.8)
    assert (shown.market["yes_bid"], shown.market["yes_ask"]) == (52.0, 53.0)
    assert shown.market["reason"] == "no sound book: its book is empty"

    shown.exchange.change("A", status=status)
    await shown.run(0.8)

    market = shown.market
    assert (market["yes_bid"], market["yes_ask"], market["spread"]) == (52.0, 53.0, 1.0)
    assert (market["stale"], market["age_seconds"]) == (True, 20.0)
    assert market["position_notional"] == 52.0
    assert market["status"] == status
    assert market["reason"] == f"no sound book: the market is {status}"


async def test_a_closed_market_that_is_held_is_shown_though_no_book_of_it_was_ever_seen():
    shown = Shown()
    await shown.run(0.8)
    shown.publisher._markets._views.clear()
    shown.exchange.change("A", status=MarketStatus.CLOSED)

    await shown.run(0.8)

    assert (shown.market["ticker"], shown.market["stale"]) == ("A", True)
    assert shown.market["position_notional"] == 52.0
    assert shown.market["age_seconds"] == 10.0
