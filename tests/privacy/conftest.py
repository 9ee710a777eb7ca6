"""A guest who left something of theirs everywhere."""

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities import access
from tests.living import Api, Home, Receiver
from tests.privacy.planted import Planted
from tests.property_api.account import Account
from tests.wifi.test_radius import Network


@pytest.fixture
async def planted(home: Home, api: Api, vault: Vault, receiver: Receiver) -> Planted:
    account = await Account.open(home, api)
    made = Planted(account, await new_network(home, api), vault)
    await made.grow(receiver)
    return made


async def new_network(home: Home, api: Api) -> Network:
    token = await access.staff_tokens.create(
        home.server.database, api.workspace_id, name="RADIUS", role="network", now=home.clock.now()
    )
    answer = await api.workspace("POST", "/network-devices", {"portal_id": api.portal_id, "name": "ap-1"})
    assert answer.status == 201, answer
    return Network(api, token.secret)
