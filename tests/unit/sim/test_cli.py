import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from bot.sim import cli
from bot.sim.cli import simulated
from bot.sim.engine.specs import SHARDS
from bot.sim.rest.auth import ApiKey
from bot.sim.rest.server import PREFIX
from tests.support.sim_served import FixedClock
from tests.support.sim_signing import Signer

ROOT = Path(__file__).parents[3]


async def test_the_key_in_the_file_trades_for_a_member_with_cash_on_every_shard(tmp_path):
    arguments = cli.parsed(
        ["--keys", str(tmp_path / "key.json"), "--cash", "250.50", "--weekly-pause"]
    )
    app = simulated(arguments, FixedClock())
    (key,) = app.state.service.keys.keys.values()
    signer = Signer(key, orjson.loads((tmp_path / "key.json").read_bytes())["private_key"])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://sim{PREFIX}") as http:
        balance = (await http.get("/portfolio/balance", auth=signer)).json()

    assert isinstance(key, ApiKey)
    assert app.state.service.state.has_weekly_pause
    assert [one["balance"] for one in balance["balance_breakdown"]] == ["250.5000"] * len(SHARDS)


@pytest.mark.parametrize(
    "argv",
    [
        ["--speed", "0"],
        ["--speed", "-1"],
        ["--speed", "nan"],
        ["--speed", "fast"],
        ["--cash", "-1"],
        ["--cash", "a lot"],
        ["--cash", "NaN"],
        ["--cash", "0.001"],
        ["--tier", "gold"],
        ["--key-kind", "dsa"],
        ["--port", "high"],
        ["--port", "70000"],
        ["--port", "-1"],
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_served(argv, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(argv)

    assert left.value.code == 2
    assert argv[0] in capsys.readouterr().err


def test_it_serves_other_programs_over_tcp_until_it_is_stopped(tmp_path):
    command = [sys.executable, "-m", "bot", "simulate", "--port", "0", "--key-kind", "ed25519"]
    served = subprocess.Popen(
        [*command, "--keys", str(tmp_path / "key.json")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    with served:
        assert served.stdout is not None
        url = served.stdout.readline().rpartition(" ")[2].strip()
        written = orjson.loads((tmp_path / "key.json").read_bytes())
        public = httpx.get(f"{url}/markets", params={"limit": 5}, timeout=30)
        unsigned = httpx.get(f"{url}/portfolio/balance", timeout=30)
        served.send_signal(signal.SIGINT)
        # What the program says on its way out would otherwise fill the pipe.
        served.stdout.read()

    assert len(public.json()["markets"]) == 5
    assert unsigned.status_code == 401
    assert set(written) == {"key_id", "private_key"}
    assert served.returncode in {0, 130}


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_recording_that_is_none_is_told_in_a_line(tmp_path, content):
    path = tmp_path / "tape.parquet"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SystemExit) as left:
        cli.main(["--tape", str(path), "--port", "0"])

    assert "tape.parquet cannot be read as a recording" in str(left.value.code)
