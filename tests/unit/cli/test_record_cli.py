import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bot import __main__ as cli
from bot.cli import record
from bot.tape.reader import TapeError, read
from bot.tape.recording import Recorded
from bot.tape.schema import parts_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def embedded_exchange(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The simulated exchange inside the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KALSHI_ENV", "sim")


def test_what_the_exchange_shows_becomes_a_tape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "a.parquet"

    code = cli.main(
        ["record", "--out", str(out), "--every", "0.2", "--seconds", "6", "--markets", "5"]
    )

    tape = read(out)
    assert code == 0
    assert str(out) in capsys.readouterr().out.splitlines()[-1]
    # Which ones they are may change meanwhile: markets close and others take their place.
    assert max(Counter(tape.books.seen_at.tolist()).values()) == 5
    assert np.isfinite(tape.seconds_to_close).all()
    assert np.isfinite(tape.open_interest).all()
    assert not parts_folder(out).exists()


def test_a_tape_that_is_there_is_told_in_one_line_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.parquet").write_text("precious")

    assert cli.main(["record", "--out", "a.parquet"]) == 1

    said = capsys.readouterr().err
    assert said == "record: a.parquet is there already; move it or choose another name\n"
    assert (tmp_path / "a.parquet").read_text() == "precious"


def test_a_disk_that_fills_up_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def full(*_: object) -> Recorded:
        raise TapeError("a.parquet.parts: cannot be written (disk full)")

    monkeypatch.setattr(record, "record", full)

    assert cli.main(["record", "--out", "a.parquet"]) == 1
    assert capsys.readouterr().err == "record: a.parquet.parts: cannot be written (disk full)\n"


def test_an_exchange_that_never_shows_a_book_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def nothing(*_: object) -> Recorded:
        await asyncio.sleep(0)
        return Recorded(looks=3, failures=3)

    monkeypatch.setattr(record, "record", nothing)

    assert cli.main(["record", "--out", "a.parquet", "--seconds", "0.01"]) == 1
    assert "no tape was written" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ["--every", "0"],
        ["--every", "nan"],
        ["--seconds", "-1"],
        ["--seconds", "soon"],
        ["--markets", "0"],
        ["--markets", "1001"],
    ],
)
def test_a_wrong_argument_prints_the_usage(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "--out", "a.parquet", *wrong])

    assert ended.value.code == 2
    assert f"argument {wrong[0]}: " in capsys.readouterr().err


def test_told_to_stop_by_the_host_it_ends_in_order(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    command = [sys.executable, "-m", "bot", "record", "--out", str(out), "--every", "0.2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as it:
        deadline = time.monotonic() + 60
        while not parts_folder(out).exists():
            assert it.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)  # another process has nothing to await
        it.send_signal(signal.SIGTERM)
        said, complaints = it.communicate(timeout=60)

    assert b"books in" in said
    assert complaints == b""
    assert it.returncode == (0 if out.exists() else 1)
    assert not parts_folder(out).exists()
