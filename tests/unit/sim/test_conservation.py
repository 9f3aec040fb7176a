import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.engine import conservation
from bot.sim.engine.conservation import Chaos, run
from bot.sim.engine.units import DOLLAR


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(min_value=0), operations=st.integers(min_value=1, max_value=400))
def test_no_contract_and_no_dollar_is_ever_lost(seed, operations):
    run(operations, seed, every=20)


def test_thousands_of_operations_of_every_kind_conserve_everything(capsys):
    assert conservation.main(["--operations", "15000", "--seed", "3", "--every", "200"]) == 0
    assert "contracts and dollars conserved" in capsys.readouterr().out


def test_chaos_reaches_trades_settlements_and_fees():
    chaos = run(15_000, seed=5, every=5_000)
    state = chaos.exchange.state

    assert state.fee_pot > 0
    assert len(state.trades) > 500
    assert any(account.settlements for account in state.accounts.values())
    assert 0 < chaos.refused < chaos.done


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda c: c.exchange.state.accounts["account0"].cash.update({0: 0}), "money is"),
        (lambda c: c.exchange.state.accounts["account0"].cash.update({0: -1}), "owes cash"),
        (lambda c: setattr(c.exchange.market("M1"), "open_interest", -DOLLAR), "open interest"),
    ],
)
def test_the_check_finds_what_was_broken_on_purpose(damage, complaint):
    chaos = Chaos(1)
    damage(chaos)

    assert any(complaint in fault for fault in chaos.faults())


def test_a_fault_stops_the_run(monkeypatch):
    monkeypatch.setattr(Chaos, "faults", lambda self: ["a dollar is missing"])

    with pytest.raises(ValueError, match="after 10 operations: a dollar is missing"):
        run(100, seed=1, every=10)
