"""The demo exchange: some fifty markets of several kinds, alive from the first request on.

Its tickers are invented after the fashion of the real ones. Crypto and metals roll every quarter
of an hour, thresholds every hour, one market settles every three minutes; the rest lasts days.
Among them: combos, markets nobody trades, one-sided and empty books, a halt, an early end.
"""

from datetime import timedelta
from math import inf

from bot.core.market import Side
from bot.ports import Clock
from bot.sim.exchange import Exchange
from bot.sim.specs import ComboLeg, SeriesSpec
from bot.sim.world.driver import Driver
from bot.sim.world.listings import Calendar, Rolling, Standing
from bot.sim.world.world import World

#: The world begins a day before the first request, so that 24-hour volumes are what they say.
HISTORY = timedelta(days=1)
#: Rolling series begin this long before it, and prints come twice a minute from then on.
ROLLED = timedelta(minutes=31)
#: The participants live through the last moments second by second.
LIVED = timedelta(seconds=20)

_QUARTER, _HOUR = timedelta(minutes=15), timedelta(hours=1)
_CRYPTO, _SPORTS = 2, 3


def _series(ticker: str, title: str, category: str, shard: int = 0) -> SeriesSpec:
    return SeriesSpec(ticker, title, category, frequency="custom", exchange_index=shard)


def _quarterly(ticker: str, title: str, volume: float) -> Rolling:
    return Rolling(
        _series(ticker, title, "Crypto", _CRYPTO), _QUARTER, "fast15m", volume, giants=2.0
    )


ROLLING = (
    _quarterly("KXBTC15M", "Bitcoin up or down", 9e6),
    _quarterly("KXETH15M", "Ethereum up or down", 4e6),
    _quarterly("KXSOL15M", "Solana up or down", 2e6),
    _quarterly("KXXRP15M", "XRP up or down", 1.2e6),
    _quarterly("KXDOGE15M", "Doge up or down", 9e5),
    _quarterly("KXBNB15M", "BNB up or down", 8e5),
    Rolling(
        _series("KXBTCD", "Bitcoin above", "Crypto", _CRYPTO),
        _HOUR,
        "hourly",
        6e5,
        giants=2.0,
        strikes=(-1.0, -0.4, 0.1, 0.6, 1.2),
    ),
    Rolling(
        _series("KXGOLDD", "Gold above", "Commodities", _CRYPTO),
        _HOUR,
        "hourly",
        3e5,
        giants=2.0,
        strikes=(-0.7, 0.0, 0.7),
    ),
    Rolling(
        _series("KXQUICKSETTLE", "Coin above", "Crypto", _CRYPTO),
        timedelta(minutes=3),
        "fast15m",
        5e5,
        giants=2.0,
        timer=15,
    ),
)

_INDEX = _series("KXINX", "S&P 500 at the close", "Financials")
_NY = _series("KXHIGHNY", "Highest temperature in New York", "Climate and Weather")
_CHICAGO = _series("KXHIGHCHI", "Highest temperature in Chicago", "Climate and Weather")
_BASEBALL = _series("KXMLBGAME", "Professional baseball game", "Sports", _SPORTS)
_FED = _series("KXFEDDECISION", "Fed decision", "Economics")
_CPI = _series("KXCPI", "Consumer prices", "Economics")
_SENATE = _series("KXSENATE", "Senate races", "Politics")
_AWARD = _series("KXAWARD", "Best picture", "Entertainment")
_COMBO = SeriesSpec("KXMVESPORTS", "Sports combos", "Sports", exchange_index=1)
_LEGS = (
    ComboLeg("KXMLBGAME-AB", "KXMLBGAME-AB-ALPHA", "yes"),
    ComboLeg("KXMLBGAME-CD", "KXMLBGAME-CD-CARMEL", "yes"),
)

STANDING = (
    Standing(
        _INDEX,
        "TODAY",
        "S&P 500 at the close:",
        ("B6700", "B6750", "B6800", "B6850"),
        (-inf, -0.5, 0.1, 0.7),
        hours_past=18.0,
        hours_left=6.0,
        volume=90_000,
        activity=2.0,
        giants=3.0,
    ),
    Standing(
        _NY,
        "TOMORROW",
        "Highest temperature in New York tomorrow:",
        ("T51", "B52", "B54", "B56", "T57"),
        (-inf, -0.7, -0.2, 0.3, 0.8),
        hours_past=14.0,
        hours_left=20.0,
        volume=40_000,
        activity=2.0,
        giants=3.0,
    ),
    Standing(
        _CHICAGO,
        "TOMORROW",
        "Highest temperature in Chicago tomorrow:",
        ("T43", "B44", "B46", "T47"),
        (-inf, -0.6, 0.0, 0.6),
        hours_past=14.0,
        hours_left=21.0,
        volume=15_000,
    ),
    Standing(
        _BASEBALL,
        "AB",
        "Alpha against Boulder: winner",
        ("ALPHA", "BOULDER"),
        (-inf, 0.0),
        hours_past=30.0,
        hours_left=4.0,
        preset="game",
        volume=400_000,
        activity=2.0,
        giants=3.0,
        pause=(timedelta(minutes=3), timedelta(seconds=40)),
    ),
    Standing(
        _BASEBALL,
        "CD",
        "Carmel against Dover: winner",
        ("CARMEL", "DOVER"),
        (-inf, 0.2),
        hours_past=2.0,
        hours_left=3.0,
        preset="game",
        volume=800_000,
        activity=3.0,
        ends=timedelta(minutes=9),
    ),
    Standing(
        _FED,
        "NEXT",
        "Fed decision at the next meeting:",
        ("CUT50", "CUT25", "HOLD", "HIKE25"),
        (-inf, -1.4, -0.2, 1.6),
        hours_past=400.0,
        hours_left=300.0,
        volume=60_000,
    ),
    Standing(
        _CPI,
        "NEXT",
        "Consumer prices, monthly change above",
        ("T0.2", "T0.3", "T0.4"),
        (-0.8, 0.0, 0.9),
        hours_past=200.0,
        hours_left=240.0,
        preset="illiquid",
        volume=2_500,
        exclusive=False,
    ),
    Standing(
        _SENATE,
        "MAINE",
        "Senate race in Maine:",
        ("R", "D"),
        (-inf, 0.1),
        hours_past=900.0,
        hours_left=2000.0,
        preset="illiquid",
        volume=900,
    ),
    Standing(
        _SENATE,
        "IOWA",
        "Senate race in Iowa:",
        ("R", "D"),
        (-inf, -0.4),
        hours_past=900.0,
        hours_left=2000.0,
        preset="illiquid",
        sides=frozenset({Side.BUY}),
    ),
    Standing(
        _SENATE,
        "OHIO",
        "Senate race in Ohio:",
        ("R",),
        (0.0,),
        hours_past=900.0,
        hours_left=2000.0,
        preset="illiquid",
        sides=frozenset({Side.SELL}),
        exclusive=False,
    ),
    Standing(
        _AWARD,
        "NEXT",
        "Best picture:",
        ("NORTH", "EAST", "WEST"),
        (-inf, -0.3, 0.4),
        hours_past=50.0,
        hours_left=900.0,
        traded=False,
    ),
    Standing(
        _COMBO,
        "S1",
        "Alpha and Carmel both win",
        ("A", "B"),
        (0.0, 0.0),
        hours_past=1.0,
        hours_left=5.0,
        traded=False,
        exclusive=False,
        legs=_LEGS,
    ),
)


def demo_world(exchange: Exchange, seed: int) -> World:
    """A demo world on an exchange that stands `HISTORY` before the demo's first moment."""
    start = exchange.now + HISTORY
    series = {each.series.ticker: each.series for each in (*ROLLING, *STANDING)}
    calendar = Calendar(
        standing=[each.listing(start) for each in STANDING],
        rolling=ROLLING,
        series=tuple(series.values()),
        rolls_from=start - ROLLED,
    )
    world = World(exchange, seed, calendar)
    world.rehearse(start - ROLLED, step=3600.0)
    world.rehearse(start - LIVED, step=30.0)
    world.advance(start)
    return world


def demo_exchange(clock: Clock, seed: int, speed: float = 1.0) -> tuple[Exchange, Driver]:
    """The demo exchange at the present moment, and what keeps it there."""
    exchange = Exchange(seed, clock.now() - HISTORY)
    return exchange, Driver(demo_world(exchange, seed), clock, speed)
