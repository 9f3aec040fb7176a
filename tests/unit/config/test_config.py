"""Settings: every wrong value is named, with what is allowed; no secret is ever shown."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from bot import config
from bot.config import Settings, SettingsError
from bot.core.risk.exit_rules import ExitRules
from bot.core.signals.strategy import Thresholds


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


#: Live on Kalshi itself.
ARMED: dict[str, Any] = {
    "bot_mode": "live",
    "api_token": "t",
    "kalshi_api_key": "k",
    "kalshi_secret": "s",
    "live_confirm": "real money at external-api.kalshi.com",
    "database_url": "postgres://me@db/bot",
}


def problems(**values):
    with pytest.raises(SettingsError) as caught:
        config.load(None, **values)
    return caught.value.problems


def test_the_defaults_are_those_of_the_users_document():
    settings = config.load(None)

    assert (settings.environment, settings.port, settings.log_level) == (
        "development",
        8000,
        "INFO",
    )
    assert (settings.bot_mode, settings.bot_enabled, settings.bot_interval) == ("paper", True, 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_INTERVAL", "0"),
        ("BOT_INTERVAL", "60s"),
        ("BOT_MODE", "Alive "),
        ("BOT_ENABLED", "perhaps"),
        ("BOT_MARKETS", "0"),
        ("BOT_ORDER_SIZE", "NaN"),
        ("BOT_ENTER_ABOVE", "60"),
        ("PAPER_CASH", "-1"),
        ("PORT", "99999"),
        ("LOG_LEVEL", "LOUD"),
        ("KALSHI_ENV", "staging"),
        ("KALSHI_BASE_URL", "kalshi.com"),
        ("CORS_ORIGINS", "*.example"),
        ("CORS_ORIGINS", "https://good.example, https://bad.example/path"),
        ("RISK_MAX_PRICE", "2"),
        ("BOT_EXIT_BEFORE_CLOSE", "-1"),
        ("BOT_STOP_LOSS", "0"),
        ("BOT_STOP_LOSS", "100"),
        ("BOT_STOP_LOSS", "NaN"),
    ],
)
def test_a_wrong_value_is_named_with_the_value(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    (problem,) = problems()

    assert problem.startswith(f"{name}=")
    assert len(problem.splitlines()) == 1


def test_every_problem_has_its_own_line(monkeypatch):
    monkeypatch.setenv("BOT_INTERVAL", "0")
    monkeypatch.setenv("PORT", "none")

    assert [line.split("=")[0] for line in problems()] == ["PORT", "BOT_INTERVAL"]


@pytest.mark.parametrize("missing", ["api_token", "kalshi_api_key", "kalshi_secret"])
def test_live_mode_refuses_to_start_unless_it_is_armed(missing):
    (problem,) = problems(**{**ARMED, missing: None})

    assert missing.upper() in problem
    assert config.load(None, **ARMED).bot_mode == "live"


@pytest.mark.parametrize(
    ("env", "url", "phrase"),
    [
        ("production", None, "real money at external-api.kalshi.com"),
        # The name of the environment is not what orders go by.
        ("demo", "https://external-api.kalshi.com", "real money at external-api.kalshi.com"),
        ("sim", "https://api.elections.kalshi.com", "real money at api.elections.kalshi.com"),
        ("demo", None, "demo"),
        ("production", "https://demo-api.kalshi.co", "demo"),
        ("demo", "https://kalshi.co.example.org/x", "real money at kalshi.co.example.org"),
    ],
)
def test_real_orders_are_confirmed_by_the_host_they_go_to(env, url, phrase):
    there = {**ARMED, "kalshi_env": env, "kalshi_base_url": url}

    for typed in ("", "production", "real money", "demo " + phrase):
        (problem,) = problems(**{**there, "live_confirm": typed})
        assert f'LIVE_CONFIRM="{phrase}"' in problem

    assert config.load(None, **{**there, "live_confirm": phrase}).bot_mode == "live"


def test_an_exchange_on_this_machine_needs_no_confirmation():
    here = {**ARMED, "live_confirm": "", "database_url": None, "kalshi_env": "sim"}

    for url in ("http://127.0.0.1:9/x", "http://localhost:9/x"):
        assert config.load(None, **{**here, "kalshi_base_url": url}).is_loopback


def test_real_money_is_kept_in_no_file_in_the_logs_unless_that_is_allowed():
    (problem,) = problems(**{**ARMED, "database_url": None})

    assert "LIVE_ALLOW=local-database" in problem
    for allowed in ("local-database", "transfer, local-database"):
        found = config.load(None, **{**ARMED, "database_url": None, "live_allow": allowed})
        assert found.bot_mode == "live"


@pytest.mark.parametrize(("interval", "seconds"), [(1, 60), (12, 60), (60, 300)])
def test_failures_of_five_cycles_count_together(interval, seconds):
    limits = config.load(None, bot_interval=interval).risk_limits

    assert limits.error_window == seconds


def test_what_may_be_allowed_is_named():
    (problem,) = problems(live_allow="everything")

    assert problem.startswith("LIVE_ALLOW")
    assert "'local-database'" in problem


@pytest.mark.parametrize(
    ("env", "url", "name"),
    [
        ("production", None, "production"),
        ("demo", None, "demo"),
        ("demo", "https://API.elections.kalshi.com/trade-api/v2", "production"),
        ("production", "https://demo-api.kalshi.co", "demo"),
        ("sim", "http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
        ("sim", None, "sim"),
    ],
)
def test_one_exchange_has_one_name_however_it_is_spelt(env, url, name):
    assert config.load(None, kalshi_env=env, kalshi_base_url=url).exchange_name == name


def test_live_mode_refuses_the_embedded_exchange():
    (problem,) = problems(
        bot_mode="live", api_token="t", kalshi_api_key="k", kalshi_secret="s", kalshi_env="sim"
    )

    assert "embedded" in problem


def test_bands_that_overlap_are_refused():
    (problem,) = problems(bot_enter_above=0.5)

    assert "BOT_EXIT_HIGH < BOT_ENTER_ABOVE" in problem


def test_a_price_band_without_prices_is_refused():
    (problem,) = problems(risk_min_price=Decimal("0.9"), risk_max_price=Decimal("0.1"))

    assert "RISK_MIN_PRICE (0.9) must be below" in problem


def test_an_empty_value_means_the_default(monkeypatch):
    monkeypatch.setenv("BOT_INTERVAL", "")

    assert config.load(None).bot_interval == 60


def test_a_secret_shows_in_no_error_and_no_representation(monkeypatch):
    monkeypatch.setenv("KALSHI_SECRET", "hunter2")
    monkeypatch.setenv("PORT", "x")

    assert "hunter2" not in "".join(problems())
    assert "hunter2" not in repr(config.load(None, port=8000))


def test_a_wrong_secret_is_named_but_hidden():
    (problem,) = problems(kalshi_secret=["hunter2"])

    assert problem.startswith("KALSHI_SECRET=(hidden)")
    assert "hunter2" not in problem


def test_the_env_file_is_read_and_the_environment_beats_it(tmp_path, monkeypatch):
    env_file = tmp_path / ".env"
    env_file.write_text(
        "BOT_INTERVAL=5\nPORT=9000\nKALSHI_SECRET=s\nCORS_ORIGINS=https://a.example\n"
    )
    monkeypatch.setenv("PORT", "9001")

    settings = config.load(env_file)

    assert (settings.bot_interval, settings.port) == (5, 9001)
    assert settings.kalshi_secret == SecretStr("s")
    assert settings.cors_origins == ("https://a.example",)


def test_a_name_that_is_nearly_right_is_pointed_out(tmp_path, monkeypatch):
    env_file = tmp_path / ".env"
    env_file.write_text("BOT_INTERVALL=5\n")
    monkeypatch.setenv("RISK_XYZZY", "1")

    warnings = config.misspelt(env_file)

    assert "BOT_INTERVALL is not a setting and is ignored; is it BOT_INTERVAL?" in warnings
    assert any(line.startswith("RISK_XYZZY is not a setting") for line in warnings)


def test_a_name_that_is_set_twice_is_pointed_out(tmp_path, monkeypatch):
    env_file = tmp_path / ".env"
    env_file.write_text("BOT_INTERVAL=5\nPORT=9000\nexport BOT_INTERVAL=6\n")
    monkeypatch.setenv("BOT_MODE", "paper")
    monkeypatch.setenv("bot_mode", "PAPER")

    warnings = config.misspelt(env_file)

    assert "BOT_INTERVAL stands more than once in .env: the last one counts" in warnings
    assert "BOT_MODE is spelt in two ways with two values: keep one" in warnings
    assert config.load(env_file).bot_interval == 6


def test_an_env_file_may_begin_with_a_byte_order_mark(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xef\xbb\xbfBOT_INTERVAL=5\r\nPORT=9000\r\n")

    settings = config.load(env_file)

    assert (settings.bot_interval, settings.port) == (5, 9000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BOT_INTERVAL: 5\n", "line 1 is not NAME=value"),
        ("PORT=9000\n\n# no more\nset BOT_INTERVAL=5\n", "line 4 is not NAME=value"),
        ("KILL_FILE\n", "line 1 is not NAME=value"),
        ("KALSHI_SECRET='hunter2\nPORT=9000\n", "line 1 is not NAME=value"),
        ("BOT_INTERVAL=5\0\n", "a NUL character"),
    ],
    ids=["yaml", "batch", "bare", "quote", "nul"],
)
def test_a_line_of_the_env_file_that_sets_nothing_stops_the_start(tmp_path, text, said):
    env_file = tmp_path / ".env"
    env_file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        config.load(env_file)

    (problem,) = caught.value.problems
    assert said in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "raw",
    ["BOT_INTERVAL=5\n".encode("utf-16"), b"# gr\xfc\xdfe\nBOT_INTERVAL=5\n"],
    ids=["utf-16", "latin-1"],
)
def test_an_env_file_in_another_encoding_is_refused_with_the_remedy(tmp_path, raw):
    env_file = tmp_path / ".env"
    env_file.write_bytes(raw)

    with pytest.raises(SettingsError, match="save it as UTF-8"):
        config.load(env_file)


def test_an_env_file_that_is_a_folder_is_refused(tmp_path):
    # What a container engine makes where the file to be mounted is missing.
    (tmp_path / ".env").mkdir()

    with pytest.raises(SettingsError, match="is a folder"):
        config.load(tmp_path / ".env")


def test_the_env_file_may_export_and_quote(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text(
        "# first\n\nexport BOT_INTERVAL = 5 # fast\nHOST='::1'\nAPI_TOKEN=\n"
        'KALSHI_SECRET="a\nb"\n'
    )

    settings = config.load(env_file)

    assert (settings.bot_interval, settings.host) == (5, "::1")
    assert settings.kalshi_secret == SecretStr("a\nb")


def test_a_name_with_hyphens_is_pointed_out(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("KILL-FILE=/data/KILL\n")

    (warning,) = [line for line in config.misspelt(env_file) if "KILL-FILE" in line]

    assert "is it KILL_FILE?" in warning


def test_the_base_url_follows_the_environment_unless_given():
    assert config.load(None, kalshi_env="demo").base_url.startswith("https://external-api.demo")
    assert (
        config.load(None, kalshi_base_url="http://127.0.0.1:9/x/").base_url
        == "http://127.0.0.1:9/x"
    )


def test_limits_and_thresholds_carry_the_settings():
    settings = config.load(None, bot_enter_above=0.7, risk_max_order_cost=Decimal(7))

    assert settings.thresholds.enter_above == 0.7
    assert settings.risk_limits.max_order_cost == 7


CARD = Thresholds(0.58, 0.42, 0.5, 0.5, kinds={"KXTAME": (0.9, 0.1)})


def test_what_is_not_set_is_as_the_card_of_the_model_says():
    assert config.load(None).over(CARD) == CARD


def test_an_entry_that_is_set_holds_for_every_kind_of_market():
    over = config.load(None, bot_enter_above=0.7).over(CARD)

    assert over == Thresholds(0.7, 0.42, 0.5, 0.5, kinds={"KXTAME": (0.7, 0.1)})


def test_an_entry_of_the_card_moves_beyond_an_exit_that_is_set():
    over = config.load(None, bot_exit_low=0.4, bot_exit_high=0.6).over(CARD)

    assert over.enter_above == pytest.approx(0.61)
    assert over.enter_below == pytest.approx(0.39)
    assert over.kinds == {"KXTAME": (0.9, 0.1)}


def test_one_exit_that_is_set_takes_the_other_along():
    settings = config.load(None, bot_exit_high=0.45)

    assert (settings.over(CARD).exit_low, settings.over(CARD).exit_high) == (0.45, 0.45)


def test_the_settings_of_older_deployments_mean_what_they_meant():
    older = {"bot_enter_above": 0.6, "bot_enter_below": 0.4, "bot_min_edge": 0.0}
    settings = config.load(None, **older, bot_exit_low=0.45, bot_exit_high=0.55)

    over = settings.over(CARD)

    assert over.of("KXTAME-1") == Thresholds(0.6, 0.4, 0.45, 0.55)
    assert settings.min_edge == 0.0


def test_paper_trades_every_signal_and_live_must_expect_to_earn():
    armed = {k: v for k, v in ARMED.items() if k != "kalshi_secret"}

    assert config.load(None).min_edge is None
    assert config.load(None, bot_min_edge=1.5).min_edge == 1.5
    assert config.load(None, **armed, kalshi_secret="s").min_edge == 0.0


def test_exits_are_off_unless_they_are_set():
    settings = config.load(None, bot_exit_before_close="120", bot_stop_loss="7.5")

    assert config.load(None, bot_exit_before_close=0).exit_rules == ExitRules()
    assert settings.exit_rules == ExitRules(before_close=120.0, stop_loss=Decimal("7.5"))


def test_an_exit_before_the_close_that_a_cycle_could_miss_is_refused():
    (problem,) = problems(bot_exit_before_close=30, bot_interval=60)

    assert "BOT_EXIT_BEFORE_CLOSE (30) must be at least BOT_INTERVAL (60)" in problem
    assert config.load(None, bot_exit_before_close=60).bot_exit_before_close == 60


def test_a_stream_that_is_required_needs_a_key():
    with pytest.raises(SettingsError, match="FEED: 'stream' needs KALSHI_API_KEY"):
        config.load(None, feed="stream")
    assert config.load(None, feed="stream", kalshi_env="sim").feed == "stream"


@pytest.mark.parametrize(
    ("rest", "stream"),
    [
        (None, "wss://external-api-ws.kalshi.com/trade-api/ws/v2"),
        (
            "https://external-api.kalshi.com/trade-api/v2",
            "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
        ),
        (
            "https://api.elections.kalshi.com/trade-api/v2",
            "wss://api.elections.kalshi.com/trade-api/ws/v2",
        ),
        ("http://127.0.0.1:9/trade-api/v2", "ws://127.0.0.1:9/trade-api/ws/v2"),
    ],
)
def test_the_stream_is_beside_the_rest_api(rest, stream):
    assert config.load(None, kalshi_base_url=rest).stream_url == stream


def test_exits_take_unless_they_are_to_rest():
    assert config.load(None).patience is None
    assert config.load(None, bot_exit="rest", bot_interval=5).patience == 30.0


def test_real_orders_rest_only_if_they_are_looked_after_often():
    assert config.load(None, **ARMED, bot_exit="rest", bot_interval=5).patience == 30.0

    slow = {"bot_exit": "rest", "bot_interval": 60, "bot_exit_patience": 90}
    (problem,) = problems(**ARMED, **slow)
    assert "BOT_EXIT: 'rest' needs BOT_INTERVAL (60) to be at most 40 in live mode" in problem


@pytest.mark.parametrize(
    ("asked", "warns"),
    [
        ({"bot_interval": 30}, None),
        ({"bot_exit": "rest", "bot_interval": 5}, None),
        ({"bot_exit": "rest", "bot_interval": 30}, "every 30 s alone"),
        ({"bot_entry": "rest", "bot_interval": 6}, "every 6 s alone"),
        ({**ARMED, "bot_exit": "rest", "bot_interval": 5}, "let nobody else trade this account"),
    ],
    ids=["takes", "swift", "slow exits", "slow entries", "live"],
)
def test_what_to_know_of_orders_that_rest_is_said(asked, warns):
    warning = config.load(None, **asked).resting_warning
    assert (warning is None) is (warns is None)
    assert (warns or "") in (warning or "")


def test_entries_rest_on_paper_alone_and_only_if_they_are_looked_after_often():
    assert config.load(None, bot_entry="rest", bot_interval=5).bot_entry == "rest"
    assert config.load(None, **ARMED, bot_entry="rest", bot_interval=5).bot_entry == "rest"
    (problem,) = problems(bot_entry="rest", bot_interval=60)
    assert "BOT_ENTRY: 'rest' needs BOT_INTERVAL (60) to be at most 40" in problem


def test_what_rests_longer_unseen_than_it_may_wait_is_refused():
    (problem,) = problems(bot_exit="rest", bot_interval=60)

    assert "BOT_EXIT_PATIENCE (30) to be at least BOT_INTERVAL (60)" in problem


@pytest.mark.parametrize("value", ["Trades,daily", " trades , DAILY ", ["trades", "daily"]])
def test_topics_of_alerts_are_a_list(value):
    assert config.load(None, alert_on=value).alert_on == ("trades", "daily")


def test_a_topic_that_is_none_is_named():
    with pytest.raises(SettingsError, match="ALERT_ON"):
        config.load(None, alert_on="trades,gossip")


def test_addresses_of_alerts_are_apart_by_blanks_and_secret():
    token = "123456789:AbCdEfGhIjKl"  # nobody's
    found = config.load(None, alert_urls=f"tgram://{token}/42\n mailto://me:pa55word@example.com")

    assert len(found.alert_addresses) == 2
    assert token not in repr(found)
    assert {"AbCdEfGhIjKl", "pa55word"} <= set(found.secrets())
    with pytest.raises(SettingsError, match="ALERT_URLS=\\(hidden\\)"):
        config.load(None, alert_urls="tgram:token")


def test_alerts_by_apprise_need_the_package(monkeypatch):
    monkeypatch.setattr("bot.config.field_types.find_spec", lambda _: None)

    with pytest.raises(SettingsError, match=r"requirements-alerts\.txt"):
        config.load(None, alert_urls="tgram://1/2")


@pytest.mark.parametrize(("interval", "seconds"), [(2, 120.0), (60, 120.0), (300, 600.0)])
def test_no_position_is_held_into_the_close_unless_that_is_wanted(interval, seconds):
    found = config.load(None, bot_interval=interval)

    assert found.exit_rules == ExitRules(before_close=seconds)
