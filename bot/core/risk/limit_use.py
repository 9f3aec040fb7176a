"""How much of each limit is used: the numbers behind every refusal, before there is one.

Exposures are taken as the review takes them. A rule that is checked for each order has no
use between orders.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.account.portfolio import Portfolio
from bot.core.market.money import ZERO, Dollars, measured
from bot.core.risk.checks import Place
from bot.core.risk.circuit_breakers import CircuitBreakers
from bot.core.risk.exclusive import Stake, worst_loss
from bot.core.risk.limits import Number, RiskLimits

#: The groups that a market counts in.
_Groups = Callable[[str], Iterable[str]]
_OFF: Final = "this limit is off"


class Unit(StrEnum):
    """What a limit is counted in."""

    DOLLARS = "dollars"
    COUNT = "count"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit (None is off) and what is used of it; `value` None has its `reason`.

    `of` is the market, event or category that uses the most of a limit that each has.
    """

    rule: str
    setting: str
    unit: Unit
    limit: Number | None
    value: Number | None = None
    of: str | None = None
    reason: str | None = None

    @property
    def use(self) -> float | None:
        """The share of it that is used; None if that is not known, or it is off or 0."""
        if self.value is None or not self.limit:
            return None
        return plain_number(self.value) / plain_number(self.limit)


@dataclass(frozen=True, slots=True)
class LimitInputs:
    """What the limits are looked at with: accounts, where markets belong, the breakers, the time.

    `portfolio` is the one at worst: orders in doubt count as filled.
    """

    portfolio: Portfolio
    places: Mapping[str, Place]
    breakers: CircuitBreakers
    at: datetime

    @property
    def lost(self) -> Dollars:
        """The most that was lost today."""
        return max(self.breakers.lost, ZERO)

    def largest(self, where: _Groups) -> tuple[str | None, Dollars]:
        """Which of the groups that a ticker counts in has the largest exposure, and how large."""
        groups: defaultdict[str, Dollars] = defaultdict(lambda: ZERO)
        for ticker, position in self.portfolio.positions.items():
            for group in where(ticker):
                groups[group] += position.cost
        return max(groups.items(), key=lambda group: group[1], default=(None, ZERO))

    def largest_event(self) -> tuple[str | None, Dollars]:
        """The event with the largest exposure; where at most one of its markets pays, at worst."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for ticker in self.portfolio.positions:
            for event in self.event(ticker):
                groups[event].append(ticker)
        exposures = [(event, self._together(tickers)) for event, tickers in groups.items()]
        return max(exposures, key=lambda one: one[1], default=(None, ZERO))

    def _together(self, tickers: Sequence[str]) -> Dollars:
        held = [self.portfolio.positions[ticker] for ticker in tickers]
        if all(self.places[ticker].is_exclusive for ticker in tickers):
            return worst_loss([Stake(one.size, one.cost) for one in held])
        return sum((one.cost for one in held), ZERO)

    def event(self, ticker: str) -> Iterable[str]:
        """The event of a market, if it is known."""
        place = self.places.get(ticker)
        return [place.event_ticker] if place else []

    def category(self, ticker: str) -> Iterable[str]:
        """The category of a market; of one that is not known all that are."""
        known = {place.category for place in self.places.values() if place.category}
        place = self.places.get(ticker)
        return [place.category] if place and place.category else (known or {"not known"})


def plain_number(number: Number) -> float:
    """A number of a limit as a measurement."""
    return measured(number) if isinstance(number, Decimal) else float(number)


def limit_uses(limits: RiskLimits, now: LimitInputs) -> tuple[LimitUse, ...]:
    """All limits, those of the account first."""
    return (*_of_account(limits, now), *_of_exposure(limits, now), *_of_orders(limits))


def _of_account(limits: RiskLimits, now: LimitInputs) -> Iterable[LimitUse]:
    lost, fell, entries = now.lost, now.breakers.drawdown, now.breakers.entered_lately(now.at)
    positions = len(now.portfolio.positions)
    yield _dollars("daily_loss_stop", "daily_loss_stop", limits.daily_loss_stop, lost)
    yield _dollars("drawdown_halt", "drawdown_halt", limits.drawdown_halt, fell)
    yield _count("max_orders_per_minute", limits.max_orders_per_minute, entries)
    failures = now.breakers.failed_lately(now.at, limits)
    yield _count("max_errors_per_minute", limits.max_errors_per_minute, failures)
    yield _count("max_positions", limits.max_positions, positions)


def _of_exposure(limits: RiskLimits, now: LimitInputs) -> Iterable[LimitUse]:
    groups: tuple[tuple[str, Dollars | None, _Groups], ...] = (
        ("market_exposure", limits.max_market_exposure, lambda ticker: [ticker]),
        ("category_exposure", limits.max_category_exposure, now.category),
    )
    total, (event, exposure) = now.portfolio.exposure, now.largest_event()
    yield _dollars("total_exposure", "max_total_exposure", limits.max_total_exposure, total)
    yield _dollars(
        "event_exposure", "max_event_exposure", limits.max_event_exposure, exposure, event
    )
    for rule, limit, where in groups:
        of, most = now.largest(where)
        yield _dollars(rule, f"max_{rule}", limit, most, of)


def _of_orders(limits: RiskLimits) -> Iterable[LimitUse]:
    asked = (
        ("max_order_cost", "max_order_cost", Unit.DOLLARS, limits.max_order_cost),
        ("price_band", "min_price", Unit.DOLLARS, limits.min_price),
        ("price_band", "max_price", Unit.DOLLARS, limits.max_price),
        ("min_seconds_to_close", "min_seconds_to_close", _S, limits.min_seconds_to_close),
        ("stale_book", "max_book_age", _S, limits.max_book_age),
    )
    for rule, name, unit, limit in asked:
        yield LimitUse(rule, _setting(name), unit, limit, reason="checked for each order")


def _dollars(
    rule: str, name: str, limit: Dollars | None, value: Dollars, of: str | None = None
) -> LimitUse:
    reason = _OFF if limit is None else None
    return LimitUse(rule, _setting(name), Unit.DOLLARS, limit, value, of, reason)


def _count(rule: str, limit: int | None, value: int) -> LimitUse:
    name = "error_breaker" if rule == "max_errors_per_minute" else rule
    reason = _OFF if limit is None else None
    return LimitUse(name, _setting(rule), Unit.COUNT, limit, value, reason=reason)


def _setting(name: str) -> str:
    return f"RISK_{name.upper()}"


_S: Final = Unit.SECONDS
