from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bot.core.whales.detector import WhaleRules
from bot.research.whales.calibration import ABSOLUTE, in_runs, main, seen
from bot.tape.reader import read
from tests.support.research_tapes import made_tape
from tests.support.whale_tapes import CALM, WHALE, whale_tape

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_flags_are_counted_per_market_hour(tmp_path: Path) -> None:
    tape = in_runs(read(whale_tape(tmp_path / "t.parquet", [WHALE, CALM])))

    found = seen(tape, 10.0, WhaleRules())

    assert found.tickers == ("MADE0-1", "MADE1-1")
    assert found.hours.tolist() == pytest.approx([190 / 3_600] * 2)
    assert dict(found.said) == {(0, "large_bid"): 1, (0, "cancelled"): 1, (0, "spoof_suspected"): 1}
    assert (found.books.tolist(), found.crowded.tolist()) == ([20.0, 20.0], [4.0, 0.0])
    assert ABSOLUTE == 5_000.0


def test_nothing_is_compared_across_recordings_unless_asked(tmp_path: Path) -> None:
    tape = read(whale_tape(tmp_path / "t.parquet", [WHALE], segments=5))

    apart, across = seen(in_runs(tape), 10.0, WhaleRules()), seen(tape, 10.0, WhaleRules())

    assert (len(apart.tickers), dict(apart.said)) == (5, {})
    assert (len(across.tickers), across.said[0, "large_bid"]) == (1, 1)


def test_a_coarser_look_sees_less(tmp_path: Path) -> None:
    tape = in_runs(read(whale_tape(tmp_path / "t.parquet", [WHALE])))

    found = seen(tape, 60.0, WhaleRules())

    assert found.books.tolist() == [4.0]
    assert dict(found.said) == {}


def test_an_order_without_known_volume_ends_with_unknown_fate(tmp_path: Path) -> None:
    path = whale_tape(tmp_path / "t.parquet", [WHALE])
    pq.write_table(pq.read_table(path).drop_columns(["volume"]), path)

    found = seen(in_runs(read(path)), 10.0, WhaleRules())

    assert found.said[0, "unknown"] == 1


def test_an_order_that_the_price_never_reached_was_not_filled(tmp_path: Path) -> None:
    tape = in_runs(read(whale_tape(tmp_path / "t.parquet", [WHALE], volume=5_000.0)))

    assert seen(tape, 10.0, WhaleRules()).said[0, "cancelled"] == 1


def test_the_table_has_a_line_per_threshold_cadence_and_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = whale_tape(tmp_path / "t.parquet", [WHALE, CALM])

    code = main([str(path), "--cadence", "10", "60", "--multiple", "3", "99", "--series", "1"])

    lines = capsys.readouterr().out.splitlines()
    assert (code, len(lines)) == (0, 2 + 2 * 2 * 2)
    head, rule, first, *_ = (_cells(line) for line in lines)
    assert {len(head), len(rule), len(first)} == {16}
    assert first[:6] == ["t", "3", "10 s", "all", "2", "0.1"]
    assert first[6] == f"{1 / (380 / 3_600):.2f}"


def test_series_are_told_apart_across_recordings_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made_tape(tmp_path / "t.parquet", markets=2, seconds=20)

    assert main([str(path), "--across", "--cadence", "5", "--series", "3"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_market_seen_once_has_no_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = whale_tape(tmp_path / "t.parquet", [[300.0]])

    main([str(path), "--cadence", "10"])

    assert _cells(capsys.readouterr().out.splitlines()[-1])[5:7] == ["0.0", "–"]


def test_a_tape_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.parquet")]) == 1

    assert "none.parquet" in capsys.readouterr().err


@pytest.mark.parametrize("cadence", [5.0, 60.0])
def test_on_real_books_large_orders_are_at_most_four_a_market_hour(cadence: float) -> None:
    path = SHARED / "btc15m-l2-1s.parquet"
    if not path.exists():
        pytest.skip("the recorded order books are not here")

    found = seen(in_runs(read(path)), cadence, WhaleRules())

    large = sum(n for (_, what), n in found.said.items() if what.startswith("large"))
    assert found.hours.sum() > 10
    assert large / found.hours.sum() <= 4
