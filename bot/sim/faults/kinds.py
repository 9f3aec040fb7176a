"""The ways in which the simulated exchange can fail: a table of kinds and their parameters.

Where a fault strikes is written `METHOD /path` for a request, the path below /trade-api/v2, and
`WS name` on the stream: a channel, or `handshake`, `command`, `ping`. A kind has patterns of its
own; a fault may narrow them with its `route`. In patterns * stands for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from bot.sim.stream.channels import ERRORS

Json = dict[str, Any]


class BadFaultError(Exception):
    """A fault that cannot be: the message names what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric parameter between two bounds, both included."""

    default: float
    least: float = 0.0
    most: float = 86_400.0
    is_whole: bool = False

    def checked(self, name: str, value: object) -> float:
        """The value, if it is one of these. Raises BadFaultError."""
        kinds = int if self.is_whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = "an integer" if self.is_whole else "a number"
            raise BadFaultError(f"{name} {value!r} is not {wanted}")
        if not self.least <= value <= self.most:
            raise BadFaultError(f"{name} {value} is not from {self.least:g} to {self.most:g}")
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A parameter that is a text, one of `choices` if there are any."""

    default: str
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> str:
        """The value, if it is one of these. Raises BadFaultError."""
        if not isinstance(value, str):
            raise BadFaultError(f"{name} {value!r} is not a text")
        if self.choices and value not in self.choices:
            raise BadFaultError(f"{name} {value!r} is not one of {', '.join(self.choices)}")
        return value


Parameter = Number | Text


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way to fail: what it does, where it can, and its parameters."""

    purpose: str
    where: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def strikes(self, where: str) -> bool:
        """Whether it can happen there."""
        return any(fnmatchcase(where, pattern) for pattern in self.where)


# No method begins with W as the stream does; no channel begins as handshake, command or ping do.
_REQUESTS: Final = ("[A-V]* /*", "WS handshake")
_ANSWERS: Final = ("[A-V]* /*",)
_BODIES: Final = ("[A-V]* /*", "WS [!hcp]*")
_FILLS: Final = ("GET /portfolio/fills", "WS fill")
_STATUS: Final = Number(503, 400, 599, is_whole=True)
_SHARD: Final = Number(-1, -1, 3, is_whole=True)
_TICKER: Final = {"ticker": Text("*")}

KINDS: Final[Mapping[str, FaultKind]] = {
    "rate_limited": FaultKind(
        "answer 429, in one of its two bodies",
        _REQUESTS,
        {"body": Text("nested", ("nested", "plain"))},
    ),
    "error": FaultKind(
        "answer with a server error; the exchange never sees the request",
        _REQUESTS,
        {"status": _STATUS},
    ),
    "error_after": FaultKind(
        "do what is asked, then answer with a server error", _ANSWERS, {"status": _STATUS}
    ),
    "slow": FaultKind("answer late", _REQUESTS, {"delay": Number(1.0)}),
    "hang": FaultKind("do not answer; cut after `delay`", _REQUESTS, {"delay": Number(60.0)}),
    "cut": FaultKind("cut the connection; the exchange never sees the request", _REQUESTS),
    "cut_after": FaultKind("do what is asked, then cut the connection", _ANSWERS),
    "late_after": FaultKind("do what is asked, then answer late", _ANSWERS, {"delay": Number(5.0)}),
    "arrives_late": FaultKind(
        "cut the connection; what was asked arrives `delay` seconds later, before whatever comes "
        "next",
        ("POST /*", "PUT /*", "DELETE /*"),
        {"delay": Number(5.0)},
    ),
    "lagging_reads": FaultKind(
        "know orders and fills of the last `age` seconds not yet, and say so in `as_of_time`",
        ("GET /portfolio/orders", "GET /portfolio/fills", "GET /exchange/user_data_timestamp"),
        {"age": Number(3.0)},
    ),
    "garbage": FaultKind(
        "answer with what is no JSON",
        _BODIES,
        {"body": Text("html", ("html", "truncated", "empty", "binary"))},
    ),
    "missing_field": FaultKind(
        "leave a field out wherever it is; an empty `field` picks one by the dice",
        _BODIES,
        {"field": Text("")},
    ),
    "unknown_enum": FaultKind(
        "give a field a value that nobody has heard of",
        _BODIES,
        {"field": Text("status"), "value": Text("unheard_of")},
    ),
    "extra_field": FaultKind(
        "add a field that nobody has heard of to each object",
        _BODIES,
        {"field": Text("unheard_of")},
    ),
    "null_list": FaultKind(
        "give null for a list; an empty `field` means every list", _BODIES, {"field": Text("")}
    ),
    "duplicate_fill": FaultKind("tell of a fill twice", _FILLS),
    "late_fill": FaultKind(
        "tell of a fill `delay` seconds late",
        _FILLS,
        {"delay": Number(2.0)},
    ),
    "stale_markets": FaultKind(
        "give the answer of up to `age` seconds ago",
        ("GET /markets", "GET /series", "GET /series/*", "GET /events", "GET /exchange/status"),
        {"age": Number(15.0)},
    ),
    "stale_orders": FaultKind(
        "show a cancelled order as resting for `age` seconds",
        ("GET /portfolio/orders", "GET /portfolio/orders/*"),
        {"age": Number(0.3)},
    ),
    "sequence_gap": FaultKind(
        "number a frame and do not send it",
        ("WS orderbook_delta", "WS trade", "WS *lifecycle*"),
    ),
    "disconnect": FaultKind("cut the stream's connection in place of a frame", ("WS [!hcp]*",)),
    "channel_error": FaultKind(
        "report an error in place of a frame; 10 and 25 end the subscription",
        ("WS [!hcp]*",),
        {"code": Number(10, 1, max(ERRORS), is_whole=True)},
    ),
    "command_error": FaultKind(
        "answer a command of the stream with an error",
        ("WS command",),
        {"code": Number(18, 1, max(ERRORS), is_whole=True)},
    ),
    "slow_ping": FaultKind("ping `delay` seconds late", ("WS ping",), {"delay": Number(30.0)}),
    "trading_pause": FaultKind("pause trading on a shard, -1 for all", (), {"shard": _SHARD}),
    "exchange_pause": FaultKind("pause everything on a shard, -1 for all", (), {"shard": _SHARD}),
    "clock_skew": FaultKind(
        "move the clock by which signatures are judged",
        (),
        {"seconds": Number(60.0, -86_400.0)},
    ),
    "market_deactivated": FaultKind(
        "halt the active markets of this pattern; at its end they resume, their orders cancelled",
        (),
        _TICKER,
    ),
    "market_closed": FaultKind(
        "move the close of the active markets of this pattern to `seconds` from now, for good",
        (),
        {**_TICKER, "seconds": Number(0.0)},
    ),
}

_PROBABILITY: Final = Number(1.0, 0.0, 1.0)
_COUNT: Final = Number(1, 1, 1_000_000_000, is_whole=True)
_DURATION: Final = Number(1.0, 0.0, 31_536_000.0)
_COMMON: Final = ("kind", "route", "probability", "count", "duration")


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault as asked for. It ends after `count` times or `duration` seconds, if given."""

    kind: str
    route: str = "*"
    probability: float = 1.0
    count: int | None = None
    duration: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def strikes(self, where: str) -> bool:
        """Whether it can happen there."""
        return KINDS[self.kind].strikes(where) and fnmatchcase(where, self.route)


def fault_spec(asked: object) -> FaultSpec:
    """A fault from JSON: an object with its kind, its limits and its parameters side by side.

    Raises BadFaultError.
    """
    if not isinstance(asked, dict):
        raise BadFaultError(f"a fault is an object with a kind, not {asked!r}")
    name, kind = _kind(asked.get("kind"))
    _refuse_unknown(name, kind, asked)
    count, duration = asked.get("count"), asked.get("duration")
    return FaultSpec(
        kind=name,
        route=Text("*").checked("route", asked.get("route", "*")),
        probability=_PROBABILITY.checked("probability", asked.get("probability", 1.0)),
        count=None if count is None else int(_COUNT.checked("count", count)),
        duration=None if duration is None else _DURATION.checked("duration", duration),
        parameters=_parameters(kind, asked),
    )


def _kind(name: object) -> tuple[str, FaultKind]:
    kind = KINDS.get(name) if isinstance(name, str) else None
    if not isinstance(name, str) or kind is None:
        raise BadFaultError(f"unknown kind {name!r}; there are {', '.join(KINDS)}")
    return name, kind


def _parameters(kind: FaultKind, asked: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        key: parameter.checked(key, asked.get(key, parameter.default))
        for key, parameter in kind.parameters.items()
    }
    if "code" in parameters and parameters["code"] not in ERRORS:
        raise BadFaultError(f"code {parameters['code']} is not one of Kalshi's")
    return parameters


def described(spec: FaultSpec) -> Json:
    """A fault as JSON, all its parameters included."""
    limits = {"probability": spec.probability, "count": spec.count, "duration": spec.duration}
    return {"kind": spec.kind, "route": spec.route, **limits, **spec.parameters}


def _refuse_unknown(name: str, kind: FaultKind, asked: Json) -> None:
    known = (*_COMMON, *kind.parameters)
    unknown = [key for key in asked if key not in known]
    if unknown:
        raise BadFaultError(f"{name} has no {unknown[0]!r}; it has {', '.join(known)}")
