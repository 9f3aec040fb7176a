"""The machine's time without its jumps."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import JUMP, PATIENCE, Jump, SteadyClock, SystemClock, stopwatch
from tests.support.strategies import NOON


class Machine:
    """A machine whose two clocks are moved by hand."""

    def __init__(self):
        self.wall = NOON
        self.seconds = 100.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.seconds)

    def pass_by(self, seconds, drift=0.0):
        self.wall += timedelta(seconds=seconds + drift)
        self.seconds += seconds

    def jump(self, seconds):
        self.wall += timedelta(seconds=seconds)


def test_without_a_jump_it_is_the_machines_time():
    machine = Machine()

    for _ in range(100):
        machine.pass_by(10, drift=0.5)
        assert machine.clock.now() == machine.wall

    assert machine.clock.jumps() == []


@pytest.mark.parametrize("seconds", [86_400, -86_400, 10, -10])
def test_a_jump_and_back_is_not_followed_and_told(seconds):
    machine = Machine()
    machine.pass_by(5)
    machine.clock.now()

    machine.jump(seconds)
    assert machine.clock.now() == NOON + timedelta(seconds=5)
    machine.pass_by(60)
    assert machine.clock.now() == NOON + timedelta(seconds=65)
    machine.jump(-seconds)

    assert machine.clock.now() == machine.wall == NOON + timedelta(seconds=65)
    assert machine.clock.jumps() == [Jump(NOON + timedelta(seconds=5), seconds)]
    assert machine.clock.jumps() == []


def test_the_exchange_decides_which_time_is_right():
    machine = Machine()
    machine.jump(3_600)

    for _ in range(10):
        machine.clock.compare(0.7)
        machine.pass_by(PATIENCE - 1)
    assert machine.clock.now() == machine.wall - timedelta(hours=1)

    machine.clock.compare(3_600.4)
    assert machine.clock.now() == machine.wall


def test_a_jump_that_nobody_can_judge_is_followed_after_a_while():
    machine = Machine()
    machine.jump(-3_600)
    machine.clock.now()

    machine.pass_by(PATIENCE - 1)
    assert machine.clock.now() != machine.wall
    machine.pass_by(1)
    assert machine.clock.now() == machine.wall
    assert len(machine.clock.jumps()) == 1


def test_another_jump_is_told_and_waits_anew():
    machine = Machine()
    machine.jump(3_600)
    machine.clock.now()
    machine.pass_by(PATIENCE - 1)
    machine.jump(3_600)
    machine.clock.now()
    machine.pass_by(PATIENCE - 1)

    assert machine.clock.now() == machine.wall - timedelta(hours=2)
    assert [jump.seconds for jump in machine.clock.jumps()] == [3_600, 7_200]


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(-1e6, 1e6)), max_size=20))
def test_no_jump_moves_the_time_by_more_than_what_passed(steps):
    machine = Machine()
    before, passed = machine.clock.now(), 0.0
    for seconds, jump in steps:
        machine.pass_by(seconds)
        machine.jump(jump)
        now = machine.clock.now()
        assert abs((now - before).total_seconds() - seconds) <= JUMP + 1e-3
        before, passed = now, passed + seconds
    assert passed <= PATIENCE


def test_the_clocks_of_the_machine_go_forward():
    clock, before, began = SteadyClock(), SystemClock().now(), stopwatch()

    assert clock.now() >= before
    assert stopwatch() >= began
