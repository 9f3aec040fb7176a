"""The CSV logs as they are sent: whole, in pieces, and never another file."""

import asyncio
import gzip
import os
import threading

import httpx
import pytest

from api.routes import logs
from bot.journal.csv_retention import compress
from bot.journal.csv_rows import LOGS
from tests.support.api_world import opened

#: To read so much would take minutes.
HUGE = 1 << 39


@pytest.mark.parametrize("name", LOGS)
async def test_every_log_is_sent_by_its_name_and_by_that_of_its_file(world, client, name):
    lying = (world.folder / LOGS[name].file).read_bytes()

    for path in (f"/logs/{name}.csv", f"/logs/{LOGS[name].file}"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.content == lying
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{LOGS[name].file}"'
        assert int(answer.headers["content-length"]) == len(lying)


async def test_rows_that_were_just_written_are_in_it(client):
    before = (await client.get("/logs/pnl.csv")).text
    await client.post("/demo/pnl")
    after = (await client.get("/logs/pnl.csv")).text

    assert after.startswith(before)
    assert after.count("\n") == before.count("\n") + 1


async def test_a_long_log_goes_out_in_pieces_and_in_its_length_of_the_start(world):
    app = world.app()
    async with opened(app):
        file = world.folder / "trades_log.csv"
        file.write_bytes(b"x" * (4 * logs._CHUNK + 17))
        pieces, said = [], {}

        async def send(message):
            if message["type"] == "http.response.start":
                said.update(message["headers"])
                with file.open("ab") as more:  # the log grows while it is sent
                    more.write(b"y" * logs._CHUNK)
            else:
                pieces.append(message["body"])

        scope = {
            **{"type": "http", "method": "GET", "path": "/logs/trades.csv", "scheme": "http"},
            **{"headers": [], "query_string": b"", "client": ("127.0.0.1", 1), "root_path": ""},
        }
        await app(scope, asyncio.Event().wait, send)

    assert int(said[b"content-length"]) == sum(map(len, pieces)) == 4 * logs._CHUNK + 17
    assert max(map(len, pieces)) <= logs._CHUNK
    assert b"y" not in b"".join(pieces)


async def test_a_log_that_is_cut_short_meanwhile_ends(world):
    async with opened(world.app()):
        file, size = logs._opened(world.folder, "trades", None)

    assert b"".join([chunk async for chunk in logs._chunks(file, size + 100)]).startswith(b"time")
    assert file.closed


async def test_the_head_of_a_log_is_its_length(client):
    head = await client.head("/logs/trades.csv")

    assert head.content == b""
    assert head.headers == (await client.get("/logs/trades.csv")).headers


async def test_the_head_of_a_log_does_not_read_it(world, client):
    os.truncate(world.folder / "trades_log.csv", HUGE)  # all hole: it takes no room

    head = await client.head("/logs/trades.csv")

    assert int(head.headers["content-length"]) == HUGE


async def test_the_figures_name_the_older_parts_of_each_log(world, client):
    names = [f"trades_log.2026-01-{part}.csv" for part in ("17", "18", "18.2", "18.10")]
    for name in reversed(names):
        (world.folder / name).write_text(f"rows of {name}")

    figures = (await client.get("/logs/stats")).json()

    assert {log: one["parts"] for log, one in figures.items() if one["parts"]} == {"trades": names}
    for name in figures["trades"]["parts"]:
        answer = await client.get("/logs/trades.csv", params={"part": name})
        assert answer.text == f"rows of {name}"


@pytest.mark.parametrize(
    "name",
    ["orders", "..", ".env", "kalshiproto.db", "trades_log.2026-11-20", "trades_log_log", "TRADES"],
)
async def test_another_name_is_refused_with_those_there_are(world, client, name):
    (world.folder / f"{name}.csv").write_text("secret")

    answer = await client.get(f"/logs/{name}.csv")

    assert answer.status_code == 404
    assert name in answer.json()["error"]["message"]
    assert ", ".join(LOGS) in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/logs/../secret.csv",
        "/logs/%2e%2e%2fsecret.csv",
        "/logs/..%5csecret.csv",
        "/logs/%2fsecret.csv",
        "/logs/trades%00.csv",
        "/logs/trades.csv/",
    ],
)
async def test_no_path_leads_out_of_the_folder(world, client, path):
    (world.folder.parent / "secret.csv").write_text("swordfish")

    answer = await client.get(httpx.URL(path))

    assert answer.status_code in {307, 404}
    assert "swordfish" not in answer.text


async def test_older_parts_are_sent_by_their_file_names(world, client):
    for day in ("2026-01-17", "2026-01-18", "2026-01-18.2"):
        (world.folder / f"trades_log.{day}.csv").write_text(f"rows of {day}")

    answer = await client.get("/logs/trades.csv?part=trades_log.2026-01-18.2.csv")

    assert answer.text == "rows of 2026-01-18.2"
    assert "trades_log.2026-01-18.2.csv" in answer.headers["content-disposition"]


ROWS = "timestamp\r\n" + "".join(f"row {n}\r\n" for n in range(100_000))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accepted", ["gzip", "identity", "gzip;q=0", "*"])
async def test_a_compressed_part_is_sent_by_the_name_it_had_before(world, client, method, accepted):
    packed = gzip.compress(ROWS.encode())
    (world.folder / "trades_log.2026-01-18.csv.gz").write_bytes(packed)
    name = "trades_log.2026-01-18.csv"

    assert (await client.get("/logs/stats")).json()["trades"]["parts"] == [name]
    answer = await client.request(
        method, f"/logs/trades.csv?part={name}", headers={"accept-encoding": accepted}
    )

    as_it_is = accepted in {"gzip", "*"}
    assert answer.status_code == 200
    assert answer.text == (ROWS if method == "GET" else "")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers.get("content-encoding") == ("gzip" if as_it_is else None)
    assert answer.headers.get("content-length") == (str(len(packed)) if as_it_is else None)
    assert "accept-encoding" in answer.headers["vary"]


async def test_a_part_that_is_compressed_while_it_is_asked_for_is_sent(world, client, monkeypatch):
    plain = world.folder / "trades_log.2026-01-18.csv"
    plain.write_text("rows")
    found = logs._part

    def late(log, name):
        part = found(log, name)
        if plain.exists():
            compress(plain, threading.Event())
        return part

    monkeypatch.setattr(logs, "_part", late)

    assert (await client.get(f"/logs/trades.csv?part={plain.name}")).text == "rows"


@pytest.mark.parametrize("part", ["../secret.csv", "pnl_log.2026-01-17.csv", "trades_log.csv", ""])
async def test_another_part_is_refused_with_those_there_are(world, client, part):
    (world.folder / "trades_log.2026-01-17.csv").write_text("rows")
    (world.folder / "pnl_log.2026-01-17.csv").write_text("other rows")
    (world.folder.parent / "secret.csv").write_text("secret")

    answer = await client.get("/logs/trades.csv", params={"part": part})
    none = await client.get("/logs/whale.csv", params={"part": part})

    assert answer.status_code == none.status_code == 404
    assert answer.json()["error"]["message"].endswith("there are trades_log.2026-01-17.csv")
    assert none.json()["error"]["message"].endswith("there are none yet")


async def test_a_log_that_is_not_there_is_said_to_be_missing(world, client):
    (world.folder / "grades_log.csv").unlink()

    answer = await client.get("/logs/grades.csv")

    assert answer.status_code == 404
    assert "is not there" in answer.json()["error"]["message"]


async def test_without_a_folder_there_are_no_parts(world, client):
    world.folder.rename(world.folder.with_name("gone"))

    answer = await client.get("/logs/trades.csv?part=trades_log.2026-01-18.csv")

    assert answer.status_code == 404
