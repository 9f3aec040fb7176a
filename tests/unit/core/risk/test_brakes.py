from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.risk.circuit_breakers import CircuitBreakers, Permit
from bot.core.risk.limits import RiskLimits, Stop
from tests.support.strategies import NOON, scaled

START = Decimal(10_000)
LIMITS = RiskLimits(
    drawdown_halt=Decimal(1_000), max_orders_per_minute=3, max_errors_per_minute=5, error_pause=300
)
NEW = CircuitBreakers.of(START)
FREE = Permit()


def _later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _seen(*equities: int, breakers: CircuitBreakers = NEW, at: datetime = NOON) -> CircuitBreakers:
    for equity in equities:
        breakers = breakers.seen(at, Decimal(equity))
    return breakers


def _failed(
    *seconds: float, breakers: CircuitBreakers = NEW, limits: RiskLimits = LIMITS
) -> CircuitBreakers:
    for second in seconds:
        breakers = breakers.failed(_later(second), limits)
    return breakers


def _rule(breakers: CircuitBreakers, at: datetime = NOON, permit: Permit = FREE) -> str | None:
    stop = breakers.stopped(at, LIMITS, permit)
    return stop.rule if stop else None


def test_at_first_nothing_stops_entries():
    assert NEW.stopped(NOON, LIMITS, FREE) is None
    assert NEW.daily_pnl == 0


def test_the_loss_of_a_day_stops_entries_until_midnight_utc():
    losing = _seen(10_000, 9_800)

    assert losing.stopped(NOON, LIMITS, FREE) == Stop(
        "daily_loss_stop",
        "$200.00 lost today (UTC): no entries until 00:00 UTC, exits continue "
        "(RISK_DAILY_LOSS_STOP $200)",
        Decimal(200),
        Decimal(200),
    )
    assert _rule(_seen(10_000, 9_801)) is None
    tomorrow = datetime(2026, 11, 23, tzinfo=UTC)
    assert _rule(_seen(9_800, breakers=losing, at=tomorrow), tomorrow) is None


def test_a_day_counts_from_the_last_equity_of_the_day_before():
    night = datetime(2026, 11, 23, tzinfo=UTC)

    dawn = _seen(9_900, breakers=_seen(10_000, 9_900), at=night)

    assert dawn.daily_pnl == 0
    assert _seen(9_950, breakers=dawn, at=night).daily_pnl == 50


def test_a_drawdown_halts_until_an_operator_resumes_whatever_the_equity_does():
    halted = _seen(10_000, 12_000, 11_000, 15_000)
    day = replace(LIMITS, daily_loss_stop=Decimal(10**6))

    stop = halted.stopped(NOON, day, FREE)
    assert stop == Stop(
        "drawdown_halt",
        "equity fell $1000.00 below its peak: no entries until an operator resumes, exits continue "
        "(RISK_DRAWDOWN_HALT $1000)",
        Decimal(1_000),
        Decimal(1_000),
    )
    assert halted.seen(_later(10**6), Decimal(15_000)).stopped(_later(10**6), day, FREE) == stop

    resumed = halted.resumed(NOON, Decimal(15_000))
    assert resumed.stopped(NOON, day, FREE) is None
    assert _seen(14_001, breakers=resumed).stopped(NOON, day, FREE) is None
    assert _seen(14_000, breakers=resumed).stopped(NOON, day, FREE) is not None


def test_to_resume_twice_is_to_resume_once():
    resumed = _seen(10_000, 9_000).resumed(NOON, Decimal(9_000))
    halted = _seen(8_000, breakers=resumed)

    assert halted.resumed(NOON, Decimal(8_000)) is halted
    assert _rule(halted.resumed(_later(1), Decimal(8_000))) == "daily_loss_stop"


def test_too_many_failures_in_a_minute_pause_entries():
    at = _later(59)

    assert _rule(_failed(0, 10, 20, 30), _later(30)) is None
    assert _failed(0, 10, 20, 30, 59).stopped(at, LIMITS, FREE) == Stop(
        "error_breaker",
        "the exchange failed 5 times within 60 s: no entries until 12:05:59 UTC, exits continue "
        "(RISK_MAX_ERRORS_PER_MINUTE)",
        300.0,
        300.0,
    )


def test_the_pause_ends_and_begins_anew_if_failures_go_on():
    broken = _failed(0, 1, 2, 3, 4)

    assert _rule(broken, _later(303)) == "error_breaker"
    assert _rule(broken, _later(304)) is None
    assert _rule(_failed(20, breakers=broken), _later(319)) == "error_breaker"
    assert _rule(_failed(70, breakers=broken), _later(304)) is None


def test_where_cycles_are_rare_failures_count_for_longer():
    """At an interval of 60 s a minute sees two or three failures, never five."""
    rare, broken = replace(LIMITS, error_window=300.0), CircuitBreakers.of(Decimal(10_000))
    for second in (0, 60, 120, 180, 299):
        broken = broken.failed(_later(second), rare)

    assert broken.failed_lately(_later(299), rare) == 5
    stop = broken.stopped(_later(299), rare, FREE)
    assert stop is not None
    assert stop.reason.startswith("the exchange failed 5 times within 300 s")


def test_failures_far_apart_pause_nothing():
    assert _rule(_failed(0, 20, 40, 60, 80, 100, 120), _later(120)) is None


def test_an_operator_ends_the_pause():
    assert _rule(_failed(0, 1, 2, 3, 4).resumed(_later(5), START), _later(5)) is None


def test_without_a_limit_failures_and_entries_are_not_even_remembered():
    free = RiskLimits()

    assert _failed(*range(100), limits=free) is NEW
    assert NEW.entered(NOON, free) is NEW
    assert _seen(10_000, 1).stopped(NOON, replace(free, daily_loss_stop=START), FREE) is None


@pytest.mark.parametrize(
    ("asked", "broken", "failures"),
    [(20, 2, 0), (100, 50, 0), (100, 51, 1), (1, 1, 0), (3, 1, 0), (3, 2, 1), (0, 0, 0)],
)
def test_most_books_broken_are_a_failure_and_some_are_broken_books(asked, broken, failures):
    assert len(NEW.fetched(NOON, asked, broken, LIMITS).failures) == failures


@pytest.mark.parametrize(
    ("seconds", "failures"), [(2, 0), (-2, 0), (2.1, 1), (-2.1, 1), (float("nan"), 1)]
)
def test_a_clock_that_is_off_is_a_failure(seconds, failures):
    assert len(NEW.skewed(NOON, seconds, LIMITS).failures) == failures


def test_entries_are_counted_for_a_minute():
    breakers = NEW.entered(NOON, LIMITS).entered(_later(30), LIMITS)

    counts = [breakers.entered_lately(_later(after)) for after in (30, 59.9, 60, 89.9, 90)]

    assert counts == [2, 2, 1, 1, 0]


def test_the_gravest_reason_is_given():
    worst = _failed(0, 1, 2, 3, 4, breakers=_seen(10_000, 8_000))
    at = _later(5)

    assert _rule(worst, at, Permit("KILL", sure=False, fault="no disk")) == "database"
    assert _rule(worst, at, Permit("KILL", sure=False)) == "lease"
    assert _rule(worst, at, Permit("KILL", mismatch="5 more")) == "killed"
    assert _rule(worst, at) == "drawdown_halt"
    assert _rule(worst.resumed(NOON, Decimal(8_000)), at) == "daily_loss_stop"
    assert _rule(_failed(0, 1, 2, 3, 4), at) == "error_breaker"


def test_a_permit_says_why_not():
    reasons = [
        permit.stop and permit.stop.reason
        for permit in (Permit("the file KILL exists"), Permit(sure=False), Permit(fault="no disk"))
    ]

    assert reasons == [
        "killed (the file KILL exists): no entries until resumed, exits continue",
        "the lease is uncertain: no orders are sent",
        "the database cannot be written, so no orders are sent: no disk",
    ]


moments = st.lists(st.integers(0, 900), min_size=1, max_size=60).map(sorted)


@given(moments, st.integers(1, 8))
def test_no_more_is_remembered_than_can_matter_and_nothing_less(seconds, most):
    limits = replace(LIMITS, max_orders_per_minute=most, max_errors_per_minute=most)
    breakers = NEW
    for number, second in enumerate(seconds, start=1):
        breakers = breakers.entered(_later(second), limits).failed(_later(second), limits)

        lately = sum(second - earlier < 60 for earlier in seconds[:number])
        assert breakers.entered_lately(_later(second)) == min(lately, most)
        assert max(len(breakers.entries), len(breakers.failures)) <= most


@given(moments, st.integers(1, 8), st.integers(0, 1_300))
def test_entries_are_paused_as_long_after_the_last_failure_too_many(seconds, most, after):
    limits = replace(LIMITS, max_errors_per_minute=most)
    past = [second for second in seconds if second <= after]
    runs = zip(past, past[most - 1 :], strict=False)

    breakers = _failed(*past, limits=limits)

    paused = breakers.stopped(_later(after), limits, FREE) is not None
    assert paused is any(end - begin < 60 and after < end + 300 for begin, end in runs)


equities = st.lists(scaled(0, 2_000_000, 2), min_size=1, max_size=30)


@given(equities)
def test_the_drawdown_is_the_deepest_fall_from_any_earlier_peak(values):
    breakers = NEW
    for value in values:
        breakers = breakers.seen(NOON, value)

    path = [START, *values]
    falls = [max(path[: i + 1]) - value for i, value in enumerate(path)]
    assert breakers.drawdown == max(falls)
    assert breakers.peak == max(path)
    assert breakers.daily_pnl == values[-1] - values[0]


@given(equities, scaled(-500_000, 500_000, 2), scaled(-100, 100, 2), st.sampled_from([0, 1, 2]))
def test_cash_from_outside_is_no_profit_and_no_loss(values, amount, change, days):
    still, at = NEW, NOON
    for number, value in enumerate(values):
        at = NOON + timedelta(days=min(number, days))
        still = still.seen(at, value)

    moved = still.moved(amount)
    assert (moved.daily_pnl, moved.equity) == (still.daily_pnl, still.equity + amount)

    # Nor later, nor once the clock goes back over the midnight before.
    for when in (at, at - timedelta(days=1)):
        value = still.equity + change
        still, moved = still.seen(when, value), moved.seen(when, value + amount)
        figures = (still.drawdown, still.lost, still.lost_before, still.daily_pnl)
        assert (moved.drawdown, moved.lost, moved.lost_before, moved.daily_pnl) == figures
        assert moved.stopped(when, LIMITS, FREE) == still.stopped(when, LIMITS, FREE)


def test_what_was_lost_on_a_day_stops_entries_until_it_is_over_whatever_is_earned_then():
    won_back = _seen(10_000, 9_800, 10_500)

    assert won_back.daily_pnl == 500
    assert _rule(won_back) == "daily_loss_stop"
    assert won_back.stopped(NOON, replace(LIMITS, daily_loss_stop=Decimal(201)), FREE) is None


def test_a_version_that_did_not_remember_the_worst_of_the_day_learns_it_at_once():
    kept = replace(_seen(10_000, 9_800), lost=Decimal(0))

    assert _rule(_seen(9_800, breakers=kept)) == "daily_loss_stop"


@pytest.mark.parametrize("days", [1, 2, 3_650])
@pytest.mark.parametrize("earlier", [150, 250])
def test_a_clock_that_jumps_over_midnight_and_back_forgives_nothing(days, earlier):
    losing = _seen(10_000, 10_000 - earlier)
    later = NOON + timedelta(days=days)

    back = _seen(10_000 - earlier, breakers=_seen(10_000 - earlier, breakers=losing, at=later))
    worse = _seen(9_800, breakers=back)

    assert _rule(worse, NOON) == "daily_loss_stop"
    assert (_rule(back, NOON) == "daily_loss_stop") is (earlier >= 200)


def test_after_a_clock_that_was_days_ahead_the_next_midnight_begins_a_day():
    ahead = _seen(9_700, breakers=_seen(10_000, 9_700), at=NOON + timedelta(days=9))
    back = _seen(9_700, breakers=ahead)
    tomorrow = datetime(2026, 11, 23, 1, tzinfo=UTC)

    new = _seen(9_700, breakers=back, at=tomorrow)

    assert _rule(back) == "daily_loss_stop"
    assert _rule(new, tomorrow) is None
    assert new.daily_pnl == 0


def test_a_clock_that_jumps_back_over_midnight_and_on_again_forgives_nothing():
    losing = _seen(10_000, 9_800)
    yesterday = NOON - timedelta(days=1)

    back = _seen(9_800, breakers=losing, at=yesterday)

    assert _rule(back, yesterday) == "daily_loss_stop"
    assert _rule(_seen(9_900, breakers=back), NOON) == "daily_loss_stop"


@given(
    st.lists(
        st.tuples(st.sampled_from([-1, 0, 0, 1]), scaled(900_000, 1_100_000, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_no_way_of_a_clock_around_midnight_hides_what_was_lost_today(steps):
    breakers, worst = _seen(10_000), Decimal(0)
    for days, equity in steps:
        breakers = breakers.seen(NOON + timedelta(days=days), equity)
        worst = max(worst, 10_000 - equity) if days == 0 else worst
    breakers = breakers.seen(NOON, breakers.equity)

    stop = breakers.stopped(NOON, replace(LIMITS, drawdown_halt=None), FREE)
    assert worst < 200 or (stop is not None and stop.rule == "daily_loss_stop")
