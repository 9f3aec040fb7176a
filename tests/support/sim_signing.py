"""A client's half of Kalshi's signatures, for tests of the exchange's half."""

from base64 import b64encode
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.sim.rest.auth import ApiKey, KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from tests.support.sim_exchanges import START


class Signer(httpx.Auth):
    """Signs each request as of a moment; what a test passes as `change` is put over the headers."""

    def __init__(self, key: ApiKey, pem: str, at=START, change=None) -> None:
        self._key_id = key.key_id
        self._private: Any = load_pem_private_key(pem.encode(), None)
        self._at = at
        self._change: dict[str, str | None] = change or {}

    def auth_flow(self, request):
        stamp = str(int(self._at.timestamp() * 1000))
        path = request.url.raw_path.decode().partition("?")[0]
        signature = self._sign(f"{stamp}{request.method}{path}".encode())
        headers: dict[str, str | None] = {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode(),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        }
        for name, value in (headers | self._change).items():
            if value is not None:
                request.headers[name] = value
        yield request

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self._private, RSAPrivateKey):
            digest = hashes.SHA256()
            padding = PSS(MGF1(digest), digest.digest_size)
            return self._private.sign(message, padding, digest)
        signature: bytes = self._private.sign(message)
        return signature


def signing(
    account: str, kind: KeyKind = KeyKind.ED25519, **options: Any
) -> tuple[KeyRing, Signer]:
    """A ring with one key of the account, and who signs with it."""
    scopes = options.pop("scopes", frozenset({"read", "write"}))
    key, pem = made_key(account, kind, scopes)
    return KeyRing({key.key_id: key}), Signer(key, pem, **options)
