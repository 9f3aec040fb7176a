"""A world of its own for each test of the API, and a client of it."""

import pytest

from tests.support.api_world import World, opened


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "logs")


@pytest.fixture
async def client(world):
    async with opened(world.app()) as client:
        yield client
