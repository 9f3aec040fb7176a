"""Who signed a request: Kalshi's API keys, RSA-PSS and Ed25519, and the four ways to fail.

The text that is signed is timestamp + method + path, without query and body.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bot.sim.engine.errors import ExchangeRefusal

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey

KEY_HEADER: Final = "KALSHI-ACCESS-KEY"
SIGNATURE_HEADER: Final = "KALSHI-ACCESS-SIGNATURE"
TIMESTAMP_HEADER: Final = "KALSHI-ACCESS-TIMESTAMP"
#: How far a client's clock may be off: between what was seen accepted and refused.
MAX_SKEW_SECONDS: Final = 30

READ: Final = "read"
TRADE: Final = "write::trade"
#: Narrower scopes that a wider one includes.
_INCLUDES: Final = {
    "read": ("read::portfolio_balance", "read::block_trade_accept"),
    "write": ("write::trade", "write::transfer"),
}

NO_TOKEN: Final = ExchangeRefusal(401, "token_authentication_failure")
NO_SIGNATURE: Final = ExchangeRefusal(401, "signature_is_missing_from_headers")
EXPIRED: Final = ExchangeRefusal(401, "header_timestamp_expired")
#: Called with NOT_FOUND for an unknown key, INCORRECT_API_KEY_SIGNATURE for a wrong signature.
WRONG_KEY: Final = ExchangeRefusal(401, "authentication_error", "authentication_error")
#: The body of this one has not been seen; its status is documented.
NO_SCOPE: Final = ExchangeRefusal(403, "insufficient_scope")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that an account may sign with."""

    key_id: str
    public_key: PublicKey
    account: str
    scopes: frozenset[str] = frozenset({"read", "write"})

    def may(self, scope: str) -> bool:
        """Whether the key's scopes cover this one."""
        held = self.scopes
        return scope in held or any(scope in _INCLUDES.get(wide, ()) for wide in held)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of the exchange by their id."""

    keys: Mapping[str, ApiKey]

    def signer(self, headers: Mapping[str, str], method: str, path: str, now: datetime) -> ApiKey:
        """The key that signed. Raises Rejected (401) in Kalshi's words."""
        key_id = headers.get(KEY_HEADER)
        signature = headers.get(SIGNATURE_HEADER)
        timestamp = headers.get(TIMESTAMP_HEADER)
        if not key_id and not signature and not timestamp:
            raise NO_TOKEN()
        if not signature:
            raise NO_SIGNATURE()
        if not _is_fresh(timestamp or "", now):
            raise EXPIRED()
        key = self.keys.get(key_id or "")
        if key is None:
            raise WRONG_KEY("NOT_FOUND")
        if not _is_signed(key.public_key, signature, f"{timestamp}{method}{path}".encode()):
            raise WRONG_KEY("INCORRECT_API_KEY_SIGNATURE")
        return key


def _is_fresh(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isdecimal() and timestamp.isascii() and len(timestamp) <= 15):
        return False
    return abs(int(timestamp) / 1000 - now.timestamp()) <= MAX_SKEW_SECONDS


def _is_signed(key: PublicKey, signature: str, message: bytes) -> bool:
    try:
        raw = b64decode(signature, validate=True)
        if isinstance(key, Ed25519PublicKey):
            key.verify(raw, message)
        else:
            digest = hashes.SHA256()
            key.verify(raw, message, PSS(MGF1(digest), digest.digest_size), digest)
    except (binascii.Error, InvalidSignature, ValueError):
        return False
    return True
