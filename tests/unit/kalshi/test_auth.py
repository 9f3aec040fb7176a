"""The client's half of signatures against the exchange's half, and every way to give a key."""

from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bot.kalshi.auth import Signer
from bot.sim.engine.errors import Rejected
from bot.sim.rest.auth import MAX_SKEW_SECONDS, KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from tests.support.fakes import HandClock
from tests.support.strategies import NOON

PATH = "/trade-api/v2/portfolio/orders"
KEYS = {kind: made_key("ann", kind) for kind in KeyKind}
RSA_PEM = KEYS[KeyKind.RSA][1]


def accepted(kind, secret, signed=PATH, *, method="GET", at=NOON):
    """Whether the exchange takes what was signed at that moment for a request at NOON for PATH."""
    key, _ = KEYS[kind]
    headers = Signer(key.key_id, secret, HandClock(at)).headers(method, signed)
    return KeyRing({key.key_id: key}).signer(headers, method, PATH, NOON) == key


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_exchange_knows_who_signed(kind, method):
    assert accepted(kind, KEYS[kind][1], method=method)


@pytest.mark.parametrize("kind", KeyKind)
def test_a_signature_is_for_one_path_only(kind):
    with pytest.raises(Rejected, match="INCORRECT_API_KEY_SIGNATURE"):
        accepted(kind, KEYS[kind][1], f"{PATH}/other")


@pytest.mark.parametrize("kind", KeyKind)
def test_a_signature_is_of_the_moment_of_the_clock(kind):
    early = NOON - timedelta(seconds=MAX_SKEW_SECONDS + 1)

    with pytest.raises(Rejected, match="header_timestamp_expired"):
        accepted(kind, KEYS[kind][1], at=early)


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize(
    "written",
    [
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: f'"{pem.strip()}"',
        lambda pem: f"  {pem}\n\n",
        lambda pem: f"Bag Attributes: none\n{pem}",
    ],
    ids=["backslash n", "backslash r n", "CRLF", "blanks", "quotes", "space", "text before"],
)
def test_a_pem_is_read_however_its_lines_were_lost(kind, written):
    assert accepted(kind, written(KEYS[kind][1]))


def test_a_pem_may_lie_in_a_file(tmp_path):
    file = tmp_path / "kalshi.pem"
    file.write_text(RSA_PEM)

    assert accepted(KeyKind.RSA, f" {file}\n")


@pytest.mark.parametrize(
    "written",
    [
        lambda pem: b"\xef\xbb\xbf" + pem.encode(),
        lambda pem: pem.replace("\n", "\r\n").encode(),
        lambda pem: f'"{pem}"'.encode(),
        lambda pem: pem.replace("\n", "\\n").encode(),
        lambda pem: pem.encode("utf-16"),
    ],
    ids=["byte-order mark", "CRLF", "quoted", "escaped", "UTF-16"],
)
def test_a_pem_in_a_file_is_read_as_editors_leave_it(tmp_path, written):
    file = tmp_path / "key.pem"
    file.write_bytes(written(RSA_PEM))

    assert accepted(KeyKind.RSA, str(file))


def _locked() -> str:
    key = load_pem_private_key(RSA_PEM.encode(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    return locked.decode()


def _elliptic() -> str:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


SECRET_WORD = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "neither a PEM nor a file"),
        (SECRET_WORD, "neither a PEM nor a file"),
        (f"~nobody-of-that-name/{SECRET_WORD}", "neither a PEM nor a file"),
        (f"{SECRET_WORD}\x00", "neither a PEM nor a file"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET_WORD}", "holds no whole PEM"),
        (
            f"-----BEGIN PRIVATE KEY-----\n{SECRET_WORD}\n-----END PRIVATE KEY-----",
            "no private key",
        ),
        (_locked(), "passphrase"),
        (_elliptic(), "neither an RSA nor an Ed25519 key"),
        (RSA_PEM.replace("RSA PRIVATE", "PUBLIC"), "no private key"),
    ],
)
def test_what_is_no_key_is_refused_by_name_and_never_shown(secret, why):
    with pytest.raises(ValueError, match=why) as refused:
        Signer("id", secret, HandClock())

    said = str(refused.value)
    assert "KALSHI_SECRET" in said
    assert SECRET_WORD not in said
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    body = secret.split("-----")[2][:40].strip() if "-----" in secret else ""
    assert not body or body not in said


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "kalshi.der"
    file.write_bytes(b"\xff\x00\xfe")

    with pytest.raises(ValueError, match="neither a PEM nor a file that can be read"):
        Signer("id", str(file), HandClock())


def test_a_signer_does_not_show_its_key():
    signer = Signer("the-id", RSA_PEM, HandClock())

    inside = RSA_PEM.splitlines()[1]
    assert inside not in repr(signer)
    assert inside not in repr(vars(signer))
    assert b64encode(inside.encode()).decode() not in repr(vars(signer))


@pytest.mark.parametrize(
    ("seconds", "off"), [(1, 0), (40, 40.5), (-40, -39.5), (299, 299.5), (400, 0)]
)
def test_a_clock_that_is_off_signs_with_the_time_that_the_exchange_tells(seconds, off):
    signer = Signer("the-id", RSA_PEM, HandClock())

    signer.heard(NOON + timedelta(seconds=seconds))

    stamp = int(signer.headers("GET", "/x")["KALSHI-ACCESS-TIMESTAMP"]) / 1000
    assert stamp - NOON.timestamp() == off


def test_a_clock_that_is_right_again_is_believed_again():
    signer = Signer("the-id", RSA_PEM, HandClock())
    signer.heard(NOON + timedelta(seconds=40))

    signer.heard(NOON)

    stamp = int(signer.headers("GET", "/x")["KALSHI-ACCESS-TIMESTAMP"]) / 1000
    assert stamp == NOON.timestamp()
