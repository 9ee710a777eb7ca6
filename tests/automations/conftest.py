"""What every test of automations may ask for."""

import pytest

from tests.automations.staying import Stays
from tests.living import Api, Home
from tests.property_api.account import Account


@pytest.fixture
async def stays(home: Home, api: Api) -> Stays:
    return Stays(await Account.open(home, api))
