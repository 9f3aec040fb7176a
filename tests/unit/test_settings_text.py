"""Settings as hosts, editors and people write them: meant so, or refused in a line."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import config
from bot.config import Settings, SettingsError
from bot.settings_text import HIDDEN, host_name, shown_number, trimmed

HOME = Path.home()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("BOT_MODE", "PAPER", "paper"),
        ("BOT_MODE", '"paper"', "paper"),
        ("BOT_MODE", " 'Paper' \r\n", "paper"),
        ("BOT_MODE", "“paper”", "paper"),
        ("KALSHI_ENV", "Production", "production"),
        ("LOG_LEVEL", "info", "INFO"),
        ("LOG_LEVEL", "warn", "WARNING"),
        ("LOG_FORMAT", "JSON", "json"),
        ("ALERT_FORMAT", "Slack", "slack"),
        ("ENVIRONMENT", "Production", "production"),
        ("ENVIRONMENT", "\ufeffdevelopment\u200b", "development"),
        ("BOT_EXIT", "Take", "take"),
        ("FEED", "POLL", "poll"),
        ("LIVE_ALLOW", "Transfer", ("transfer",)),
        ("BOT_ENABLED", "Yes", True),
        ("BOT_ENABLED", "on", True),
        ("BOT_ENABLED", " False\n", False),
        ("BOT_ENABLED", "OFF", False),
        ("BOT_ENABLED", '"0"', False),
        ("BOT_INTERVAL", " 5\n", 5),
        ("BOT_INTERVAL", '""', 60),
        ("BOT_INTERVAL", "  ", 60),
        ("PAPER_CASH", "10_000", Decimal(10_000)),
        ("BOT_MARKETS", "1_000", 1_000),
        ("KILL_FILE", "~/KILL", HOME / "KILL"),
        ("LOG_DIR", "~/x", HOME / "x"),
        ("MODEL_PATH", "~/m.pkl", HOME / "m.pkl"),
        ("LOG_DIR", ' "/tmp/x" ', Path("/tmp/x")),
        ("KALSHI_BASE_URL", " https://a.example/x/ \n", "https://a.example/x"),
        ("KALSHI_BASE_URL", "https://a.example//", "https://a.example"),
        (
            "KALSHI_BASE_URL",
            "https://external-api.kalshi.com/",
            "https://external-api.kalshi.com/trade-api/v2",
        ),
        ("ALLOWED_HOSTS", "https://x.up.railway.app", ("x.up.railway.app",)),
        ("ALLOWED_HOSTS", "https://X.up.railway.app/, x:443", ("x.up.railway.app", "x")),
        ("ALLOWED_HOSTS", "[::1]:8000,::1,127.0.0.1:80", ("::1", "::1", "127.0.0.1")),
        ("ALLOWED_HOSTS", "*.example.com", ("*.example.com",)),
        ("ALLOWED_HOSTS", "*", ("*",)),
        ("CORS_ORIGINS", '"https://a.example", https://b.example/ ', None),
    ],
)
def test_a_value_is_taken_as_it_was_meant(monkeypatch, name, text, meant):
    monkeypatch.setenv(name, text)

    found = getattr(config.load(None), name.lower())

    assert found == (("https://a.example", "https://b.example") if meant is None else meant)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("BOT_INTERVAL", "0.5", "a whole number, at least 1, at most 86400"),
        ("BOT_INTERVAL", "1m", "a whole number, at least 1"),
        ("BOT_MARKETS", "NaN", "a whole number"),
        ("BOT_MIN_EDGE", "nan", "must be a number"),
        ("LEASE_SECONDS", "inf", "at most 60"),
        ("PAPER_CASH", "inf", "a number, above 0"),
        ("PAPER_CASH", "10,000", "without a comma: 1500 or 0.5"),
        ("RISK_MAX_ORDER_COST", "1,5", "without a comma"),
        ("PAPER_CASH", "1e400", "above 0, at most 1000000000"),
        ("PAPER_CASH", "1e-400", "with at most 4 decimals"),
        ("BOT_ORDER_SIZE", "0.005", "with at most 2 decimals"),
        ("RISK_MIN_PRICE", "0.00001", "with at most 4 decimals"),
        ("BOT_ENTER_ABOVE", "60", "a number, at least 0, at most 1"),
        ("BOT_STOP_LOSS", "5c", "a number, above 0, below 100"),
        ("BOT_ENABLED", "perhaps", "must be 'true' or 'false'"),
        ("KILL_FILE", "$HOME/KILL", "write the whole path"),
        ("LOG_DIR", "${HOME}/logs", "write the whole path"),
        ("MODEL_PATH", "%USERPROFILE%\\model.joblib", "write the whole path"),
        ("KILL_FILE", "file:///data/KILL", "a path, not an address"),
        ("KILL_FILE", "/data/KILL\nPORT=8000", "no line break"),
        ("ALLOWED_HOSTS", "not a host", "names like my-bot.up.railway.app"),
        ("ALLOWED_HOSTS", "x:port", "names like"),
        ("KALSHI_BASE_URL", "https://[broken", "an http:// or https:// address"),
        ("KALSHI_BASE_URL", "https://a.example:port", "an http:// or https:// address"),
        ("KALSHI_BASE_URL", "https://a.example/?x=1", "without user, ? and #"),
        ("LOG_DIR", "~nobody-of-that-name/x", "write the whole path"),
    ],
)
def test_what_is_not_certain_is_refused_in_a_line(monkeypatch, name, text, said):
    monkeypatch.setenv(name, text)

    with pytest.raises(SettingsError) as caught:
        config.load(None)

    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}=")
    assert said in problem
    assert len(problem.splitlines()) == 1


def test_a_key_id_is_taken_without_its_line_end(monkeypatch):
    monkeypatch.setenv("KALSHI_API_KEY", "0f1c5b0e-87d1-4f0e-9d0c-7a1f4a0f2f11\n")

    key = config.load(None).kalshi_api_key

    assert key is not None
    assert key.get_secret_value() == "0f1c5b0e-87d1-4f0e-9d0c-7a1f4a0f2f11"


@pytest.mark.parametrize("odd", ["\u200b", "\n", " ", "é", "\x00x"])
def test_a_key_id_that_no_header_can_carry_is_named_and_not_shown(odd):
    with pytest.raises(SettingsError) as caught:
        config.load(None, kalshi_api_key=f"0f1c5b0e-87d1{odd}4f0e")

    (problem,) = caught.value.problems
    assert problem.startswith("KALSHI_API_KEY=(hidden): holds a character")
    assert "0f1c" not in problem


#: What is pasted into the wrong setting: the text, and what of it may be shown.
PASTED = {
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow/IBAA", ""),
    "uuid": ("a952bcbe-ec3b-4b5b-b8f9-11dae589608c", ""),
    "token": ("sk_live_9f8a7b6c5d4e3f2a1b0c", ""),
    "base64": ("MIIEowIBA/AKCAQEA7a+bb/bc==", ""),
    "base64 that begins as a path": ("/9j4AAQSkZJRgABAQEAYABg==", ""),
    "web token": ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123", ""),
    "password": ("hunter2!", ""),
    "word": ("swordfish", ""),
    "digits and letters": ("1q2w3e4r", ""),
    "passphrase": ("staple-mustang-quiver-oboe", ""),
    "passphrase of words": ("staple mustang quiver oboe", ""),
    "name and password": ("me:st4ple@mustang.example", ""),
    "service": ("tgram://123456789:AAF-abcdefghijkTOKENabc/987654", ""),
    "database": ("postgres://me:st4pleMustang@db.example/x", ""),
    "address": ("https://me:st4pleMustang@a.example", ""),
    "address with an @ and / in its password": ("https://me:st4@ple.must/ang@a.example", ""),
    "address of a passphrase": ("https://staple-mustang-quiver", ""),
    "webhook": (
        "https://discord.com/api/webhooks/1/AbCdEfGhIjKlMnOpQrStUvWx",
        "https://discord.com",
    ),
    "reader": ("https://a.example/r/staple-mustang", "https://a.example"),
    "path": ("https://a.example/staple-mustang-quiver ", "https://a.example"),
    "query": ("https://a.example/?token=staple-mustang", "https://a.example"),
    "fragment": ("https://a.example#staple-mustang", "https://a.example"),
    "port": ("https://a.example:staple-mustang", "https://a.example"),
}
OPEN = [name for name, one in Settings.model_fields.items() if "Secret" not in str(one.annotation)]


@pytest.mark.parametrize("kind", PASTED)
def test_no_setting_shows_a_secret_that_was_pasted_into_it(kind):
    text, showable = PASTED[kind]
    secret = text.removeprefix(showable).lower()
    parts = [secret[at : at + 4] for at in range(len(secret) - 3)]
    told, refused = [], 0
    for name in OPEN:
        try:
            config.load(None, **{name: text})
        except SettingsError as error:
            (problem,) = error.problems
            refused += problem.startswith(f"{name.upper()}=")
            shown = problem.partition("=")[2].partition(": ")[0].lower()
            told += [(name, one) for one in parts if one in shown.removesuffix("/***'")]

    assert not told
    # Only what any text may be, or a path, is taken.
    assert refused > len(OPEN) * 0.7


@given(
    text=st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), min_size=6, max_size=60),
    name=st.sampled_from(OPEN),
)
def test_of_any_text_no_more_is_shown_than_a_number_a_word_or_a_host(text, name):
    try:
        config.load(None, **{name: text})
    except SettingsError as error:
        shown = error.problems[0].partition("=")[2].partition(": ")[0]
        assert shown.startswith("(hidden)") or shown_number(trimmed(text)) != HIDDEN


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bot_interval", "1500000000000000000000000"),
        ("bot_interval", "5s"),
        ("bot_interval", "1e3"),
        ("paper_cash", "$100"),
        ("paper_cash", "1,500.00"),
        ("bot_mode", "papr"),
        ("log_level", "WARNIN"),
        ("bot_enabled", "treu"),
        ("kalshi_env", "productive"),
    ],
)
def test_what_was_nearly_right_is_shown_as_it_was_written(name, text):
    with pytest.raises(SettingsError) as caught:
        config.load(None, **{name: text})

    assert str(caught.value).startswith(f"{name.upper()}='{text}': ")


def test_of_a_list_the_entry_is_named():
    with pytest.raises(SettingsError, match=r"^ALLOWED_HOSTS=\(hidden\) \(entry 2\): names like"):
        config.load(None, allowed_hosts="a.example, not a host")


@pytest.mark.parametrize("name", ["api_token", "api_read_token"])
@pytest.mark.parametrize("odd", ["\u200b", "\n", "\x07"], ids=ascii)
def test_a_token_that_nobody_could_bring_is_named_and_not_shown(name, odd):
    with pytest.raises(SettingsError) as caught:
        config.load(None, **{name: f"correct-horse{odd}-battery"})

    (problem,) = caught.value.problems
    assert problem.startswith(f"{name.upper()}=(hidden): holds a character that is not seen")
    assert "horse" not in problem


def test_a_folder_of_logs_that_cannot_hold_the_database_is_named():
    with pytest.raises(SettingsError, match=r"LOG_DIR: .*\?.*DATABASE_URL"):
        config.load(None, log_dir="/data/what?")


@pytest.mark.parametrize("url", ["http://a.kalshi.com/x", "http://10.0.0.1/x"])
def test_live_orders_do_not_leave_the_machine_without_encryption(url):
    armed = {"bot_mode": "live", "api_token": "t", "kalshi_api_key": "k", "kalshi_secret": "s"}

    with pytest.raises(SettingsError, match="https://"):
        config.load(None, kalshi_base_url=url, **armed)

    assert config.load(None, kalshi_base_url="http://127.0.0.1:9/x", **armed).bot_mode == "live"
    assert config.load(None, kalshi_base_url="http://[::1]:9/x", **armed).bot_mode == "live"


def test_a_password_in_an_address_is_not_shown(monkeypatch):
    monkeypatch.setenv("KALSHI_BASE_URL", "https://me:hunter2@a.example/x")

    with pytest.raises(SettingsError) as caught:
        config.load(None)

    assert "hunter2" not in str(caught.value)


def test_only_a_pair_of_quotes_is_taken_off():
    assert [trimmed(text) for text in ("'a", "a'", "\"a'", "'a'b'", "'")] == [
        "'a",
        "a'",
        "\"a'",
        "a'b",
        "'",
    ]


def test_a_host_keeps_its_wildcard_without_its_port():
    assert host_name("*.example.com:443") == "*.example.com"


@pytest.mark.parametrize(
    ("name", "text", "through"),
    [
        ("HTTPS_PROXY", "127.0.0.1:3128", {"https": "http://127.0.0.1:3128"}),
        ("https_proxy", "http://p.example:1/", {"https": "http://p.example:1"}),
        ("HTTP_PROXY", " http://me:pw@p.example:1\n", {"http": "http://me:pw@p.example:1"}),
        (
            "ALL_PROXY",
            "p.example:8080",
            {"http": "http://p.example:8080", "https": "http://p.example:8080"},
        ),
        ("ALL_PROXY", "", {}),
    ],
)
def test_proxies_are_found_by_any_spelling(monkeypatch, name, text, through):
    monkeypatch.setenv(name, text)

    assert config.load(None).outbound.proxies == through


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080", "socksio"),
        ("HTTPS_PROXY", "socks5h://me:hunter2@127.0.0.1:1080", "socksio"),
        ("HTTPS_PROXY", "ftp://127.0.0.1:1", "must be http://host:port"),
        ("HTTP_PROXY", "http://me:hunter2@[broken", "must be http://host:port"),
        ("HTTP_PROXY", "http://me:hunter2@p.example:port", "must be http://host:port"),
        ("HTTP_PROXY", "http://", "must be http://host:port"),
        ("SSL_CERT_FILE", "/no/such", "cannot be read"),
        ("SSL_CERT_FILE", "/dev/null", "cannot be read"),
        ("SSL_CERT_DIR", "/no/such", "is no folder"),
        ("SSL_CERT_DIR", "/proc/self/task", "holds no certificates"),
    ],
)
def test_a_way_out_that_leads_nowhere_is_named(monkeypatch, name, text, said):
    monkeypatch.setattr("bot.config.field_types.find_spec", lambda _: None)
    monkeypatch.setenv(name, text)

    with pytest.raises(SettingsError) as caught:
        config.load(None)

    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}=")
    assert said in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "text", ["localhost,[::1]", "fd07:b51a:cc66:f0::/64", "*", " , ,", "a b", "[::1", "x:y", "::/z"]
)
def test_no_exception_from_proxies_keeps_it_from_starting(monkeypatch, text):
    monkeypatch.setenv("NO_PROXY", text)

    assert config.load(None).outbound.proxy("https://a.example/x") is None
