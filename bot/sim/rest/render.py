"""Series, events and markets as Kalshi writes them (OpenAPI 3.34.0).

Prices are strings with four decimals, counts with two; what is not known is left out, not null,
but for the few lists that Kalshi itself serves as null.
"""

from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from bot.core.market.market import MarketStatus, Side
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import DOLLAR_TICKS, PRICE_TEXT, size_text

Json = dict[str, Any]
#: A description, and the state of the market that it describes.
_Ready = tuple[tuple[int, ...], orjson.Fragment]

_ONE = PRICE_TEXT[DOLLAR_TICKS]


def iso_time(at: datetime) -> str:
    """A time as Kalshi writes it: RFC 3339 with a Z."""
    return at.isoformat().replace("+00:00", "Z")


class Renderer:
    """Describes markets, and remembers each description until something in it changes.

    What is remembered goes when its market goes to the archive.
    """

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._constant: WeakKeyDictionary[MarketState, tuple[MarketSpec, Json]]
        self._constant = WeakKeyDictionary()
        self._ready: WeakKeyDictionary[MarketState, _Ready] = WeakKeyDictionary()

    def market(self, market: MarketState) -> orjson.Fragment:
        """One market, ready to be put into an answer."""
        seen = (market.clock, market.version, self._state.minute)
        ready = self._ready.get(market)
        if ready is not None and ready[0] == seen:
            return ready[1]
        text = orjson.Fragment(orjson.dumps(self._market(market)))
        self._ready[market] = (seen, text)
        return text

    def event(self, spec: EventSpec) -> Json:
        """One event without its markets."""
        series = self._state.series[spec.series_ticker]
        updated = self._state.event_updated[spec.event_ticker]
        event = {
            "event_ticker": spec.event_ticker,
            "series_ticker": spec.series_ticker,
            "title": spec.title,
            "sub_title": spec.sub_title,
            "category": series.category,
            "collateral_return_type": "MECNET" if spec.mutually_exclusive else "",
            "mutually_exclusive": spec.mutually_exclusive,
            "settlement_sources": None,
            "strike_date": _known(spec.strike_date),
            "strike_period": spec.strike_period,
            "last_updated_ts": iso_time(updated),
            "fee_type_override": spec.fee_kind_override,
            "fee_multiplier_override": _number(spec.fee_multiplier_override),
            "exchange_index": series.exchange_index,
        }
        return {k: v for k, v in event.items() if v is not None or k == "settlement_sources"}

    def series(self, spec: SeriesSpec, *, with_volume: bool) -> Json:
        described = {
            "ticker": spec.ticker,
            "frequency": spec.frequency,
            "title": spec.title,
            "category": spec.category,
            "categories": [spec.category],
            "tags": list(spec.tags) or None,
            "settlement_sources": None,
            "contract_url": "",
            "contract_terms_url": "",
            "fee_type": spec.fee_kind,
            "fee_multiplier": _number(spec.fee_multiplier),
            "additional_prohibitions": None,
            "exchange_index": spec.exchange_index,
        }
        if with_volume:
            markets = self._state.markets.values()
            volume = sum(m.volume for m in markets if m.series_ticker == spec.ticker)
            described["volume_fp"] = size_text(volume)
        return described

    def _market(self, market: MarketState) -> Json:
        known = self._constant.get(market)
        if known is None or known[0] is not market.spec:
            known = self._constant[market] = (market.spec, _constant(market))
        return known[1] | _quotes(market) | _traded(market, self._state.minute) | _life(market)


def _constant(market: MarketState) -> Json:
    """The fields of a market that change only with its specification."""
    spec = market.spec
    last_expiration = spec.latest_expiration_time or spec.close_time
    described = {
        "ticker": spec.ticker,
        "event_ticker": spec.event_ticker,
        "market_type": "scalar" if spec.is_scalar else "binary",
        "title": spec.title,
        "subtitle": spec.yes_sub_title,
        "yes_sub_title": spec.yes_sub_title,
        "no_sub_title": spec.no_sub_title or spec.yes_sub_title,
        "exchange_index": market.shard,
        "created_time": iso_time(market.created),
        "open_time": iso_time(spec.open_time),
        "expected_expiration_time": _known(spec.expected_expiration_time),
        "latest_expiration_time": iso_time(last_expiration),
        "expiration_time": iso_time(last_expiration),
        "occurrence_datetime": _known(spec.occurrence_time),
        "settlement_timer_seconds": spec.settlement_timer_seconds,
        "can_close_early": spec.can_close_early,
        "early_close_condition": spec.early_close_condition,
        "notional_value_dollars": _ONE,
        "price_level_structure": spec.price_level_structure,
        "price_ranges": [
            {"start": f"{b.start:.4f}", "end": f"{b.end:.4f}", "step": f"{b.step:.4f}"}
            for b in spec.grid.ranges
        ],
        "settlement_bounds_type": "default",
        "rules_primary": spec.rules_primary,
        "rules_secondary": spec.rules_secondary,
    }
    return {k: v for k, v in (described | _strike(spec) | _combo(spec)).items() if v is not None}


def _strike(spec: MarketSpec) -> Json:
    return {
        "strike_type": spec.strike_type,
        "floor_strike": spec.floor_strike,
        "cap_strike": spec.cap_strike,
        "functional_strike": spec.functional_strike,
        "custom_strike": spec.custom_strike,
    }


def _combo(spec: MarketSpec) -> Json:
    if not spec.is_combo:
        return {}
    return {
        "is_provisional": True,
        "mve_collection_ticker": spec.mve_collection_ticker,
        "mve_selected_legs": [
            {
                "event_ticker": leg.event_ticker,
                "market_ticker": leg.market_ticker,
                "side": leg.side,
            }
            for leg in spec.mve_legs
        ],
    }


def _quotes(market: MarketState) -> Json:
    book = market.book
    bid, ask = book.best_bid, book.best_ask
    no_bid, no_ask = DOLLAR_TICKS - ask, DOLLAR_TICKS - bid
    if market.status is MarketStatus.INITIALIZED:
        # As recorded once: before the opening the ask reads 0 and the NO bid 1.
        ask, no_bid = 0, DOLLAR_TICKS
    return {
        "yes_bid_dollars": PRICE_TEXT[bid],
        "yes_bid_size_fp": size_text(book.size_at(Side.BUY, book.best_bid)),
        "yes_ask_dollars": PRICE_TEXT[ask],
        "yes_ask_size_fp": size_text(book.size_at(Side.SELL, book.best_ask)),
        "no_bid_dollars": PRICE_TEXT[no_bid],
        "no_ask_dollars": PRICE_TEXT[no_ask],
    }


def _traded(market: MarketState, minute: int) -> Json:
    before = market.history.day_ago(minute)
    price = before.price.close if before is not None and before.price is not None else 0
    return {
        "last_price_dollars": PRICE_TEXT[market.last_price],
        "volume_fp": size_text(market.volume),
        "volume_24h_fp": size_text(market.history.day_volume(minute)),
        "open_interest_fp": size_text(market.open_interest),
        "previous_yes_bid_dollars": PRICE_TEXT[before.bid.close if before else 0],
        "previous_yes_ask_dollars": PRICE_TEXT[before.ask.close if before else 0],
        "previous_price_dollars": PRICE_TEXT[price],
    }


def _life(market: MarketState) -> Json:
    life = {
        "status": market.status,
        "close_time": iso_time(market.close_time),
        "updated_time": iso_time(market.updated),
        "result": market.result,
        "expiration_value": market.result,
    }
    if market.value is not None:
        life["settlement_value_dollars"] = PRICE_TEXT[market.value]
    if market.settled_at is not None:
        life["settlement_ts"] = iso_time(market.settled_at)
    return life


def _known(at: datetime | None) -> str | None:
    return None if at is None else iso_time(at)


def _number(amount: object) -> float | None:
    return None if amount is None else float(str(amount))
