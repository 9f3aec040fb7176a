"""The trials on real processes, in small; `make` has the long ones: kills, takeovers, hostile."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import store_postgres
from trials import hostile, ledger, takeovers, visitors
from trials.census import census, grown
from trials.kills import Lane, Outcome, unproven
from trials.processes import Nursery, exchange

ANSWERED = visitors.Wait(took=2.0, unserved=0.0, is_kept=True, is_answered=True)


@pytest.fixture(scope="module")
def nursery():
    return Nursery()


@pytest.mark.timeout(300)
def test_killed_at_random_instants_nothing_is_lost_and_nothing_booked_twice(tmp_path, nursery):
    with exchange(tmp_path, "--seed", "2") as market:
        lane = Lane(0, "paper", tmp_path, nursery, random.Random(2), market)

        lane.run(5)
        # Which instant a kill falls on is the machine's business: on a slow one more are needed.
        while lane.struck < 2 and lane.survived < 20:
            lane.run(1)

    assert lane.struck >= 2, "kills have to fall around orders"
    assert lane.open_orders >= lane.struck
    assert ledger.counts(lane.database)["fills"] > 0


PROOF = Outcome("paper", 20, 15, 40, 0, 200, 150, 3)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (replace(PROOF, struck=0, orders=1, fills=0), "0 of 20 kills fell on an order"),
        (replace(PROOF, struck=9), "9 of 20 kills fell on an order"),
        (replace(PROOF, fills=0), "of 200 orders none was filled"),
        (replace(PROOF, kills=0, struck=0), "nothing was killed"),
    ],
)
def test_kills_that_prove_nothing_fail_and_say_so(outcome, why):
    assert why in str(unproven([outcome]))
    assert unproven([PROOF]) is None


def test_one_lane_that_proves_nothing_is_not_made_up_for_by_another():
    assert unproven([PROOF, replace(PROOF, mode="live", struck=1)])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/kept.db"
        return
    if store_postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory() as folder, store_postgres.running(Path(folder)) as server:
        yield server.create("trial")


@pytest.mark.timeout(300)
def test_of_two_processes_one_trades_whatever_becomes_of_the_other(tmp_path, url, monkeypatch):
    monkeypatch.setattr(takeovers, "LEASE", "3")
    with (
        exchange(tmp_path, "--seed", "3") as market,
        takeovers.paired(tmp_path, market.address, url) as pair,
    ):
        assert takeovers.death(pair) < takeovers.PROMISED
        assert takeovers.farewell(pair) < takeovers.PROMISED
        takeovers.pause(pair, url)
        takeovers.fenced(takeovers.written(url).orders)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("attack", hostile.ATTACKS[:2], ids=["json", "bomb"])
def test_an_exchange_that_sends_too_much_costs_no_memory_and_is_named(tmp_path, attack):
    peak, reported = hostile.held(attack, tmp_path, 3)

    assert peak < hostile.MOST
    assert "GET /markets: " in reported
    assert "8388608 bytes" in reported


@pytest.mark.parametrize(
    ("change", "is_held"),
    [
        ({}, True),
        ({"peak": 513.0}, False),
        ({"cycles": 3}, False),
        ({"waits": [ANSWERED, replace(ANSWERED, is_answered=False)]}, False),
        ({"waits": []}, False),
    ],
)
def test_what_visitors_may_not_do_fails_their_trial(change, is_held):
    unharmed = visitors.Outcome("silent", [ANSWERED], 1.0, 200.0, 8, 8.0)

    assert replace(unharmed, **change).is_held is is_held


def test_of_a_wait_only_what_the_machine_did_not_take_is_ours():
    waits = [replace(ANSWERED, took=30.0, unserved=25.0), replace(ANSWERED, is_kept=False)]

    line = visitors.Outcome("silent", waits, 1.0, 200.0, 8, 8.0).line()

    assert "kept p99 30 (own 5), max 30 (5); new p99 2 (own 2)" in line


class _Grows:
    __module__ = "bot.trial"

    def __init__(self) -> None:
        self.kept: list[bytes] = []


def test_the_census_names_the_attribute_that_grows():
    one = _Grows()
    before = census(one)

    one.kept += [b"x" * 1_000, b"y" * 1_000]

    (most, name, _), *_ = grown(before, census(one))
    assert name == "_Grows.kept"
    assert most >= 2_000
