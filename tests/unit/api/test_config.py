"""`/config` and `/logs/tail`: all that is in force and was said, and no secret."""

import logging
from decimal import Decimal

import pytest

from api.routes.config import _shown
from bot import config
from bot.config import Settings
from bot.scrub import Scrubber
from logging_utils import MAX_LINE, configure
from tests.support.api_world import opened

SECRETS = {
    "api_token": "the-token-of-the-owner",
    "api_read_token": "the-token-of-a-reader",
    "database_url": "postgres://bot:the-password@db.example/bot",
    "alert_webhook_url": "https://hooks.example/services/the-path-of-a-hook",
    "https_proxy": "http://bot:the-password@proxy.example:8080",
}


async def found(world):
    async with opened(world.app()) as client:
        answer = await client.get("/config")
    return answer, {one["name"]: one for one in answer.json()["settings"]}


async def test_every_setting_is_there_with_its_default(world):
    answer, settings = await found(world)

    assert list(settings) == [name.upper() for name in Settings.model_fields]
    assert answer.json()["count"] == len(settings)
    assert settings["BOT_INTERVAL"]["default"] == 60
    assert settings["RISK_MIN_PRICE"]["value"] == 0.05
    assert settings["CORS_ORIGINS"]["value"] == ["*"]


async def test_what_differs_from_the_default_is_marked(world):
    world.settings = config.load(None, bot_interval=2, paper_cash=Decimal(500), kalshi_env="sim")

    answer, settings = await found(world)

    differing = {name for name, one in settings.items() if one["differs"]}
    assert differing >= {"BOT_INTERVAL", "PAPER_CASH", "KALSHI_ENV"}
    assert not settings["BOT_MARKETS"]["differs"]
    assert answer.json()["effective"]["is_embedded"] is True
    assert answer.json()["effective"]["reads_per_second"] == 100.0


async def test_of_a_secret_only_that_it_is_set(world):
    world.settings = config.load(None, **SECRETS)

    answer, settings = await found(world)

    for name in SECRETS:
        assert (settings[name.upper()]["value"], settings[name.upper()]["secret"]) == ("set", True)
    assert settings["KALSHI_SECRET"]["value"] is None
    assert not [secret for secret in world.settings.secrets() if secret in answer.text]


def test_a_setting_of_a_new_kind_needs_a_form():
    with pytest.raises(TypeError, match="a setting of object"):
        _shown(object())


@pytest.fixture
def stdout():
    """Lines go to stdout as the service writes them."""
    configure("INFO", scrubber=Scrubber(("the-token-of-the-owner",)))


async def test_the_last_lines_are_those_on_stdout_without_secrets(client, stdout, capsys):
    log = logging.getLogger("main")
    for number in range(3):
        log.info("line %d with the-token-of-the-owner", number)
    log.info("x" * 3 * MAX_LINE)

    told = (await client.get("/logs/tail?lines=3")).json()

    assert told["count"] == 3
    assert [line.partition(" with ")[0][-6:] for line in told["lines"][:2]] == ["line 1", "line 2"]
    assert len(told["lines"][2]) == MAX_LINE
    assert "the-token-of-the-owner" not in str(told)
    assert told["lines"][0] in capsys.readouterr().out


async def test_where_nobody_writes_to_stdout_it_says_so(client):
    told = (await client.get("/logs/tail")).json()

    assert told["lines"] == []
    assert told["reason"]
