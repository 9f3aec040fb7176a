import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kalshi.limits import TokenBudget


class FakeTime:
    """A stopwatch that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def stopwatch(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


def budget(time: FakeTime, rate: float = 3.0, capacity: float | None = None) -> TokenBudget:
    return TokenBudget(time.stopwatch, rate, capacity, time.sleep)


async def moments(time: FakeTime, limit: TokenBudget, count: int) -> list[float]:
    """When each of so many requests was sent."""
    sent = []
    for _ in range(count):
        await limit.take()
        sent.append(time.now)
    return sent


async def test_a_second_of_requests_goes_at_once_and_then_the_rate_holds():
    time = FakeTime()

    assert await moments(time, budget(time), 6) == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 1])


async def test_an_idle_budget_fills_up_to_its_capacity_and_no_further():
    time = FakeTime()
    limit = budget(time, rate=1.0, capacity=2.0)
    time.now = 1_000.0

    assert await moments(time, limit, 4) == pytest.approx([1_000, 1_000, 1_001, 1_002])


async def test_less_than_one_request_a_second_is_possible():
    time = FakeTime()

    assert await moments(time, budget(time, rate=0.5), 3) == pytest.approx([0, 2, 4])


@given(st.floats(0.1, 50), st.floats(1, 20), st.integers(1, 40))
def test_never_more_than_the_capacity_and_what_the_rate_earned(rate, capacity, count):
    time = FakeTime()
    sent = asyncio.run(moments(time, budget(time, rate, capacity), count))

    for earlier in range(count):
        allowed = capacity + rate * (sent[-1] - sent[earlier]) + 1e-6
        assert count - earlier <= allowed + 1


async def test_who_came_first_goes_first():
    time = FakeTime()
    limit = budget(time, rate=1.0)
    served: list[int] = []

    async def ask(name: int) -> None:
        await limit.take()
        served.append(name)

    async with asyncio.TaskGroup() as group:
        for name in range(8):
            group.create_task(ask(name))

    assert served == list(range(8))


async def test_a_cancelled_waiter_takes_nothing_and_blocks_nobody():
    time = FakeTime()
    limit = budget(time, rate=1.0)
    await limit.take()
    gone = asyncio.create_task(limit.take())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})

    await limit.take()

    assert gone.cancelled()
    assert time.now == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_would_wait_for_ever_is_refused(rate):
    with pytest.raises(ValueError, match="for ever"):
        budget(FakeTime(), rate)


@given(st.lists(st.floats(0, 3), max_size=20))
async def test_what_is_spent_is_a_share_and_looking_spends_nothing(pauses):
    time = FakeTime()
    limit, unseen = budget(time), budget(time)

    for pause in pauses:
        time.now += pause
        assert 0.0 <= limit.used <= 1.0
        await asyncio.gather(limit.take(), unseen.take())

    assert limit.taken == unseen.taken == len(pauses)
    assert limit.used == pytest.approx(unseen.used)


async def test_a_spent_budget_says_so_and_recovers_at_its_rate():
    time = FakeTime()
    limit = budget(time, rate=2.0)
    assert limit.used == 0.0

    await moments(time, limit, 2)
    spent = limit.used
    time.now += 0.5

    assert (limit.rate, limit.taken) == (2.0, 2)
    assert spent == pytest.approx(1.0)
    assert limit.used == pytest.approx(0.5)


# Lanes


def laned(time, rate=5.0, reserve=0.4):
    return TokenBudget(time.stopwatch, rate, None, time.sleep, reserve)


async def test_an_exit_goes_at_once_however_many_entries_were_sent_before_it():
    time = FakeTime()
    limit = laned(time)
    assert await moments(time, limit, 3) == [0, 0, 0]

    await limit.take(urgent=True)
    await limit.take(urgent=True)

    assert time.now == 0
    await limit.take()
    assert time.now > 0


async def test_no_urgent_request_waits_behind_others_that_came_first():
    time = FakeTime()
    limit = laned(time, rate=1.0, reserve=0.0)
    await limit.take()
    sent = []

    async def send(name, *, urgent):
        await limit.take(urgent=urgent)
        sent.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(send(f"entry {number}", urgent=False))
        for number in range(2):
            group.create_task(send(f"exit {number}", urgent=True))

    assert sent == ["exit 0", "exit 1", "entry 0", "entry 1", "entry 2"]


async def test_a_cancel_that_costs_a_fifth_waits_a_fifth():
    time = FakeTime()
    limit = laned(time, rate=1.0, reserve=0.0)
    await limit.take()

    await limit.take(0.2, urgent=True)

    assert time.now == pytest.approx(0.2)


@given(
    st.floats(0.1, 50),
    st.floats(0, 1),
    st.lists(st.tuples(st.booleans(), st.sampled_from((0.2, 1.0))), min_size=1, max_size=30),
)
def test_both_lanes_together_never_spend_more_than_there_is(rate, reserve, asked):
    async def spent():
        time = FakeTime()
        limit = laned(time, rate, reserve)
        for urgent, cost in asked:
            await limit.take(cost, urgent=urgent)
        return time.now

    seconds = asyncio.run(spent())

    earned = max(rate, 1.0) + seconds * rate
    assert sum(cost for _, cost in asked) <= earned + 1e-6


async def test_a_budget_of_another_size_holds_no_more_than_that():
    time = FakeTime()
    limit = budget(time, rate=10.0)

    limit.resize(2.0, 4.0)

    assert limit.rate == 2
    assert await moments(time, limit, 6) == pytest.approx([0, 0, 0, 0, 0.5, 1])


async def test_a_bucket_apart_is_as_large_and_not_the_same():
    time = FakeTime()
    first = budget(time, rate=2)
    await moments(time, first, 2)

    assert await moments(time, first.apart(), 3) == pytest.approx([0, 0, 0.5])
