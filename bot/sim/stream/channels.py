"""What Kalshi's stream offers and how it refuses: the channels, the error codes, their words.

Codes 6, 16 and 17 are retired. Channels that need things the simulated exchange has not (RFQs,
index values, order group updates) exist, and answer with a channel error.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Filter(Enum):
    """Whether a subscription to a channel names markets."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of subscription. Sequenced ones number their frames."""

    name: str
    filter: Filter = Filter.OPTIONAL
    is_sequenced: bool = False
    is_private: bool = False


BOOK: Final = "orderbook_delta"
TRADE: Final = "trade"
TICKER: Final = "ticker"
FILL: Final = "fill"
ORDERS: Final = "user_orders"
POSITIONS: Final = "market_positions"
LIFECYCLE: Final = "market_lifecycle_v2"
COMBO_LIFECYCLE: Final = "multivariate_market_lifecycle"

CHANNELS: Final = {
    channel.name: channel
    for channel in (
        Channel(BOOK, Filter.REQUIRED, is_sequenced=True),
        Channel(TRADE, is_sequenced=True),
        Channel(TICKER),
        Channel(FILL, is_private=True),
        Channel(ORDERS, is_private=True),
        Channel(POSITIONS, is_private=True),
        Channel(LIFECYCLE, Filter.NONE, is_sequenced=True),
        Channel(COMBO_LIFECYCLE, Filter.NONE, is_sequenced=True),
    )
}
#: Kalshi has these, the simulated exchange has nothing to say on them.
NOT_SIMULATED: Final = frozenset(
    {
        "communications",
        "order_group_updates",
        "cfbenchmarks_value",
        "cfbenchmarks_value_5hz",
        "pyth_value",
    }
)

UNPROCESSABLE: Final = 1
PARAMS_REQUIRED: Final = 2
CHANNELS_REQUIRED: Final = 3
SIDS_REQUIRED: Final = 4
UNKNOWN_COMMAND: Final = 5
UNKNOWN_SID: Final = 7
UNKNOWN_CHANNEL: Final = 8
AUTHENTICATION_REQUIRED: Final = 9
CHANNEL_ERROR: Final = 10
INVALID_PARAMETER: Final = 11
ONE_SID_REQUIRED: Final = 12
UNSUPPORTED_ACTION: Final = 13
MARKET_REQUIRED: Final = 14
ACTION_REQUIRED: Final = 15
SHARD_FACTOR_TOO_SMALL: Final = 19
SHARD_FACTOR_REQUIRED: Final = 20
SHARD_KEY_OUTSIDE: Final = 21
SHARD_FACTOR_TOO_LARGE: Final = 22
OVERFLOW: Final = 25
TOO_MANY_MARKETS: Final = 26
TOO_MANY_COMMANDS: Final = 27

ERRORS: Final = {
    UNPROCESSABLE: "Unable to process message",
    PARAMS_REQUIRED: "Params required",
    CHANNELS_REQUIRED: "Channels required",
    SIDS_REQUIRED: "Subscription IDs required",
    UNKNOWN_COMMAND: "Unknown command",
    UNKNOWN_SID: "Unknown subscription ID",
    UNKNOWN_CHANNEL: "Unknown channel name",
    AUTHENTICATION_REQUIRED: "Authentication required",
    CHANNEL_ERROR: "Channel error",
    INVALID_PARAMETER: "Invalid parameter",
    ONE_SID_REQUIRED: "Exactly one subscription ID is required",
    UNSUPPORTED_ACTION: "Unsupported action",
    MARKET_REQUIRED: "Market Ticker required",
    ACTION_REQUIRED: "Action required",
    18: "Command timeout",
    SHARD_FACTOR_TOO_SMALL: "shard_factor must be > 0",
    SHARD_FACTOR_REQUIRED: "shard_factor is required when shard_key is set",
    SHARD_KEY_OUTSIDE: "shard_key must be >= 0 and < shard_factor",
    SHARD_FACTOR_TOO_LARGE: "shard_factor must be <= 100",
    23: "Match IDs required",
    24: "Index IDs required",
    OVERFLOW: "Subscription buffer overflow",
    TOO_MANY_MARKETS: "Subscription market limit exceeded",
    TOO_MANY_COMMANDS: "Too many requests",
    28: "Underlying tickers required",
}
#: After these a subscription is over, and the client must subscribe again.
TERMINAL: Final = frozenset({CHANNEL_ERROR, OVERFLOW})


class StreamError(Exception):
    """A command that is refused: the code, what is wrong, and the subscription it concerns."""

    def __init__(self, code: int, detail: str = "", sid: int | None = None) -> None:
        self.code = code
        self.sid = sid
        self.text = f"{ERRORS[code]}: {detail}" if detail else ERRORS[code]
        super().__init__(f"{code} {self.text}")
