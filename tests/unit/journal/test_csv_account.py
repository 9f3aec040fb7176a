"""CSV files hold the rows of one account each, whoever writes there, one by one or at once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.journal.csv_account import NAME, AccountMark, TakenError
from bot.journal.csv_rotation import RotatedParts
from logging_utils import CsvJournal
from tests.support.journals import NOW, pnl


def write(folder: Path, account: str, times: int = 1) -> None:
    with CsvJournal(folder) as journal:
        journal.turn_to(account)
        for _ in range(times):
            journal.record([pnl()])
            journal.flush()
        assert journal.fault is None


def counts(folder: Path) -> list[int]:
    """Rows of each P&L file, the one that grows last."""
    files = [one.path for one in RotatedParts(folder / "pnl_log.csv").listed()]
    return [file.read_text().count("\n") - 1 for file in (*files, folder / "pnl_log.csv")]


def test_the_same_account_goes_on_in_its_file(tmp_path):
    write(tmp_path, "paper:production 1")
    write(tmp_path, "paper:production 1")

    assert counts(tmp_path) == [2]


@pytest.mark.parametrize("other", ["live:production 1", "paper:production 2", "paper:sim@x 1"])
def test_another_account_begins_all_files_anew(tmp_path, other):
    write(tmp_path, "paper:production 1", 3)
    write(tmp_path, other, 2)
    write(tmp_path, "paper:production 1")

    assert counts(tmp_path) == [3, 2, 1]
    assert (tmp_path / NAME).read_text() == "paper:production 1"


def test_rows_of_nobody_knows_whom_are_put_away(tmp_path):
    with CsvJournal(tmp_path) as journal:
        journal.record([pnl()])

    write(tmp_path, "paper:production 1")

    assert counts(tmp_path) == [1, 1]


def test_files_without_rows_are_no_parts(tmp_path):
    write(tmp_path, "a 1", 0)
    write(tmp_path, "b 1", 0)

    assert counts(tmp_path) == [0]


def test_an_account_that_changes_under_way_begins_anew_too(tmp_path):
    with CsvJournal(tmp_path) as journal:
        for account in ("a 1", "a 1", "a 2"):
            journal.turn_to(account)
            journal.record([pnl()])
            journal.flush()

    assert counts(tmp_path) == [2, 1]


def test_two_accounts_at_once_are_never_mixed(tmp_path):
    with CsvJournal(tmp_path) as first, CsvJournal(tmp_path) as second:
        first.turn_to("a 1")
        second.turn_to("b 1")
        for journal in (first, second):
            journal.record([pnl()])
            journal.flush()

        assert first.fault is None
        assert second.fault is not None
        assert "another account writes its CSV logs there" in second.fault
        assert "LOG_DIR" in second.fault
        assert counts(tmp_path) == [1]

        first.__exit__()
        second.record([pnl()])
        second.flush()
        assert second.fault is None

    assert counts(tmp_path) == [1, 1]


def test_two_processes_of_one_account_write_side_by_side(tmp_path):
    with CsvJournal(tmp_path) as first, CsvJournal(tmp_path) as second:
        for journal in (first, second):
            journal.turn_to("a 1")
            journal.record([pnl()])
            journal.flush()
            assert journal.fault is None

    assert counts(tmp_path) == [2]


def test_whoever_dies_while_files_are_put_away_does_it_again(tmp_path):
    write(tmp_path, "a 1")
    mark = AccountMark(tmp_path)

    def dies() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        mark.claim("b 1", dies)

    assert (tmp_path / NAME).read_text() == "a 1"
    write(tmp_path, "b 1")
    assert counts(tmp_path) == [1, 1]


def test_a_mark_is_held_until_it_is_released(tmp_path):
    one, other = AccountMark(tmp_path), AccountMark(tmp_path)
    one.claim("a 1", lambda: None)
    with pytest.raises(TakenError):
        other.claim("b 1", lambda: None)

    one.release()
    other.claim("b 1", lambda: None)
    other.release()


def test_a_folder_that_cannot_be_marked_loses_rows_until_it_can(tmp_path):
    in_the_way = tmp_path / NAME
    in_the_way.mkdir()
    with CsvJournal(tmp_path) as journal:
        journal.turn_to("a 1")
        journal.record([pnl()])
        journal.flush()
        assert journal.fault is not None
        assert NAME in journal.fault

        in_the_way.rmdir()
        journal.record([pnl()])
        journal.flush()
        assert journal.fault is None

    assert counts(tmp_path) == [1]


def test_a_later_day_of_the_same_account_is_a_part_as_ever(tmp_path):
    with CsvJournal(tmp_path) as journal:
        journal.turn_to("a 1")
        for day in range(2):
            journal.record([replace(pnl(), at=NOW + timedelta(days=day))])
            journal.flush()

    assert counts(tmp_path) == [1, 1]


def test_a_file_that_fails_twice_is_named_once(tmp_path):
    (tmp_path / "signals_log.csv").mkdir()
    with CsvJournal(tmp_path) as journal:
        journal.turn_to("paper:a")

        assert str(journal.fault).count("signals_log.csv: Is a directory") == 1
