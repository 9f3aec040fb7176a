"""API keys for the simulated exchange: made at random, handed to the client as a file.

The file is JSON `{"key_id": …, "private_key": …}` with the private key in PEM, and nobody but its
owner may read it.
"""

import os
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.sim.rest.auth import ApiKey

_RSA_BITS = 2048
_RSA_EXPONENT = 65_537


class KeyKind(StrEnum):
    """The kinds of key that Kalshi accepts."""

    RSA = "rsa"
    ED25519 = "ed25519"


def made_key(
    account: str,
    kind: KeyKind = KeyKind.RSA,
    scopes: frozenset[str] = frozenset({"read", "write"}),
) -> tuple[ApiKey, str]:
    """A new key of an account, and its private half in PEM, in the format Kalshi hands out."""
    private: RSAPrivateKey | Ed25519PrivateKey
    if kind is KeyKind.RSA:
        private = generate_private_key(_RSA_EXPONENT, _RSA_BITS)
        encoding = PrivateFormat.TraditionalOpenSSL
    else:
        private = Ed25519PrivateKey.generate()
        encoding = PrivateFormat.PKCS8
    pem = private.private_bytes(Encoding.PEM, encoding, NoEncryption()).decode()
    return ApiKey(str(uuid4()), private.public_key(), account, scopes), pem


def write_key_file(path: Path, key_id: str, pem: str) -> None:
    """Write a key file readable by its owner only, replacing an older one. Raises OSError."""
    path.unlink(missing_ok=True)
    # Created with its rights: between writing and a later chmod others could have read it.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps({"key_id": key_id, "private_key": pem}, option=orjson.OPT_INDENT_2))
