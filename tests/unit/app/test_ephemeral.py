"""A disk that ends with its container is told from one that stays."""

from pathlib import Path

import pytest

from bot import config
from bot.app.ephemeral import is_ephemeral, report_kill_file, slash_too_few

CONTAINER = """\
overlay / overlay rw,relatime,lowerdir=/var/lib 0 0
proc /proc proc rw,nosuid 0 0
tmpfs /dev tmpfs rw 0 0
/dev/vdb /app/logs ext4 rw 0 0
/dev/vdc /my\\040data xfs rw 0 0
"""
MACHINE = "/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"


@pytest.mark.parametrize(
    ("folder", "mounts", "ends"),
    [
        ("/app", CONTAINER, True),
        ("/app/logs", CONTAINER, False),
        ("/app/logs/deeper", CONTAINER, False),
        ("/app/logs2", CONTAINER, True),
        ("/my data/bot", CONTAINER, False),
        ("/opt/kalshiproto/logs", MACHINE, False),
        ("/tmp/logs", MACHINE, True),
        ("/anywhere", "", False),
        ("/anywhere", "odd\n", False),
    ],
)
def test_a_folder_ends_with_its_container_unless_something_is_mounted(folder, mounts, ends):
    assert is_ephemeral(Path(folder), mounts) is ends


@pytest.mark.parametrize("file", ["data/book.db", "data/deeper/book.db"])
def test_a_path_with_a_slash_too_few_is_noticed(tmp_path, file):
    (tmp_path / "data").mkdir()

    assert f"sqlite:///{tmp_path}/{file}" in str(slash_too_few(Path(file), tmp_path))


@pytest.mark.parametrize("file", ["logs/book.db", "book.db", "data", "/data/book.db", None])
def test_other_paths_are_what_they_say(tmp_path, file):
    (tmp_path / "data").mkdir()

    assert slash_too_few(file and Path(file), tmp_path) is None


def test_a_kill_file_that_can_never_be_there_is_warned_of(tmp_path, caplog):
    with caplog.at_level("INFO", "main"):
        report_kill_file(config.load(None, kill_file=tmp_path / "typo" / "KILL"))
        report_kill_file(config.load(None, kill_file=tmp_path / "KILL"))

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert f"KILL_FILE: there is no folder {tmp_path / 'typo'}" in caplog.messages[0]
    assert str(tmp_path / "KILL") in caplog.messages[1]
