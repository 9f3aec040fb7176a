"""What an API key may do, and until when: judged before anything is sent. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.kalshi.wire.account import ApiKeyWire

_TRADES: Final = frozenset({"write", "write::trade"})
#: `write` is every write there is, that of moving cash among them.
_MOVES_CASH: Final = frozenset({"write", "write::transfer"})
#: The location of an account is attested for a time; the exchange takes no orders after it.
_SOON: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeyRights:
    """Scopes as Kalshi names them; `attested_until` is None if the exchange tells of no end."""

    scopes: frozenset[str]
    subaccount: int | None = None
    attested_until: datetime | None = None

    @classmethod
    def of(cls, key: ApiKeyWire, attested_until: int | None) -> "KeyRights":
        """Those of a listed key."""
        until = None if attested_until is None else datetime.fromtimestamp(attested_until, UTC)
        return cls(frozenset(key.scopes), key.subaccount, until)

    def fault(self, *, may_move_cash: bool, subaccount: int = 0) -> str | None:
        """Why nothing is sent with it, and the remedy; None if it may be used."""
        if "read" not in self.scopes or not self.scopes & _TRADES:
            return (
                f"KALSHI_API_KEY has the scopes {_listed(self.scopes)}: trading needs read and "
                "write::trade"
            )
        if self.subaccount is not None and self.subaccount != subaccount:
            return (
                f"KALSHI_API_KEY is locked to subaccount {self.subaccount}: set KALSHI_SUBACCOUNT "
                f"to that, which is {subaccount} now, or use another key"
            )
        if self.scopes & _MOVES_CASH and not may_move_cash:
            return (
                f"KALSHI_API_KEY may move cash ({_listed(self.scopes & _MOVES_CASH)}), which "
                "trading does not need: make a key with read and write::trade, or set "
                "LIVE_ALLOW=transfer"
            )
        return None

    def note(self, now: datetime) -> str | None:
        """What people should know of it; None for nothing."""
        until = self.attested_until
        if until is None or until - now > _SOON:
            return None
        verb = "has lapsed" if until <= now else "lapses"
        return f"the location of the account {verb} at {until:%Y-%m-%d %H:%M} UTC: attest it again"


def _listed(scopes: frozenset[str]) -> str:
    return ", ".join(sorted(scopes)) or "none"
