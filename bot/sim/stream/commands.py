"""What a client may say on the stream: commands, read from text into values, or refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from bot.sim.stream import channels
from bot.sim.stream.channels import CHANNELS, NOT_SIMULATED, Channel, Filter, StreamError

Json = dict[str, Any]

ADD: Final = "add_markets"
DELETE: Final = "delete_markets"
SNAPSHOT: Final = "get_snapshot"
_ACTIONS: Final = (ADD, DELETE, SNAPSHOT)
MAX_SHARD_FACTOR: Final = 100


@dataclass(frozen=True, slots=True)
class MarketFilter:
    """Which markets a command names; neither means none were named."""

    tickers: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tickers or self.ids)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for channels. `yes_price` None leaves a subscription that exists as it is."""

    channels: tuple[Channel, ...]
    markets: MarketFilter
    wants_snapshot: bool = False
    skips_list: bool = False
    yes_price: bool | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End subscriptions."""

    sids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ListSubscriptions:
    """Ask what is subscribed."""


@dataclass(frozen=True, slots=True)
class Update:
    """Change the markets of one subscription, or request their snapshots."""

    sid: int
    action: str
    markets: MarketFilter
    wants_snapshot: bool = False


Command: TypeAlias = Subscribe | Unsubscribe | ListSubscriptions | Update


def decoded(text: str | bytes) -> tuple[int, Json]:
    """A frame as JSON, with its id (0: none). Raises StreamError 1 for anything else."""
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StreamError(channels.UNPROCESSABLE, "not JSON") from error
    if not isinstance(frame, dict):
        raise StreamError(channels.UNPROCESSABLE, "not a JSON object")
    number = frame.get("id", 0)
    if not _is_count(number):
        raise StreamError(channels.UNPROCESSABLE, "id is not a positive integer")
    return number, frame


def command(frame: Json) -> Command:
    """What a frame asks for. Raises StreamError."""
    name = frame.get("cmd")
    if name == "list_subscriptions":
        return ListSubscriptions()
    read = _READERS.get(name) if isinstance(name, str) else None
    if read is None:
        raise StreamError(channels.UNKNOWN_COMMAND)
    params = frame.get("params")
    if params is None:
        raise StreamError(channels.PARAMS_REQUIRED)
    if not isinstance(params, dict):
        raise StreamError(channels.UNPROCESSABLE, "params is not an object")
    return read(params)


def _subscribe(params: Json) -> Subscribe:
    names = params.get("channels")
    if not names:
        raise StreamError(channels.CHANNELS_REQUIRED)
    if not isinstance(names, list):
        raise StreamError(channels.INVALID_PARAMETER, "channels is not a list")
    _check_shards(params)
    markets = _markets(params)
    wanted = tuple(_channel(name, markets) for name in dict.fromkeys(map(_hashable, names)))
    return Subscribe(
        channels=wanted,
        markets=markets,
        wants_snapshot=_flag(params, "send_initial_snapshot") or False,
        skips_list=_flag(params, "skip_ticker_ack") or False,
        yes_price=_flag(params, "use_yes_price"),
    )


def _unsubscribe(params: Json) -> Unsubscribe:
    sids = params.get("sids")
    if not sids:
        raise StreamError(channels.SIDS_REQUIRED)
    if not isinstance(sids, list) or not all(map(_is_count, sids)):
        raise StreamError(channels.INVALID_PARAMETER, "sids is not a list of integers")
    return Unsubscribe(tuple(dict.fromkeys(sids)))


def _update(params: Json) -> Update:
    sid = _one_sid(params)
    action = params.get("action")
    if not action:
        raise StreamError(channels.ACTION_REQUIRED, sid=sid)
    if action not in _ACTIONS:
        raise StreamError(channels.UNSUPPORTED_ACTION, sid=sid)
    markets = _markets(params)
    if not markets:
        raise StreamError(channels.MARKET_REQUIRED, sid=sid)
    return Update(sid, action, markets, _flag(params, "send_initial_snapshot") or False)


_READERS: Final[dict[str, Callable[[Json], Command]]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "update_subscription": _update,
}


def _one_sid(params: Json) -> int:
    sids = params.get("sids", [])
    if not isinstance(sids, list):
        raise StreamError(channels.INVALID_PARAMETER, "sids is not a list")
    named = [*sids, params["sid"]] if "sid" in params else sids
    if len(named) != 1:
        raise StreamError(channels.ONE_SID_REQUIRED)
    if not _is_count(named[0]):
        raise StreamError(channels.INVALID_PARAMETER, "sid is not an integer")
    return int(named[0])


def _hashable(name: object) -> str:
    if not isinstance(name, str):
        raise StreamError(channels.UNKNOWN_CHANNEL)
    return name


def _channel(name: str, markets: MarketFilter) -> Channel:
    if name in NOT_SIMULATED:
        raise StreamError(channels.CHANNEL_ERROR, f"{name} is not simulated")
    channel = CHANNELS.get(name)
    if channel is None:
        raise StreamError(channels.UNKNOWN_CHANNEL)
    if channel.filter is Filter.REQUIRED and not markets.tickers:
        raise StreamError(channels.MARKET_REQUIRED)
    if markets.ids and name != channels.TICKER:
        raise StreamError(channels.INVALID_PARAMETER, f"{name} takes no market ids")
    return channel


def _markets(params: Json) -> MarketFilter:
    keys = ("market_ticker", "market_tickers", "market_id", "market_ids")
    given = [key for key in keys if params.get(key) is not None]
    if len(given) > 1:
        raise StreamError(channels.INVALID_PARAMETER, f"{given[0]} excludes {given[1]}")
    if not given:
        return MarketFilter()
    key = given[0]
    value = params[key]
    names = value if key.endswith("s") else [value]
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        raise StreamError(channels.INVALID_PARAMETER, key)
    unique = tuple(dict.fromkeys(names))
    return MarketFilter(tickers=unique) if "ticker" in key else MarketFilter(ids=unique)


def _check_shards(params: Json) -> None:
    factor, key = params.get("shard_factor"), params.get("shard_key")
    if factor is None and key is not None:
        raise StreamError(channels.SHARD_FACTOR_REQUIRED)
    if factor is None:
        return
    if not _is_integer(factor) or factor <= 0:
        raise StreamError(channels.SHARD_FACTOR_TOO_SMALL)
    if factor > MAX_SHARD_FACTOR:
        raise StreamError(channels.SHARD_FACTOR_TOO_LARGE)
    if key is not None and not (_is_count(key) and key < factor):
        raise StreamError(channels.SHARD_KEY_OUTSIDE)


def _flag(params: Json, key: str) -> bool | None:
    value = params.get(key)
    if value is not None and not isinstance(value, bool):
        raise StreamError(channels.INVALID_PARAMETER, f"{key} is not a boolean")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
