"""No configured secret is shown or logged, whole or in parts, however a library writes it."""

import json
import logging
from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logging_utils
from bot import config
from bot.alerts.alert import Alert, AlertKind, Severity
from bot.alerts.webhook import Webhook
from bot.scrub import PART, Scrubber
from bot.settings_text import credentials_in
from bot.sim.rest.keys import KeyKind, made_key
from tests.support.strategies import NOON

PEM = made_key("ann", KeyKind.RSA)[1]
KEY_ID = "0f1c5b0e-87d1-4f0e-9d0c-7a1f4a0f2f11"
SETTINGS = {
    "kalshi_api_key": KEY_ID,
    "kalshi_secret": PEM,
    "api_token": "tok-4f1Bq9_zLw2",
    "api_read_token": "Read3r+T0ken/x=",
    "database_url": "postgres://foo:b@rSecretTail@127.0.0.1:5/mydb",
    "alert_webhook_url": "https://discord.com/api/webhooks/112233445566/aB3-xYz_token-9Qw",
    "https_proxy": "http://me:pr0xy%2Fpass@p.example:3128",
}
SECRETS = [
    *(KEY_ID, "tok-4f1Bq9_zLw2", "Read3r+T0ken/x=", "b@rSecretTail", "rSecretTail"),
    *("aB3-xYz_token-9Qw", "pr0xy%2Fpass", "pr0xy/pass", PEM.splitlines()[3]),
]
SCRUBBER = Scrubber(config.load(None, **SETTINGS).secrets())

WRITINGS = [
    str,
    repr,
    lambda secret: repr(secret.encode()),
    lambda secret: json.dumps({"error": f"bad {secret}"}),
    lambda secret: quote(secret, safe=""),
    quote_plus,
    lambda secret: quote(secret, safe="").lower(),
    lambda secret: b64encode(secret.encode()).decode()[:-4],
    lambda secret: b64encode(f"me:{secret}".encode()).decode()[4:-4],
    lambda secret: secret.encode().hex(),
    lambda secret: f"InvalidURL: {secret}@127.0.0.1:5/mydb is none",
    lambda secret: f"Illegal header value {secret.encode() + bytes([10])!r}",
]


def gives_away(text, secret):
    return any(secret[at : at + PART] in text for at in range(max(1, len(secret) - PART + 1)))


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("written", WRITINGS)
def test_no_writing_of_a_secret_is_left(secret, written):
    reported = f"ConnectError: {written(secret)} (see above)"

    clean = SCRUBBER.text(reported)

    assert written(secret) not in clean
    assert not gives_away(clean, secret)
    assert len(clean) == len(reported)
    assert clean.startswith("ConnectError: ")
    assert clean.endswith(" (see above)")


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=12, max_size=60),
    written=st.sampled_from(WRITINGS),
    around=st.text(max_size=20),
)
def test_no_secret_at_all_is_left(secret, written, around):
    reported = around + written(secret) + around

    clean = Scrubber([secret]).text(reported)

    assert written(secret) in reported
    assert written(secret) not in clean


@given(secret=st.sampled_from(SECRETS), start=st.integers(0, 20), length=st.integers(PART, 40))
def test_a_part_of_a_secret_is_masked_as_well(secret, start, length):
    part = secret[start : start + length]
    known = any(c.isupper() or not (c.isalpha() or c == "_") for c in part)

    clean = SCRUBBER.text(f"what was sent ends in {part}.")

    if len(part) >= PART and known:
        assert not gives_away(clean, part)


@given(st.text())
def test_without_secrets_nothing_changes(text):
    assert Scrubber().text(text) == text
    assert Scrubber().answer(text.encode(errors="replace")) == text.encode(errors="replace")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27 12:00:00 | INFO | main | paper mode on production",
        '{"status":"ok","timestamp":"2026-11-27T12:00:00+00:00","version":"1.0.0"}',
        "GET /markets/orderbooks: ConnectTimeout",
        "https://discord.com/api/webhooks/",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_what_is_no_secret_stays(text):
    assert SCRUBBER.text(text) == text


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_an_answer_stays_the_json_it_was(secret):
    body = json.dumps({"reasons": [f'"{secret}"\n'], secret: 1, "n": 112233445566}).encode()

    clean = SCRUBBER.answer(body)

    assert len(clean) == len(body)
    assert json.loads(clean)["n"] == 112233445566
    assert not gives_away(json.loads(clean)["reasons"][0], secret)


def test_a_password_that_is_one_of_our_own_words_spoils_no_answer():
    body = b'{"name":"KalshiProto","where":"postgresql on localhost"}'

    assert Scrubber(["postgres", "kalshi", "abc"]).answer(body) == body


def test_a_short_password_is_masked_as_a_whole():
    assert Scrubber(["hunter2"]).answer(b'{"a":"no hunter2"}') == b'{"a":"no *******"}'


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("postgres://me:pw@h/x", "pw"),
        ("postgres://me:p@w@h/x", "p@w"),
        ("postgres://me:p/w@h/x", "p/w"),
        ("postgres://me@h/x", None),
        ("sqlite:///x.db", None),
    ],
)
def test_the_password_of_an_address_is_found_whatever_is_wrong_with_it(address, password):
    assert credentials_in(address) == ([] if password is None else [password])


@pytest.mark.parametrize(
    ("name", "address", "secrets"),
    [
        ("database_url", "postgres:///x?host=h&user=me&password=b%40rTail9", ["b@rTail9"]),
        ("database_url", "postgres://h/x?sslkey=k&sslpassword=KeyTail9", ["KeyTail9"]),
        ("database_url", "postgres://me:pw-Tail1@h/x?password=pw-Tail2", ["pw-Tail1", "pw-Tail2"]),
        ("https_proxy", "http://Api-Key9@p.example:1", ["Api-Key9"]),
        ("https_proxy", "http://Api-Key9:@p.example:1", ["Api-Key9"]),
        ("all_proxy", "Api-Key9:pw-Tail1@p.example:1", ["pw-Tail1"]),
        ("alert_webhook_url", "https://Api-Key9@w.example/x", ["Api-Key9"]),
    ],
)
def test_whatever_of_an_address_lets_anybody_in_is_a_secret(name, address, secrets):
    scrubber = Scrubber(config.load(None, **{name: address}).secrets())

    assert not [one for one in secrets if gives_away(scrubber.text(f"refused: {one}!"), one)]
    assert not [one for one in secrets if gives_away(scrubber.text(f"x={quote(one)}"), quote(one))]


def test_the_key_in_a_file_is_a_secret(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    scrubber = Scrubber(config.load(None, kalshi_secret=str(file)).secrets())

    assert not gives_away(scrubber.text(f"could not read {PEM!r}"), PEM.splitlines()[5])


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_neither_lines_nor_traces_tell_a_secret(capsys, log_format):
    logging_utils.configure("INFO", log_format, SCRUBBER)
    try:
        int(f"Illegal header value {KEY_ID}")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed with b@rSecretTail")
    said = capsys.readouterr().out

    assert "Illegal header value" in said
    assert not gives_away(said, KEY_ID)
    assert not gives_away(said, "rSecretTail")


@pytest.mark.parametrize("shape", ["discord", "slack", "json"])
def test_no_alert_tells_a_secret(shape):
    hook = replace(Webhook.of("https://hook.example/x", shape, "test"), scrubber=SCRUBBER)
    alert = Alert(AlertKind.STARTED, Severity.INFO, f"failed: {KEY_ID} tok-4f1Bq9_zLw2", NOON)

    said = hook.body(alert).decode()

    assert "failed" in said
    assert not gives_away(said, KEY_ID)
    assert "4f1Bq9" not in said
