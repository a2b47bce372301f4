"""Two accounts, built once for each module; what a test does to them is rolled back, but for what Valkey counts."""

import copy

import pytest

from tests.dashboard import world
from tests.dashboard.world import World


@pytest.fixture(scope="module")
def falcon(module_transaction: None) -> World:
    return world.build("Falcon")


@pytest.fixture(scope="module")
def sandfox(module_transaction: None) -> World:
    return world.build("Sandfox")


@pytest.fixture
def own(falcon: World, db: None) -> World:
    return copy.deepcopy(falcon)


@pytest.fixture
def foreign(sandfox: World, db: None) -> World:
    return copy.deepcopy(sandfox)
