"""No route shows a configured secret, whatever a library said."""

from dataclasses import replace

import msgspec
import pytest

from bot.dashboard.snapshot import SnapshotHolder, first_state, packed, snapshot
from bot.scrub import Scrubber
from tests.support.api_world import NOW, STATUS, World, opened

SECRET = "b@rSecretTail"
SAID = "cannot connect to rSecretTail@127.0.0.1:5/mydb"


@pytest.fixture
def leaking(tmp_path):
    status = replace(STATUS, error=SAID, store_fault=SAID, loop_fault=SAID)
    state = first_state(10_000.0, status)
    world = World(
        tmp_path / "logs", snapshot_holder=SnapshotHolder(packed(snapshot(state, NOW)), status)
    )
    return world.with_facts(scrubber=Scrubber([SECRET]))


@pytest.mark.parametrize("path", ["/health", "/bot/status", "/state/full", "/state/overview"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_no_route_shows_what_a_library_said_of_a_secret(leaking, path, encoding):
    async with opened(leaking.app()) as client:
        answer = await client.get(path, headers={"Accept-Encoding": encoding})

    assert answer.status_code == 200
    assert "rSecretTail" not in answer.text
    assert msgspec.json.decode(answer.content)
    if path != "/state/overview":
        assert "cannot connect to ***********@127.0.0.1" in answer.text
