import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.book_store import PRICE_UNITS, SIZE_UNITS
from bot.core.market.market import Side
from bot.kalshi.wire.frames import (
    Delta,
    DeltaFrame,
    delta,
    exact_delta,
    frame,
    levels,
    price_units,
    size_units,
)
from bot.ports.exchange import ExchangeError

MSG = {
    "market_ticker": "T",
    "market_id": "17961d0e-03e3-43b8-bd61-dad719669926",
    "clock": 7,
    "price_dollars": "0.6300",
    "delta_fp": "-12.50",
    "side": "no",
    "ts_ms": 1_795_377_792_447,
}
FRAME = {"type": "orderbook_delta", "sid": 3, "seq": 9, "msg": MSG, "sending_ts_ms": 5}
MEANT = Delta(3, 9, "T", Side.SELL, 630_000, -1_250, 1_795_377_792_447, 5)


def _text(**changes) -> bytes:
    return json.dumps({**FRAME, **changes}, separators=(",", ":")).encode()


def _carefully(text: bytes) -> Delta:
    envelope, message = frame(text)
    assert isinstance(message, DeltaFrame)
    return exact_delta(envelope, message)


def test_a_change_is_read_the_same_way_fast_and_carefully():
    assert delta(_text()) == _carefully(_text()) == MEANT


@pytest.mark.parametrize(
    "text",
    [
        _text(seq="9"),
        _text(sid=None),
        _text(msg={**MSG, "side": "maybe"}),
        _text(msg={**MSG, "ts_ms": "1"}),
        _text(msg=[]),
        _text(type="trade"),
        _text(note='a name":'),
        _text().replace(b'"side":"no"', b'"side":"yes","side":"no"'),
        b"[]",
        b"not JSON",
        b"[" * 100_000,
    ],
    ids=lambda text: text[:8].decode() + str(len(text)),
)
def test_whatever_is_unusual_is_left_to_the_careful_way(text):
    assert delta(text) is None


def test_a_name_that_is_there_twice_is_refused():
    with pytest.raises(ExchangeError, match="twice"):
        frame(_text().replace(b'"side":"no"', b'"side":"yes","side":"no"'))


def test_a_frame_with_more_in_it_than_any_has_is_refused():
    with pytest.raises(ExchangeError, match="deep"):
        frame(b'{"type":"x","msg":' + b"[" * 1_000 + b"]" * 1_000 + b"}")


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
def test_sizes_are_exact_whatever_their_zeros(units, zeros):
    text = f"{Decimal(units) / SIZE_UNITS:.2f}" + "0" * zeros

    assert size_units(text) == units


@given(st.integers(0, PRICE_UNITS), st.integers(1, 6))
def test_prices_are_exact_at_any_number_of_decimals(units, decimals):
    price = round(Decimal(units) / PRICE_UNITS, decimals)

    assert price_units(f"{price:.{decimals}f}") == price * PRICE_UNITS


@pytest.mark.parametrize("text", ["", "x", "nan", "1e5", "+1.00", "--1.00", "1.", ".50", "1_0.00"])
def test_what_is_no_plain_decimal_is_refused(text):
    for read in (price_units, size_units):
        with pytest.raises(ExchangeError, match="no number"):
            read(text)


@pytest.mark.parametrize("text", ["0.001", "-0.015", "9" * 16 + ".00"])
def test_a_size_that_is_too_fine_or_too_long_is_refused(text):
    with pytest.raises(ExchangeError, match="no number"):
        size_units(text)


def test_a_price_twice_on_one_side_is_refused():
    with pytest.raises(ExchangeError, match="twice"):
        levels([("0.10", "1.00"), ("0.1000", "2.00")])
