"""The parameters of participants' behaviour.

Prices in cents, sizes in contracts, times in seconds, rates per second unless said.
"""

from dataclasses import dataclass
from math import inf

from bot.core.market.market import Side
from bot.sim.world.belief import NewsProcess


@dataclass(frozen=True, slots=True)
class Maker:
    """A market maker that quotes a ladder of orders on both sides of what it thinks is fair.

    It learns the belief with a `lag`, quotes `levels` prices per side from `half_spread` outwards,
    follows with probability `follow` a second, and draws back endangered quotes with `flee`: a
    `token` of each stays, and if it `redraws`, it quotes further out at once. Quotes up to
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
    resting_beyond: int = 0
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
    agents_lean: float = 0.05
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
    news: NewsProcess
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
