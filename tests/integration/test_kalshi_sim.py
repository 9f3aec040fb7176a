"""The simulated exchange as a program for others: it stands alone, and its page says what works."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/simulator.md").read_text().partition("## For other bots")[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = (ROOT / "requirements.txt").read_text().splitlines()
#: What it shares with the bot: money, prices, fees, and the time.
SHARED = {
    *("bot", "bot.clock", "bot.core", "bot.core.market"),
    *(f"bot.core.market.{name}" for name in ("fees", "market", "money", "orderbook")),
}


def block(first_words):
    """The block of code on the page that begins with these words."""
    return next(b for b in re.findall(r"```\w+\n(.*?)```", PAGE, re.S) if b.startswith(first_words))


@contextmanager
def simulated(folder):
    """A running exchange: its port. Its key is in `keys.json`."""
    command = [sys.executable, "-c", "from bot.sim.cli import run; run()", "--port", "0"]
    told = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, "--keys", "keys.json"], cwd=folder, env=told, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield re.findall(r":(\d+)/", process.stdout.readline())[0]
        finally:
            process.terminate()


def test_it_imports_nothing_of_the_bot():
    program = "import sys, bot.sim.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    ours = {name for name in modules if name.split(".")[0] in {"bot", "api", "logging_utils"}}

    assert {name for name in ours if not name.startswith("bot.sim")} <= SHARED
    foreign = {"httpx", "pyarrow", "sqlalchemy", "pydantic", "sklearn", "fastapi", "msgspec"}
    assert modules & foreign == set()


def test_it_depends_on_what_the_service_pins_and_on_less():
    pins = {re.split(r"[=\[;]", line)[0] for line in PINS}
    named = {re.split(r"[>=;]", line)[0] for line in PROJECT["dependencies"]}

    assert PROJECT["scripts"] == {"kalshi-sim": "bot.sim.cli:run"}
    assert named <= pins
    assert {"httptools", "websockets", "cryptography"} <= named < pins


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_session_by_curl_answers_each_time(tmp_path):
    with simulated(tmp_path) as port:
        script = block("BASE=").replace("9000", port)
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, check=True, timeout=60
        )
    answers = list(documents(done.stdout))

    assert [sorted(answer)[0] for answer in answers] == [
        *("exchange_active", "cursor", "orderbook_fp", "cursor")
    ]
    assert len(answers[1]["markets"]) == 2


def documents(text):
    """The JSON documents that stand in a text one after the other."""
    decoder = json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        yield document
        text = text[end:]


def test_the_session_by_pykalshi_trades(tmp_path):
    pytest.importorskip("pykalshi", reason="the public client is not installed")
    with simulated(tmp_path) as port:
        script = block("import json\nfrom pathlib").replace("9000", port)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 0, done.stderr
    assert "resting" in done.stdout.lower() or "executed" in done.stdout.lower()
