"""The behaviour of a market's participants, as tables: one preset per kind of market.

The numbers of `fast15m` are fitted to recorded 15-minute crypto books (see `bot.sim.report`);
those of `slow_day`, `game` and `illiquid` are drawn from hourly snapshots of many markets and
the best prices of weather markets. What the numbers mean is in `habits`.
"""

from dataclasses import replace

from bot.sim.world.belief import NewsProcess
from bot.sim.world.habits import NOBODY_LARGE, Flow, Large, Maker, Preset

FAST15M = Preset(
    name="fast15m",
    news=NewsProcess(quiet=0.56, burst=1.0, burst_half_life=17.0, jumps=14.0),
    makers=(
        # Small ones close to the price, slow to leave it: the remnants at the best prices.
        Maker(0.02, 1, 60, 0.5, lag=3.6, follow=0.67, flee=0.13, fine=True),
        Maker(0.35, 2, 200, 0.7, lag=2.0, follow=0.57, flee=0.3),
        # Large ones behind them.
        Maker(0.45, 2, 1200, 0.31, lag=1.7, follow=0.33, flee=0.98, token=32, gaps=0.27, alarm=5.6),
        Maker(
            2.1, 2, 1020, 0.31, lag=2.0, follow=0.15, flee=0.43, gaps=0.27, alarm=5.6, redraws=True
        ),
        Maker(3.0, 3, 290, 0.31, lag=1.7, follow=0.21, flee=0.9, gaps=0.27, alarm=5.6),
        # A wide base, and now and then a wall far out.
        Maker(1.0, 14, 110, 0.4, lag=1.0, follow=0.4, flee=0.9, resting_beyond=40),
        Maker(8.5, 1, 3900, 0.15, lag=5.0, follow=0.1, flee=0.3, gaps=0.45),
    ),
    flow=Flow(
        limits=0.44,
        limit_size=60,
        limit_sigma=0.5,
        limit_life=5.0,
        takers=1.2,
        taker_size=25,
        taker_sigma=1.9,
        informed=0.22,
        informed_margin=0.2,
        flickers=0.006,
        flicker_size=6000,
    ),
    large=Large(whale_life=60.0, whale_rest=20.0, whales=6.0, spoofs=6.0, sweeps=4.0),
    depth_sd=0.17,
    depth_half_life=2.2,
)

#: A threshold market of the hour: the same makers, in less of a hurry.
HOURLY = replace(
    FAST15M,
    name="hourly",
    news=NewsProcess(quiet=0.5, burst=0.8, burst_half_life=40.0),
    makers=tuple(
        replace(maker, size=maker.size * 0.6, follow=maker.follow * 0.7) for maker in FAST15M.makers
    ),
    flow=replace(
        FAST15M.flow, limits=0.25, takers=0.4, informed=0.15, flickers=0.003, flicker_size=3600
    ),
)

SLOW_DAY = Preset(
    name="slow_day",
    news=NewsProcess(quiet=0.99, burst=1.4, burst_half_life=900.0),
    makers=(
        Maker(0.3, 1, 140, 0.7, lag=6.0, follow=0.05, flee=0.1),
        Maker(0.55, 2, 1100, 0.5, lag=5.0, follow=0.08, flee=0.3, gaps=0.3),
        Maker(0.8, 4, 950, 0.5, lag=10.0, follow=0.06, flee=0.2, gaps=0.3, redraws=True),
        Maker(
            2.5,
            8,
            350,
            0.8,
            lag=40.0,
            follow=0.03,
            flee=0.1,
            gaps=0.3,
            redraws=True,
            resting_beyond=12,
        ),
    ),
    flow=Flow(
        limits=0.015,
        limit_size=60,
        limit_sigma=1.1,
        limit_life=120.0,
        takers=0.012,
        taker_size=30,
        taker_sigma=1.7,
        informed=0.02,
        flickers=0.001,
        flicker_size=8000,
    ),
    large=Large(),
    depth_sd=0.3,
    depth_half_life=600.0,
    scale_sd=1.1,
    error_sd=0.2,
    error_half_life=1800.0,
)

#: Two teams, and noise flow of large sizes.
GAME = replace(
    SLOW_DAY,
    name="game",
    makers=tuple(replace(maker, size=maker.size * 2.0) for maker in SLOW_DAY.makers),
    flow=replace(SLOW_DAY.flow, limit_size=150, taker_size=34, takers=0.05, flicker_size=16_000),
    scale_sd=1.6,
)

ILLIQUID = Preset(
    name="illiquid",
    news=NewsProcess(quiet=0.995, burst=1.0, burst_half_life=1800.0),
    makers=(
        Maker(3.0, 2, 90, 0.8, lag=60.0, follow=0.01, flee=0.02),
        Maker(8.0, 3, 250, 0.8, lag=120.0, follow=0.005, flee=0.01, resting_beyond=6),
    ),
    flow=Flow(
        limits=0.004,
        limit_size=25,
        limit_sigma=1.4,
        limit_life=900.0,
        takers=0.002,
        taker_size=10,
        taker_sigma=1.4,
        informed=0.002,
        informed_margin=3.0,
    ),
    large=Large(whales=0.2, spoofs=0.2, sweeps=0.1, whale_ticks=1),
    depth_sd=0.3,
    depth_half_life=1800.0,
    scale_sd=1.3,
    error_sd=1.0,
    error_half_life=3600.0,
)

#: Nothing is predictable: the makers quote a coin on whole cents, with sizes that know nothing.
NULL = Preset(
    name="null",
    news=NewsProcess(),
    makers=(
        Maker(0.5, 1, 500, 0.5, lag=0.0, follow=1.0, flee=1.0),
        Maker(0.5, 6, 300, 0.5, lag=0.0, follow=1.0, flee=1.0),
    ),
    flow=Flow(
        limits=0.0,
        limit_size=1,
        limit_sigma=0.0,
        limit_life=1.0,
        takers=0.5,
        taker_size=20,
        taker_sigma=1.0,
        yes_lean=0.0,
        agents_lean=0.0,
        informed=0.0,
    ),
    large=NOBODY_LARGE,
    depth_sd=0.0,
    scale_sd=0.8,
    unpredictable=True,
    coin_moves=0.6,
)

PRESETS = {preset.name: preset for preset in (FAST15M, HOURLY, SLOW_DAY, GAME, ILLIQUID, NULL)}
