"""The service as a user has it: a real process on a real port, over the embedded exchange."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
START = 60.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def service(folder, **changes):
    """`uvicorn main:app` in its own process; yields a client and ends it with SIGTERM."""
    port = free_port()
    settings = {
        "KALSHI_ENV": "sim",
        "BOT_INTERVAL": "1",
        "LOG_DIR": str(folder / "logs"),
        **changes,
    }
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    out = (folder / "stdout.txt").open("w")
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**keep, **settings}, stdout=out, stderr=subprocess.STDOUT
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            until(lambda: process.poll() is not None or answers(client))
            assert process.poll() is None, (folder / "stdout.txt").read_text()
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}
        out.close()


def answers(client):
    try:
        return client.get("/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def until(condition, seconds=START):
    """Wait for something another process does; there is no event to wait for."""
    end = time.monotonic() + seconds
    while not (done := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return done


def cycles(client):
    return client.get("/bot/status").json()["loop_count"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    with service(folder) as client:
        until(lambda: cycles(client) >= 5)
        yield client, folder


def test_the_state_fills_by_itself(running):
    client, _ = running

    state = client.get("/state/full").json()

    assert len(state["markets"]) == 20
    assert state["overview"]["mode"] == "PAPER"
    assert all(isinstance(m["yes_bid"], float | int) for m in state["markets"])
    assert {m["stale"] for m in state["markets"]} == {False}


def test_the_same_state_is_not_sent_twice(running):
    client, _ = running
    client.post("/bot/stop")
    try:
        first = client.get("/state/full")
        again = client.get("/state/full", headers={"if-none-match": first.headers["etag"]})
    finally:
        client.post("/bot/start")

    assert (again.status_code, again.content) == (304, b"")


def test_stop_and_start_do_what_they_say_and_say_what_they_do(running):
    client, _ = running

    assert client.post("/bot/stop").json() == {"status": "stopped"}
    assert client.post("/bot/stop").json() == {"status": "not_running"}
    seen = cycles(client)
    assert client.get("/bot/status").json()["running"] is False
    assert client.post("/bot/start").json() == {"status": "started", "mode": "paper"}
    assert client.post("/bot/start").json() == {"status": "already_running", "mode": "paper"}
    until(lambda: cycles(client) > seen)


def test_every_documented_route_answers(running):
    client, _ = running
    paths = client.get("/openapi.json").json()["paths"]
    ticker = client.get("/state/markets").json()["markets"][0]["ticker"]

    for path, operations in paths.items():
        # What is pushed does not end: `test_events` listens to it.
        if "get" in operations and path != "/events":
            answer = client.get(path.format(name="trades", ticker=ticker))
            assert answer.status_code == httpx.codes.OK, path
    assert "swagger" in client.get("/docs").text.lower()
    assert "redoc" in client.get("/redoc").text.lower()


def test_the_logs_are_written_with_one_header_each(running):
    client, folder = running

    stats = client.get("/logs/stats").json()

    assert set(stats) >= {"signals", "trades", "pnl", "whale"}
    with (folder / "logs" / "signals_log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 20
    assert sum(row["timestamp"] == "timestamp" for row in rows) == 0
    assert all(json.loads(row["features_json"]) for row in rows)


def test_stdout_speaks_as_documented(running):
    _, folder = running

    lines = (folder / "stdout.txt").read_text().splitlines()

    assert any("| INFO | main | --- Loop 1 starting ---" in line for line in lines)
    assert any("| INFO | main | Fetched 20 markets" in line for line in lines)
    assert any("| INFO | pnl | PNL SNAPSHOT | cash=" in line for line in lines)
    assert all(line.split(" | ")[1] in {"INFO", "WARNING"} for line in lines)


def test_a_foreign_page_cannot_drive_the_bot(running):
    client, _ = running
    before = client.get("/bot/status").json()["running"]

    answer = client.post("/bot/stop", headers={"origin": "https://evil.example"})

    assert answer.status_code == httpx.codes.FORBIDDEN
    assert client.get("/bot/status").json()["running"] is before


def test_restarting_begins_the_logs_anew_for_the_demos_next_account(tmp_path):
    for _ in range(2):
        with service(tmp_path) as client:
            until(lambda client=client: cycles(client) >= 2)

    files = sorted((tmp_path / "logs").glob("pnl_log*.csv"))
    assert len(files) == 2
    for file in files:
        lines = file.read_text().splitlines()
        assert sum(line.startswith("timestamp,") for line in lines) == 1
        assert len(lines) >= 3


def test_without_auto_start_it_waits_for_the_order(tmp_path):
    with service(tmp_path, BOT_ENABLED="false") as client:
        assert client.get("/bot/status").json()["running"] is False
        assert client.get("/health").json()["status"] == "ok"
        assert cycles(client) == 0

        client.post("/bot/start")

        until(lambda: cycles(client) >= 1)


def test_a_missing_model_leaves_the_service_up_and_every_signal_on_hold(tmp_path):
    with service(tmp_path, MODEL_PATH="models/no_such_model.pkl") as client:
        until(lambda: cycles(client) >= 2)

        health = client.get("/health").json()
        status = client.get("/bot/status").json()
        markets = client.get("/state/markets").json()["markets"]

    assert health["status"] == "degraded"
    assert "no_such_model" in status["model_fault"]
    assert status["model_version"] == "none"
    assert {m["signal_direction"] for m in markets} == {"HOLD"}


def test_an_unreachable_exchange_is_said_and_the_service_stays_up(tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}/trade-api/v2"
    with service(tmp_path, KALSHI_BASE_URL=nowhere) as client:
        until(lambda: client.get("/bot/status").json()["error"])

        health = client.get("/health").json()
        assert health["status"] == "degraded"
        assert client.get("/state/full").json()["markets"] == []
        assert client.post("/bot/stop").json() == {"status": "stopped"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BOT_INTERVAL", "0", "BOT_INTERVAL='0'"),
        ("BOT_MODE", "live", "'live' trades real money"),
        ("KALSHI_ENV", "moon", "KALSHI_ENV=(hidden): Input should be 'production'"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_line_that_names_it(name, value, said):
    done = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: value, "KALSHI_SECRET": "hunter2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
