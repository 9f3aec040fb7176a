"""What the exchange says when it says no, in all the forms it has for that.

Every answer that is not a success becomes one ExchangeError; a body that is HTML, empty or
anything else still does.
"""

import msgspec

from bot.core.text import one_line
from bot.kalshi.wire.shapes import MALFORMED
from bot.ports.exchange import ExchangeError

#: The code of a request that never left this process: it certainly did nothing.
NOT_SENT = "not_sent"
#: An error page must not fill the log.
LONGEST = 200


def error(asked: str, status: int, body: bytes) -> ExchangeError:
    """The refusal of what was asked: HTTP status, the exchange's code, and its own words."""
    code, words = _said(body)
    reported = ": ".join(part for part in (code, words) if part) or "no reason given"
    return ExchangeError(f"{asked}: HTTP {status}, {reported}", status=status, code=code)


def _said(body: bytes) -> tuple[str, str]:
    """Code and message of the body; empty where it has none."""
    try:
        document: object = msgspec.json.decode(body)
    except MALFORMED:
        return "", "the answer is not JSON" if body.strip() else ""
    reported = document.get("error", document) if isinstance(document, dict) else None
    if not isinstance(reported, dict):
        return _word(reported), ""
    code = _word(reported.get("code"))
    words = [_text(reported.get(name)) for name in ("message", "msg", "details")]
    return code, "; ".join(part for part in words if part and _word(part) != code)


def _word(text: object) -> str:
    """`too many requests` as the code `too_many_requests`."""
    return _text(text).replace(" ", "_")


def _text(value: object) -> str:
    return one_line(value[:LONGEST]) if isinstance(value, str) else ""
