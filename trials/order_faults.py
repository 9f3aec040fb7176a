"""What fails on the exchange while orders are sent: all the time, and now and then."""

from typing import Any, Final

_CREATE: Final = "POST /portfolio/events/orders"
_READS: Final = "GET /portfolio/*"
#: What fails all the time: a twentieth of the orders before, and one after they were taken.
STANDING: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "cut", "route": _CREATE, "probability": 0.025},
    {"kind": "error", "route": _CREATE, "probability": 0.025},
    {"kind": "cut_after", "route": _CREATE, "probability": 0.025},
    {"kind": "error_after", "route": _CREATE, "probability": 0.025},
    {"kind": "arrives_late", "route": _CREATE, "probability": 0.02, "delay": 1.5},
    {"kind": "arrives_late", "route": _CREATE, "probability": 0.01, "delay": 6.0},
    {"kind": "late_after", "route": _CREATE, "probability": 0.02, "delay": 4.0},
    {"kind": "slow", "probability": 0.05, "delay": 0.4},
    {"kind": "cut", "route": _READS, "probability": 0.03},
    {"kind": "duplicate_fill", "probability": 0.05},
    {"kind": "late_fill", "probability": 0.05, "delay": 1.0},
    {"kind": "rate_limited", "probability": 0.01},
)
#: What fails of withdrawing and prolonging, where exits rest.
RESTLESS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"kind": kind, "route": route, "probability": 0.04}
    for kind in ("cut", "cut_after", "error", "error_after")
    for route in ("DELETE /portfolio/events/orders/*", "POST /portfolio/events/orders/*/amend")
)
#: What happens now and then, and for how many seconds.
SPELLS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "trading_pause", "duration": 3.0},
    {"kind": "cut", "duration": 4.0},
    {"kind": "error", "duration": 4.0},
    {"kind": "cut_after", "route": "[A-V]* /portfolio/*", "duration": 4.0},
    {"kind": "lagging_reads", "age": 8.0, "duration": 20.0},
)
