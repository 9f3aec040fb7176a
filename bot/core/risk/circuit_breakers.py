"""What stops entries for a while: losses, failures of the exchange, too many orders at once.

`CircuitBreakers` is a value; every change is the next one. It says why entries are stopped now, the
gravest reason first: what operators or the process itself want (`Permit`), a drawdown, the loss of
the day, a pause after failures. Exits are not its business. Leaves out what one order may cost
(`checks`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from bot.core.account.valuation import DayStart
from bot.core.market.money import ZERO, Dollars
from bot.core.risk.limits import RiskLimits, Stop, in_dollars

MINUTE: Final = timedelta(seconds=60)
#: Beyond this share, broken books are a failure of the exchange; up to it, of their markets alone.
MAX_BROKEN: Final = 0.5
#: Seconds that our clock and the exchange's may differ.
MAX_SKEW: Final = 2.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether anything may be entered at this moment, whatever the account says.

    `killed` is why people want nothing entered, `killed_until` what lifts that; `sure` whether this
    process leads beyond doubt; `fault` why nothing can be kept; `mismatch` why our accounts are not
    trusted.
    """

    killed: str | None = None
    sure: bool = True
    fault: str | None = None
    mismatch: str | None = None
    killed_until: str | None = None

    @property
    def stop(self) -> Stop | None:
        """Why not; None if it may."""
        # What stops exits as well goes first: nobody shall rely on them. Without the database
        # the lease becomes uncertain, too.
        if self.fault is not None:
            return Stop(
                "database", f"the database cannot be written, so no orders are sent: {self.fault}"
            )
        if not self.sure:
            return Stop("lease", "the lease is uncertain: no orders are sent")
        if self.killed is not None:
            until = self.killed_until or "resumed"
            reason = f"killed ({self.killed}): no entries until {until}, exits continue"
            return Stop("killed", reason)
        if self.mismatch is not None:
            return Stop(
                "audit", f"{self.mismatch}: no entries until that is cleared, exits continue"
            )
        return None


@dataclass(frozen=True, slots=True)
class CircuitBreakers:
    """The memory behind every stop; bounded by the limits it is asked with.

    `equity` as last seen; `peak` the highest since an operator resumed last, or ever, and
    `drawdown` the deepest fall below it. `day` is None before the first moment, `lost` the most
    that was lost since it began; `day_before` and `lost_before` are those of the day before, which
    a clock may go back to. `entries` are those of the last minute, `failures` those of the
    limits' window.
    """

    equity: Dollars
    peak: Dollars
    drawdown: Dollars = ZERO
    day: DayStart | None = None
    entries: tuple[datetime, ...] = ()
    failures: tuple[datetime, ...] = ()
    paused_until: datetime | None = None
    resumed_at: datetime | None = None
    lost: Dollars = ZERO
    day_before: DayStart | None = None
    lost_before: Dollars = ZERO

    @classmethod
    def of(cls, equity: Dollars) -> Self:
        """Those of an account that begins with this."""
        return cls(equity=equity, peak=equity)

    @property
    def daily_pnl(self) -> Dollars:
        """Profit or loss since 00:00 UTC as last seen, fees included; 0 before the first moment."""
        return self.day.pnl(self.equity) if self.day else ZERO

    def seen(self, at: datetime, equity: Dollars) -> Self:
        """After a valuation of the account. The first of a day is what the day counts from."""
        begun = self._begun(at, equity)
        is_back, is_same = self._is_back(at), begun is self and equity == self.equity
        if is_same and not is_back and _loss(self.day, equity) <= self.lost:
            return self
        peak, lost_before = max(self.peak, equity), begun.lost_before
        if begun._is_back(at):
            lost_before = max(lost_before, _loss(begun.day_before, equity))
        return replace(
            begun,
            equity=equity,
            peak=peak,
            drawdown=max(self.drawdown, peak - equity),
            # Whatever is earned again: the worst of a day is what it is stopped for.
            lost=max(begun.lost, _loss(begun.day, equity)),
            lost_before=lost_before,
        )

    def _is_back(self, at: datetime) -> bool:
        """Whether the clock has gone back over a midnight."""
        return self.day is not None and at.date() < self.day.day

    def _begun(self, at: datetime, equity: Dollars) -> Self:
        """In the day of this time, which begins with this equity if it is a new one."""
        if self.day is None:
            return replace(self, day=DayStart.of(at, equity))
        day = self.day.rolled(at, equity)
        if day is not self.day:
            return replace(self, day=day, lost=ZERO, day_before=self.day, lost_before=self.lost)
        if self.day_before and self.day_before.day < at.date() < self.day.day:
            # The clock had been days ahead and is back, and this is the first midnight since.
            return replace(self, day=DayStart.of(at, equity), lost=ZERO, day_before=None)
        return self

    def moved(self, amount: Dollars) -> Self:
        """After cash came from outside, or went if below 0: that is no profit and no loss."""
        day, before = self.day, self.day_before
        return replace(
            self,
            equity=self.equity + amount,
            peak=self.peak + amount,
            day=day and replace(day, equity=day.equity + amount),
            day_before=before and replace(before, equity=before.equity + amount),
        )

    def entered(self, at: datetime, limits: RiskLimits) -> Self:
        """After an entry was sent."""
        most = limits.max_orders_per_minute
        return self if most is None else replace(self, entries=_latest(self.entries, at, most))

    def entered_lately(self, at: datetime) -> int:
        """Entries sent within the minute before this moment."""
        return sum(at - entry < MINUTE for entry in self.entries)

    def failed_lately(self, at: datetime, limits: RiskLimits) -> int:
        """Failures of the exchange within the window of the limits before this moment."""
        window = timedelta(seconds=limits.error_window)
        return sum(at - failure < window for failure in self.failures)

    def failed(self, at: datetime, limits: RiskLimits) -> Self:
        """After the exchange failed at something; one too many in the window begins a pause."""
        most = limits.max_errors_per_minute
        if most is None:
            return self
        failures = _latest(self.failures, at, most, timedelta(seconds=limits.error_window))
        until = at + timedelta(seconds=limits.error_pause)
        paused_until = until if len(failures) >= most else self.paused_until
        return replace(self, failures=failures, paused_until=paused_until)

    def fetched(self, at: datetime, asked: int, broken: int, limits: RiskLimits) -> Self:
        """After so many of the books asked for came broken."""
        is_failure = broken > 1 and broken > MAX_BROKEN * asked
        return self.failed(at, limits) if is_failure else self

    def skewed(self, at: datetime, seconds: float, limits: RiskLimits) -> Self:
        """After the clock of the exchange was found to differ by so much from ours."""
        # Written so that NaN is a failure: an unknown difference is not a small one.
        return self if abs(seconds) <= MAX_SKEW else self.failed(at, limits)

    def resumed(self, at: datetime, equity: Dollars) -> Self:
        """After an operator resumed at that time: halt and pause are over. Idempotent."""
        if self.resumed_at is not None and at <= self.resumed_at:
            return self
        return replace(
            self,
            equity=equity,
            peak=equity,
            drawdown=ZERO,
            failures=(),
            paused_until=None,
            resumed_at=at,
        )

    def stopped(self, at: datetime, limits: RiskLimits, permit: Permit) -> Stop | None:
        """Why entries are stopped at this time: the gravest reason; None if they are not."""
        return (
            permit.stop
            or self._halted(limits)
            or self._losing(at, limits)
            or self._paused(at, limits)
        )

    def _halted(self, limits: RiskLimits) -> Stop | None:
        limit = limits.drawdown_halt
        if limit is None or self.drawdown < limit:
            return None
        reason = (
            f"equity fell ${self.drawdown:.2f} below its peak: no entries until an operator "
            f"resumes, exits continue (RISK_DRAWDOWN_HALT {in_dollars(limit)})"
        )
        return Stop("drawdown_halt", reason, self.drawdown, limit)

    def _losing(self, at: datetime, limits: RiskLimits) -> Stop | None:
        # On a clock that has gone back over midnight what was lost before it counts again.
        lost = max(self.lost, self.lost_before) if self._is_back(at) else self.lost
        limit = limits.daily_loss_stop
        if lost < limit:
            return None
        reason = (
            f"${lost:.2f} lost today (UTC): no entries until 00:00 UTC, exits continue "
            f"(RISK_DAILY_LOSS_STOP {in_dollars(limit)})"
        )
        return Stop("daily_loss_stop", reason, lost, limit)

    def _paused(self, at: datetime, limits: RiskLimits) -> Stop | None:
        until, most = self.paused_until, limits.max_errors_per_minute
        if until is None or most is None or at >= until:
            return None
        reason = (
            f"the exchange failed {most} times within {limits.error_window:g} s: no entries until "
            f"{until:%H:%M:%S} UTC, exits continue (RISK_MAX_ERRORS_PER_MINUTE)"
        )
        return Stop("error_breaker", reason, (until - at).total_seconds(), limits.error_pause)


def _loss(day: DayStart | None, equity: Dollars) -> Dollars:
    return -day.pnl(equity) if day else ZERO


def _latest(
    times: Iterable[datetime], at: datetime, most: int, window: timedelta = MINUTE
) -> tuple[datetime, ...]:
    """Those of the last minute and this one; the newest, if there are more than can matter."""
    return (*(time for time in times if at - time < window), at)[-most:]
