"""How the participants of a market behave, as tables: one preset a kind of market.

Prices in cents, sizes in contracts, times in seconds, rates per second unless said. The numbers
of `fast15m` are fitted to recorded 15-minute crypto books (see `bot.sim.report`); those of
`slow_day` and `illiquid` start from hourly snapshots of many markets and are plausible, not
fitted.
"""

from dataclasses import dataclass, replace
from math import inf

from bot.core.market import Side
from bot.sim.world.belief import News


@dataclass(frozen=True, slots=True)
class Maker:
    """A market maker that keeps a ladder of orders on both sides of what it thinks is fair.

    It learns the belief with a `lag`, hangs `levels` prices a side from `half_spread` outwards,
    follows with probability `follow` a second, and draws back endangered quotes with `flee`: a
    `token` of each stays, and if it `redraws`, new ones hang further out at once. Quotes up to
    `keep` levels further out stay. A `fine` maker uses every price of the grid. A share `gaps` of
    the levels gets an eighth of the size. News of more than `alarm` cents is acted on at once.
    """

    half_spread: float
    levels: int
    size: float
    sigma: float
    lag: float
    follow: float
    flee: float
    keep: int = 0
    token: float = 0.0
    redraws: bool = False
    gaps: float = 0.0
    alarm: float = inf
    fine: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """Everybody else of ordinary size.

    `flickers` are the large quotes of market making, pulled again within seconds: they are no
    whales, and the reason why size alone does not make one.
    """

    limits: float
    limit_size: float
    limit_sigma: float
    limit_life: float
    takers: float
    taker_size: float
    taker_sigma: float
    yes_lean: float = 0.05
    crowd_lean: float = 0.05
    informed: float = 0.05
    informed_margin: float = 1.0
    informed_size: float = 150.0
    informed_sigma: float = 1.0
    flickers: float = 0.0
    flicker_size: float = 0.0


@dataclass(frozen=True, slots=True)
class Large:
    """Those whom the whale rules look for; rates are per hour.

    Sizes are multiples, from `least` to `most`, of the usual size of the five best levels.
    """

    whales: float = 1.5
    spoofs: float = 1.5
    sweeps: float = 1.0
    least: float = 8.0
    most: float = 30.0
    right: float = 0.60
    icebergs: float = 0.30
    whale_ticks: int = 2
    whale_life: float = 1200.0
    whale_rest: float = 120.0
    spoof_near: int = 2
    spoof_far: int = 5
    spoof_life: float = 25.0
    sweep_least: float = 5.0
    sweep_most: float = 15.0


NOBODY_LARGE = Large(whales=0.0, spoofs=0.0, sweeps=0.0)


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of market: its news, its participants, and how its makers' sizes and errors drift.

    `depth_sd` and `depth_half_life` are of the logarithm of a side's sizes, `scale_sd` of what sets
    the sizes of one market apart from another's for good; `error_sd` cents and `error_half_life`
    of what all makers together get wrong. `unpredictable` is the null mode: the
    belief is a coin on whole cents that moves `coin_moves` times a second and the book says
    nothing about it. `activity` multiplies the rates of the flow; makers quote
    on `sides` only.
    """

    name: str
    news: News
    makers: tuple[Maker, ...]
    flow: Flow
    large: Large
    depth_sd: float = 1.0
    depth_half_life: float = 5.0
    scale_sd: float = 0.0
    error_sd: float = 0.0
    error_half_life: float = 300.0
    unpredictable: bool = False
    coin_moves: float = 0.0
    activity: float = 1.0
    sides: frozenset[Side] = frozenset(Side)


FAST15M = Preset(
    name="fast15m",
    news=News(quiet=0.56, burst=1.0, burst_half_life=17.0, jumps=14.0),
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
        Maker(1.0, 14, 110, 0.4, lag=1.0, follow=0.4, flee=0.9, keep=40),
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
    news=News(quiet=0.5, burst=0.8, burst_half_life=40.0),
    makers=tuple(
        replace(maker, size=maker.size * 0.6, follow=maker.follow * 0.7) for maker in FAST15M.makers
    ),
    flow=replace(
        FAST15M.flow, limits=0.25, takers=0.4, informed=0.15, flickers=0.003, flicker_size=3600
    ),
)

SLOW_DAY = Preset(
    name="slow_day",
    news=News(quiet=0.99, burst=1.4, burst_half_life=900.0),
    makers=(
        Maker(0.3, 1, 140, 0.7, lag=6.0, follow=0.05, flee=0.1),
        Maker(0.55, 2, 1100, 0.5, lag=5.0, follow=0.08, flee=0.3, gaps=0.3),
        Maker(0.8, 4, 950, 0.5, lag=10.0, follow=0.06, flee=0.2, gaps=0.3, redraws=True),
        Maker(2.5, 8, 350, 0.8, lag=40.0, follow=0.03, flee=0.1, gaps=0.3, redraws=True, keep=12),
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

#: Two teams and a crowd with deep pockets.
GAME = replace(
    SLOW_DAY,
    name="game",
    makers=tuple(replace(maker, size=maker.size * 2.0) for maker in SLOW_DAY.makers),
    flow=replace(SLOW_DAY.flow, limit_size=150, taker_size=34, takers=0.05, flicker_size=16_000),
    scale_sd=1.6,
)

ILLIQUID = Preset(
    name="illiquid",
    news=News(quiet=0.995, burst=1.0, burst_half_life=1800.0),
    makers=(
        Maker(3.0, 2, 90, 0.8, lag=60.0, follow=0.01, flee=0.02),
        Maker(8.0, 3, 250, 0.8, lag=120.0, follow=0.005, flee=0.01, keep=6),
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
    news=News(),
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
        crowd_lean=0.0,
        informed=0.0,
    ),
    large=NOBODY_LARGE,
    depth_sd=0.0,
    scale_sd=0.8,
    unpredictable=True,
    coin_moves=0.6,
)

PRESETS = {preset.name: preset for preset in (FAST15M, HOURLY, SLOW_DAY, GAME, ILLIQUID, NULL)}
