"""What the demo exchange lists, as tables.

Tickers are invented after the fashion of the real ones. Crypto rolls every quarter of an hour
and commodities in between, others every 30 minutes, one market every three; the rest lasts days.
Among them: combos, markets nobody trades, one-sided books, a halt, an early end, waived and halved
fees.
Volumes are contracts a day and market, told before the demo's first moment: those of slow markets
are what a fast one trades in its first half minute, for the bot watches the most traded.
"""

from datetime import timedelta
from decimal import Decimal
from math import inf

from bot.core.market.market import Side
from bot.sim.engine.specs import ComboLeg, SeriesSpec
from bot.sim.world.listings import PerpetualListing, Rolling

_CRYPTO, _SPORTS = 2, 3


def _series(
    ticker: str, title: str, category: str, shard: int = 0, multiplier: str = "1"
) -> SeriesSpec:
    return SeriesSpec(
        ticker,
        title,
        category,
        frequency="custom",
        fee_multiplier=Decimal(multiplier),
        exchange_index=shard,
    )


def _coin(ticker: str, title: str, volume: float, *, waived: bool = False) -> Rolling:
    """A fast series of every quarter of an hour; the exchange waives the fees of some."""
    series = _series(ticker, title, "Crypto", _CRYPTO, multiplier="0" if waived else "1")
    return Rolling(series, timedelta(minutes=15), "fast15m", volume, large_traders=2.0)


def _commodity(ticker: str, title: str, phase: int, *, waived: bool = False) -> Rolling:
    """A fast series of every quarter of an hour, so many minutes later than crypto."""
    series = _series(ticker, title, "Commodities", _CRYPTO, multiplier="0" if waived else "1")
    every, late = timedelta(minutes=15), timedelta(minutes=phase)
    return Rolling(series, every, "fast15m", 2.5e7, large_traders=2.0, phase=late)


def _above(ticker: str, title: str, phase: int) -> Rolling:
    """Three strikes every half an hour."""
    return Rolling(
        _series(ticker, title, "Crypto", _CRYPTO),
        timedelta(minutes=30),
        "hourly",
        1.5e7,
        large_traders=2.0,
        strikes=(-0.6, 0.0, 0.6),
        phase=timedelta(minutes=phase),
    )


ROLLING = (
    _coin("KXBTC15M", "Bitcoin up or down", 6e7),
    _coin("KXETH15M", "Ethereum up or down", 4e7),
    _coin("KXSOL15M", "Solana up or down", 3e7),
    _coin("KXXRP15M", "XRP up or down", 2.5e7),
    _coin("KXDOGE15M", "Doge up or down", 2e7, waived=True),
    _coin("KXBNB15M", "BNB up or down", 2e7, waived=True),
    _above("KXBTCD", "Bitcoin above", phase=10),
    _above("KXETHD", "Ethereum above", phase=25),
    # Five minutes apart: whenever somebody starts the demo, some fast markets have long to go and
    # prices that may still move.
    _commodity("KXGOLD15M", "Gold up or down", 5),
    _commodity("KXSILVER15M", "Silver up or down", 10, waived=True),
    _commodity("KXOIL15M", "Oil up or down", 10),
    _commodity("KXCOPPER15M", "Copper up or down", 5, waived=True),
    Rolling(
        _series("KXQUICKSETTLE", "Coin above", "Crypto", _CRYPTO),
        timedelta(minutes=3),
        "fast15m",
        3e7,
        large_traders=2.0,
        timer=15,
    ),
)

_INDEX = _series("KXINX", "S&P 500 at the close", "Financials", multiplier="0.5")
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

PERPETUAL = (
    PerpetualListing(
        _INDEX,
        "TODAY",
        "S&P 500 at the close:",
        ("B6700", "B6750", "B6800", "B6850"),
        (-inf, -0.5, 0.1, 0.7),
        hours_past=18.0,
        hours_left=6.0,
        volume=3_000,
        activity=2.0,
        large_traders=3.0,
    ),
    PerpetualListing(
        _NY,
        "TOMORROW",
        "Highest temperature in New York tomorrow:",
        ("T51", "B52", "B54", "B56", "T57"),
        (-inf, -0.7, -0.2, 0.3, 0.8),
        hours_past=14.0,
        hours_left=20.0,
        volume=2_000,
        activity=2.0,
        large_traders=3.0,
    ),
    PerpetualListing(
        _CHICAGO,
        "TOMORROW",
        "Highest temperature in Chicago tomorrow:",
        ("T43", "B44", "B46", "T47"),
        (-inf, -0.6, 0.0, 0.6),
        hours_past=14.0,
        hours_left=21.0,
        volume=1_000,
    ),
    PerpetualListing(
        _BASEBALL,
        "AB",
        "Alpha against Boulder: winner",
        ("ALPHA", "BOULDER"),
        (-inf, 0.0),
        hours_past=30.0,
        hours_left=4.0,
        preset="game",
        volume=5_000,
        activity=2.0,
        large_traders=3.0,
        pause=(timedelta(minutes=3), timedelta(seconds=40)),
    ),
    PerpetualListing(
        _BASEBALL,
        "CD",
        "Carmel against Dover: winner",
        ("CARMEL", "DOVER"),
        (-inf, 0.2),
        hours_past=2.0,
        hours_left=3.0,
        preset="game",
        volume=8_000,
        activity=3.0,
        ends=timedelta(minutes=9),
    ),
    PerpetualListing(
        _FED,
        "NEXT",
        "Fed decision at the next meeting:",
        ("CUT50", "CUT25", "HOLD", "HIKE25"),
        (-inf, -1.4, -0.2, 1.6),
        hours_past=400.0,
        hours_left=300.0,
        volume=2_000,
    ),
    PerpetualListing(
        _CPI,
        "NEXT",
        "Consumer prices, monthly change above",
        ("T0.2", "T0.3", "T0.4"),
        (-0.8, 0.0, 0.9),
        hours_past=200.0,
        hours_left=240.0,
        preset="illiquid",
        volume=500,
        exclusive=False,
    ),
    PerpetualListing(
        _SENATE,
        "MAINE",
        "Senate race in Maine:",
        ("R", "D"),
        (-inf, 0.1),
        hours_past=900.0,
        hours_left=2000.0,
        preset="illiquid",
        volume=300,
    ),
    PerpetualListing(
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
    PerpetualListing(
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
    PerpetualListing(
        _AWARD,
        "NEXT",
        "Best picture:",
        ("NORTH", "EAST", "WEST"),
        (-inf, -0.3, 0.4),
        hours_past=50.0,
        hours_left=900.0,
        traded=False,
    ),
    PerpetualListing(
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
