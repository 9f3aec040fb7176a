import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO

import pytest

from bot.core.market.market import MarketStatus, Side
from bot.core.model.families import family_of
from bot.sim.engine.events import BookDelta, SimEvent
from bot.sim.engine.exchange import Exchange, total_money
from bot.sim.engine.log import EventLog
from bot.sim.engine.specs import SeriesSpec
from bot.sim.engine.state import MAX_MARKET_TRADES, MarketState
from bot.sim.world.demo import HISTORY, TRUTH_STORED, demo_exchange, demo_world
from bot.sim.world.demo_events import PERPETUAL, ROLLING
from bot.sim.world.driver import LONG_STEPS, SHORT_STEPS, WorldDriver
from bot.sim.world.experiment import START, Experiment
from bot.sim.world.listings import Calendar, lone
from bot.sim.world.truth import ActionKind, How
from bot.sim.world.world import World

NOW = datetime(2026, 11, 22, 11, 7, 13, tzinfo=UTC)


class Wall:
    """A clock that is set by hand."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def demo():
    """One demo, half an hour on; shared, so tests only read it."""
    wall = Wall()
    exchange, driver = demo_exchange(wall, seed=7)
    first = {ticker: snapshot(market) for ticker, market in exchange.state.markets.items()}
    for _ in range(40):
        wall.passes(seconds=5)
        driver.catch_up()
    return exchange, driver, first


Seen = tuple[MarketStatus, int, list[tuple[int, int]], list[tuple[int, int]]]


def snapshot(market: MarketState) -> Seen:
    book = market.book
    return market.status, market.volume, book.levels(Side.BUY), book.levels(Side.SELL)


@pytest.mark.parametrize("minute", range(60))
def test_at_any_minute_some_fast_markets_of_the_demo_are_amid_their_life(minute):
    now = NOW.replace(minute=minute)
    calendar = Calendar((), (), rolls_from=now, rolling=ROLLING)
    markets = [market for listing in calendar.due(now) for market in listing.markets]
    amid = [
        market.ticker
        for market in markets
        if family_of(market.ticker) == "15-minute price"
        and timedelta(minutes=2) <= now - market.open_time <= timedelta(minutes=11)
    ]

    assert len(amid) >= 2, "prices just before a close hardly move, and at first nobody quotes"


def test_the_demo_opens_with_some_fifty_markets_most_of_them_traded(demo):
    exchange, _, first = demo
    active = [t for t, (status, *_) in first.items() if status is MarketStatus.ACTIVE]
    lively = [t for t in active if first[t][1] > 0 and first[t][2] and first[t][3]]

    assert len(active) >= 40
    assert len(lively) >= 25
    assert len({exchange.market(t).series_ticker for t in active}) >= 10


def test_the_demo_shows_every_kind_of_book_a_client_must_survive(demo):
    exchange, _, first = demo
    active = {t: seen for t, seen in first.items() if seen[0] is MarketStatus.ACTIVE}

    assert any(not bids and not asks for _, _, bids, asks in active.values())
    assert any(bool(bids) != bool(asks) for _, _, bids, asks in active.values())
    assert any(volume == 0 for _, volume, _, _ in active.values())
    assert any(exchange.market(t).spec.is_combo for t in active)
    assert any(exchange.market(t).spec.price_level_structure != "linear_cent" for t in active)
    statuses = {status for status, *_ in first.values()}
    assert {MarketStatus.INITIALIZED, MarketStatus.ACTIVE, MarketStatus.FINALIZED} <= statuses


def test_a_rolling_market_is_called_by_its_strike_and_close_alone(demo):
    exchange = demo[0]
    titles = {
        t.split("-")[0]: m.spec.title
        for t, m in exchange.state.markets.items()
        if not t.endswith("-T2")
    }

    assert re.fullmatch(r"Bitcoin up or down at \d\d:\d\d UTC\?", titles["KXBTC15M"])
    assert re.fullmatch(r"Bitcoin above T[13] at \d\d:\d\d UTC\?", titles["KXBTCD"])


def test_volume_of_the_last_day_is_there_from_the_first_request(demo):
    exchange, _, first = demo
    trade_feed = Counter(trade.ticker for trade in exchange.state.trades if trade.at <= NOW)

    assert first["KXHIGHNY-TOMORROW-B54"][1] > 0
    assert trade_feed["KXHIGHNY-TOMORROW-B54"] > 10
    assert min(t.at for t in exchange.state.trades) > NOW - HISTORY


def test_what_a_demo_remembers_is_bounded_whatever_its_markets_trade(demo):
    exchange, driver, _ = demo
    trades = [market.trades for market in exchange.state.markets.values()]

    assert {one.maxlen for one in trades} == {MAX_MARKET_TRADES} == {500}
    assert max(map(len, trades)) > 300
    assert len(driver._world.truth.actions) <= driver._world.truth.actions.maxlen == TRUTH_STORED


def test_markets_close_settle_and_make_room_for_the_next_within_minutes(demo):
    exchange, _, first = demo
    now = exchange.state.markets
    settled = [
        t
        for t, market in now.items()
        if t in first
        and first[t][0] is MarketStatus.ACTIVE
        and market.status is MarketStatus.FINALIZED
    ]

    assert any(t.startswith("KXQUICKSETTLE") for t in settled)
    assert set(now) - set(first)


def test_no_book_is_ever_crossed_and_nothing_is_lost(demo):
    exchange, *_ = demo

    for market in exchange.state.markets.values():
        assert market.book.best_bid < market.book.best_ask
    assert total_money(exchange) == 0


def games(seed: int) -> tuple[Exchange, World]:
    """A world of the demo's two games and the combos on them, at the demo's first moment."""
    exchange = Exchange(seed, NOW)
    chosen = [e for e in PERPETUAL if e.series.category == "Sports"]
    calendar = Calendar(
        perpetual=[each.listing(NOW) for each in chosen],
        series=list({each.series.ticker: each.series for each in chosen}.values()),
        rolls_from=NOW,
    )
    return exchange, World(exchange, seed, calendar)


def test_a_halt_stops_a_market_and_lifts_again():
    exchange, world = games(seed=3)
    market = exchange.market("KXMLBGAME-AB-ALPHA")
    seen = []
    for _ in range(24):
        world.advance(world.now + timedelta(seconds=10), step=5.0)
        seen.append(market.status)

    assert seen[0] is MarketStatus.ACTIVE
    assert MarketStatus.INACTIVE in seen
    assert seen[-1] is MarketStatus.ACTIVE
    assert market.book.bid_size


def test_a_game_that_is_over_closes_before_its_time_and_pays_one_winner():
    exchange, world = games(seed=3)
    world.advance(NOW + timedelta(minutes=12), step=10.0)
    teams = [exchange.market(f"KXMLBGAME-CD-{team}") for team in ("CARMEL", "DOVER")]

    assert [team.status for team in teams] == [MarketStatus.FINALIZED] * 2
    assert sorted(team.result for team in teams) == ["no", "yes"]
    assert teams[0].close_time < teams[0].spec.close_time


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_a_combo_pays_only_if_all_its_legs_came_in(seed):
    exchange, world = games(seed)
    world.advance(NOW + timedelta(hours=6), step=600.0)
    legs = [exchange.market(t) for t in ("KXMLBGAME-AB-ALPHA", "KXMLBGAME-CD-CARMEL")]
    combo = exchange.market("KXMVESPORTS-S1-A")

    assert combo.status is MarketStatus.FINALIZED
    assert (combo.result == "yes") == all(leg.result == "yes" for leg in legs)


Changes = list[tuple[int, int, Side]]


def log_of(tickers: list[str], seconds: int = 40, seed: int = 11) -> dict[str, Changes]:
    """The changes of the books, by market, of a world of these markets."""
    exchange = Exchange(seed, START)
    changes: dict[str, Changes] = {ticker: [] for ticker in tickers}

    def write(event: SimEvent) -> None:
        if isinstance(event, BookDelta):
            changes[event.ticker[:-2]].append((event.price, event.change, event.side))

    exchange.subscribe(write)
    life = timedelta(minutes=15)
    calendar = Calendar(
        perpetual=[lone(t, "fast15m", START, life) for t in tickers],
        series=[SeriesSpec(t, t, "Test") for t in tickers],
        rolls_from=START,
    )
    World(exchange, seed, calendar).advance(START + timedelta(seconds=seconds))
    return changes


def test_the_same_seed_gives_the_same_events_byte_for_byte():
    logs = []
    for _ in range(2):
        exchange = Exchange(9, NOW - HISTORY)
        stream = BytesIO()
        exchange.subscribe(EventLog(stream).write)
        demo_world(exchange, 9)
        logs.append(stream.getvalue())

    assert logs[0] == logs[1]
    assert len(logs[0]) > 100_000


def test_adding_a_market_changes_no_other():
    alone = log_of(["KXA", "KXB"])
    joined = log_of(["KXA", "KXC", "KXB"])

    assert alone["KXA"] == joined["KXA"]
    assert alone["KXB"] == joined["KXB"]
    assert alone["KXA"] != alone["KXB"]
    assert joined["KXC"]


def test_another_seed_is_another_world():
    assert log_of(["KXA"], seed=1) != log_of(["KXA"], seed=2)


def test_the_truth_knows_every_large_order_and_how_it_ended():
    experiment = Experiment("fast15m", markets=8, seed=4, life=timedelta(minutes=8))
    experiment.run(timedelta(minutes=8), cadence=60)
    truth = experiment.world.truth
    stream = StringIO()
    truth.write(stream)

    assert {action.kind for action in truth} == set(ActionKind)
    assert {How.FILLED, How.CANCELLED} <= {action.how for action in truth}
    for action in truth:
        assert action.how is not How.LEFT
        assert action.t1 is not None
        assert action.t1 >= action.t0
        assert 0 <= action.filled <= action.size + 1
        assert (action.how is How.FILLED) <= (action.filled > 0)
    assert len(stream.getvalue().splitlines()) == len(truth)


def test_the_driver_keeps_the_exchange_at_the_wall_clock_times_the_speed():
    wall = Wall()
    exchange, driver = demo_exchange(wall, seed=1, speed=10.0)

    wall.passes(seconds=2)
    driver.catch_up()

    assert exchange.now == NOW + timedelta(seconds=20)


def test_the_driver_does_nothing_between_two_seconds_or_when_the_clock_runs_back():
    wall = Wall()
    exchange, driver = demo_exchange(wall, seed=1)

    wall.passes(seconds=0.9)
    driver.catch_up()
    wall.passes(seconds=-10)
    driver.catch_up()

    assert exchange.now == NOW


class Counting:
    """Stands in for a world and counts how often it is asked to live."""

    def __init__(self) -> None:
        self.now = NOW
        self.steps = 0

    def advance(self, to: datetime, step: float = 1.0) -> None:
        while self.now < to:
            self.steps += 1
            self.now = min(self.now + timedelta(seconds=step), to)


@pytest.mark.parametrize("slept", [7, 60, 3600, 86_400])
def test_a_long_sleep_costs_no_more_than_a_few_steps(slept):
    wall, world = Wall(), Counting()
    driver = WorldDriver(world, wall)

    wall.passes(seconds=slept)
    driver.catch_up()

    assert world.steps <= SHORT_STEPS + LONG_STEPS
    assert world.now == NOW + timedelta(seconds=slept)


class Hasty(Wall):
    """A clock on which seconds pass whenever somebody looks at it."""

    def now(self) -> datetime:
        self.passes(seconds=5)
        return super().now()


def test_an_exchange_that_took_long_to_make_is_not_late_for_it():
    wall = Hasty()

    exchange, driver = demo_exchange(wall, seed=1)
    driver.catch_up()

    assert wall.at - exchange.now < timedelta(seconds=1)
