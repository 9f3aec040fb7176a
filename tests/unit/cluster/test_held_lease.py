"""A lease is certain for a part of its time, counted from when it was asked for."""

import pytest

from bot.cluster.held_lease import SURE, HeldLease


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def lease(now):
    return HeldLease(10.0, lambda: now[0])


def test_before_a_term_nothing_is_certain(lease):
    assert lease.seconds_sure == 0.0


def test_it_is_certain_from_the_question_on_not_from_a_slow_answer(lease, now):
    now[0] = 103.0
    lease.begin(100.0)

    assert lease.seconds_sure == pytest.approx(10.0 * SURE - 3.0)


def test_what_is_not_renewed_is_certain_no_longer(lease, now):
    lease.begin(100.0)
    now[0] = 100.0 + 10.0 * SURE

    assert lease.seconds_sure == 0.0


def test_a_lost_lease_stays_lost_until_the_next_term(lease):
    lease.begin(100.0)
    lease.lose()
    lease.renewed(100.0)

    assert lease.seconds_sure == 0.0

    lease.begin(100.0)

    assert lease.seconds_sure > 0.0
