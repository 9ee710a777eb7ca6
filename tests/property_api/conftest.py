"""A workspace with properties, a team, and an app that may do everything."""

from collections.abc import AsyncIterator

import pytest

from tests.living import Api, Home
from tests.property_api.account import Account


@pytest.fixture
async def account(home: Home, api: Api) -> AsyncIterator[Account]:
    return await Account.open(home, api)
