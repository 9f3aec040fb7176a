"""Signing requests as Kalshi wants it: RSA-PSS or Ed25519 over timestamp, method and path.

The path is the whole one, without query; the body is not signed. Nothing here ever shows a key.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.ports.exchange import Clock

#: A PEM however its lines were lost: real line ends, the two characters \n, or blanks.
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----", re.DOTALL)
_LINE_END: Final = re.compile(r"\\r|\\n|\s")
_REMEDY: Final = "put the PEM that Kalshi gave you, or the path of its file, into KALSHI_SECRET"


#: By how much our clock may be wrong before requests are signed with the exchange's time instead,
#: and up to which: beyond, nobody should trade with it.
LEAST_AHEAD: Final = timedelta(seconds=2)
MOST_AHEAD: Final = timedelta(minutes=5)
#: What the exchange tells is cut off to whole seconds.
_CUT_OFF: Final = timedelta(seconds=0.5)


class Signer:
    """Signs as the owner of one API key, at the time of the clock or, if that is off, of Kalshi."""

    def __init__(self, key_id: str, secret: str, clock: Clock) -> None:
        """`secret` is the private key in PEM, on one line too, or the path of a file with it.

        Raises ValueError, without the key in it, for what is no RSA or Ed25519 key.
        """
        self.key_id = key_id
        self._sign = _signature(_pem(secret))
        self._clock = clock
        self._ahead = timedelta()

    def heard(self, at: datetime) -> None:
        """The exchange's own time is this, to the second."""
        ahead = at + _CUT_OFF - self._clock.now()
        self._ahead = ahead if LEAST_AHEAD <= abs(ahead) <= MOST_AHEAD else timedelta()

    def now(self) -> datetime:
        """The exchange's time, as far as it was heard."""
        return self._clock.now() + self._ahead

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """The headers of one request, made now: a signature is good for some seconds only."""
        stamp = str(int(self.now().timestamp() * 1000))
        signature = self._sign(f"{stamp}{method.upper()}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode("ascii"),
            "KALSHI-ACCESS-TIMESTAMP": stamp,
        }


def _pem(secret: str) -> bytes:
    """The PEM in a text, or in the file that it names, with its lines as they should be."""
    text = secret
    if "-----BEGIN" not in secret:
        try:
            text = _text(Path(secret.strip()).expanduser().read_bytes())
        except (OSError, ValueError, RuntimeError):
            raise ValueError(
                f"KALSHI_SECRET is neither a PEM nor a file that can be read: {_REMEDY}"
            ) from None
    found = _PEM.search(text)
    if found is None:
        raise ValueError(f"KALSHI_SECRET holds no whole PEM: {_REMEDY}")
    body = _LINE_END.sub("", found[2])
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    whole = "\n".join((f"-----BEGIN {found[1]}-----", *lines, f"-----END {found[1]}-----", ""))
    return whole.encode()


def _text(content: bytes) -> str:
    # Editors of Windows begin a file with a mark of its encoding.
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _signature(pem: bytes) -> Callable[[bytes], bytes]:
    # An error of the library could quote what it could not read.
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(
            f"KALSHI_SECRET is no private key, or one with a passphrase: {_REMEDY}"
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    if isinstance(key, RSAPrivateKey):
        digest = hashes.SHA256()
        padding = PSS(MGF1(digest), digest.digest_size)
        return lambda message: key.sign(message, padding, digest)
    raise ValueError(f"KALSHI_SECRET is neither an RSA nor an Ed25519 key: {_REMEDY}")
