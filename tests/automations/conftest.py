"""What every test of automations may ask for."""

from collections.abc import AsyncIterator

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities.automations import Concierge
from tests.automations.staying import Door, Stays, concierge
from tests.living import Api, Home
from tests.property_api.account import Account


@pytest.fixture
async def stays(home: Home, api: Api) -> Stays:
    return Stays(await Account.open(home, api))


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def worker(stays: Stays, vault: Vault, door: Door) -> AsyncIterator[Concierge]:
    """A worker that reaches this door, and does what is due in this account when it is asked."""
    await stays.use_lock("door")
    async with concierge(stays.home, vault, {"door": door, "other": door}) as worker:
        yield worker
