"""A disk that ends with its container is told from one that stays."""

from pathlib import Path

import pytest

from bot.app.ephemeral import is_ephemeral

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
