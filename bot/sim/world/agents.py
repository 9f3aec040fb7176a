"""All participants of one market, stepped together; each with a random stream of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.units import CENT, DOLLAR_TICKS
from bot.sim.world.habits import Flow, Preset
from bot.sim.world.large_traders import LargeTraders
from bot.sim.world.makers import MarketMakers
from bot.sim.world.market_adapter import MarketAdapter
from bot.sim.world.noise_flow import NoiseFlow
from bot.sim.world.rng_stream import RngDrift, RngStream
from bot.sim.world.truth import ActionKind, Truth


@dataclass(frozen=True, slots=True)
class House:
    """The accounts participants trade from: one per role, for all markets."""

    makers: Sequence[MemberAccount]
    noise_flow: MemberAccount
    large: Mapping[ActionKind, MemberAccount]


class Agents:
    """Who trades in one market."""

    def __init__(
        self, preset: Preset, adapter: MarketAdapter, house: House, seed: int, truth: Truth
    ) -> None:
        def rng(role: str) -> RngStream:
            return RngStream(seed, adapter.ticker, role)

        self._preset = preset
        self._adapter = adapter
        self._market_makers = [
            MarketMakers(habits, adapter, account, rng(account.name))
            for habits, account in zip(preset.makers, house.makers, strict=False)
        ]
        self._large_traders = LargeTraders(preset.large, adapter, house.large, rng("giants"), truth)
        market_regimes = rng("moods")
        self._scale = market_regimes.lognormal(1.0, preset.scale_sd)
        self._noise_flow = NoiseFlow(
            scaled(preset.flow, self._scale), adapter, house.noise_flow, rng("flow")
        )
        self._error = RngDrift(market_regimes, preset.error_sd * CENT, preset.error_half_life)
        self._depth = {
            side: RngDrift(market_regimes, preset.depth_sd, preset.depth_half_life) for side in Side
        }

    def step(self, belief: float, seconds: float) -> None:
        """Let everybody act once while the market is worth `belief` (0..1) dollars."""
        if not self._adapter.is_open:
            return
        # Without the rounding 50.5 cents could come out just below the tick it means.
        price = round(belief * DOLLAR_TICKS, 6)
        error = self._error.step(seconds)
        depth = {side: self._regime(side, seconds) for side in Side}
        for maker in self._market_makers:
            maker.believe(price, seconds)
            maker.flee(error, seconds, depth)
        self._noise_flow.step(price, seconds, self._preset.activity)
        for maker in self._market_makers:
            maker.follow(error, seconds, depth)
        self._large_traders.step(price, seconds)

    def close(self) -> None:
        """The market has closed for good."""
        self._large_traders.close()

    def _regime(self, side: Side, seconds: float) -> float:
        if side not in self._preset.sides:
            return 0.0
        return self._scale * exp(self._depth[side].step(seconds))


def scaled(flow: Flow, scale: float) -> Flow:
    """The same flow in a market whose sizes are that much larger."""
    return replace(
        flow,
        limit_size=flow.limit_size * scale,
        taker_size=flow.taker_size * scale,
        informed_size=flow.informed_size * scale,
        flicker_size=flow.flicker_size * scale,
    )
