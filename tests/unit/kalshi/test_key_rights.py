"""A key is used for what trading needs, and not for more unless that is allowed."""

from datetime import timedelta

import pytest

from bot.kalshi.trading.key_rights import KeyRights
from bot.ports.exchange import ExchangeError
from tests.support.kalshi_stand import KEY, stand
from tests.support.strategies import NOON


def rights(*scopes, **more):
    return KeyRights(frozenset(scopes), **more)


@pytest.mark.parametrize(
    ("scopes", "why"),
    [
        ((), "has the scopes none: trading needs read and write::trade"),
        (("read",), "trading needs read and write::trade"),
        (("write::trade",), "trading needs read and write::trade"),
        (("read", "write::transfer"), "trading needs read and write::trade"),
        (("read", "write"), "may move cash (write)"),
        (("read", "write::trade", "write::transfer"), "may move cash (write::transfer)"),
        (("read", "write::trade"), None),
        (("read", "write::trade", "read::portfolio_balance"), None),
    ],
)
def test_a_key_trades_and_moves_no_cash(scopes, why):
    fault = rights(*scopes).fault(may_move_cash=False)

    assert (fault is None) if why is None else why in str(fault)


def test_a_key_that_may_move_cash_is_used_where_that_is_allowed():
    assert rights("read", "write").fault(may_move_cash=True) is None


def test_a_key_of_another_subaccount_is_refused():
    locked = rights("read", "write::trade", subaccount=3)
    fault = locked.fault(may_move_cash=True)

    assert fault is not None
    assert "locked to subaccount 3: set KALSHI_SUBACCOUNT" in fault
    assert locked.fault(may_move_cash=True, subaccount=3) is None
    assert rights("read", "write::trade").fault(may_move_cash=True, subaccount=3) is None
    assert rights("read", "write::trade", subaccount=0).fault(may_move_cash=True) is None


@pytest.mark.parametrize(
    ("hours", "said"), [(-1, "has lapsed"), (23, "lapses at"), (25, None), (None, None)]
)
def test_a_location_that_is_about_to_lapse_is_said_a_day_before(hours, said):
    until = None if hours is None else NOON + timedelta(hours=hours)

    note = rights("read", attested_until=until).note(NOON)

    assert (note is None) if said is None else said in str(note)


async def test_the_exchange_says_what_the_key_may_do():
    async with stand(scopes=["read", "write::trade"]) as live:
        assert await live.trading.key_rights(KEY.key_id) == rights("read", "write::trade")

        with pytest.raises(ExchangeError, match="not among them"):
            await live.trading.key_rights("another")
