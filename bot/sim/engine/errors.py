"""Kalshi's refusals: each with its HTTP status, its code and the body it is wrapped in."""

from dataclasses import dataclass


class Rejected(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A refusal of the exchange. Nothing has changed, unless the text says otherwise."""

    def __init__(self, status: int, code: str, message: str = "", details: str = "") -> None:
        self.status = status
        self.code = code
        self.message = message or code.replace("_", " ")
        self.details = details
        super().__init__(f"{status} {code}: {details or self.message}")


@dataclass(frozen=True, slots=True)
class ExchangeRefusal:
    """One kind of refusal; calling it with details makes the exception to raise."""

    status: int
    code: str
    message: str = ""

    def __call__(self, details: str = "") -> Rejected:
        """The exception to raise."""
        return Rejected(self.status, self.code, self.message, details)


INVALID_ORDER = ExchangeRefusal(400, "invalid_order")
INVALID_PRICE = ExchangeRefusal(400, "invalid_price")
INVALID_SIZE = ExchangeRefusal(400, "invalid_order_size")
INVALID_PARAMETERS = ExchangeRefusal(400, "invalid_parameters")
INSUFFICIENT_BALANCE = ExchangeRefusal(400, "insufficient_balance")
ORDER_TICKER_MISMATCH = ExchangeRefusal(400, "order_ticker_mismatch")
ORDER_SIDE_MISMATCH = ExchangeRefusal(400, "order_side_mismatch")
ORDER_ID_MISMATCH = ExchangeRefusal(400, "order_id_and_client_order_id_mismatch")
#: Paused, closed or not yet open: the word seen in October 2026; its status is a choice.
MARKET_NOT_ACTIVE = ExchangeRefusal(400, "MARKET_NOT_ACTIVE", "market is not active")
NOT_FOUND = ExchangeRefusal(404, "not_found")
MARKET_NOT_FOUND = ExchangeRefusal(404, "market_not_found")
ORDER_EXISTS = ExchangeRefusal(409, "order_already_exists")
FOK_UNFILLED = ExchangeRefusal(409, "fill_or_kill_insufficient_resting_volume")
TRADING_PAUSED = ExchangeRefusal(409, "trading_is_paused")
EXCHANGE_PAUSED = ExchangeRefusal(409, "exchange_is_paused")
GROUP_TRIGGERED = ExchangeRefusal(409, "order_group_triggered")
LEGACY_GONE = ExchangeRefusal(
    410, "deprecated_v1_order_endpoint", "Please switch to the V2 endpoints"
)
