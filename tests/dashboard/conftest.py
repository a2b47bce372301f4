import pytest

from tests.dashboard import world
from tests.dashboard.world import World


@pytest.fixture
def own(db: None) -> World:
    return world.build("Falcon")


@pytest.fixture
def foreign(db: None) -> World:
    return world.build("Sandfox")
