"""A second server on the same database."""

from collections.abc import AsyncIterator

import pytest

from hospes.base.settings import Settings
from hospes.house import House
from tests.living import Home


@pytest.fixture(scope="session")
async def neighbour(home: Home, settings: Settings) -> AsyncIterator[Home]:
    """Another process of the same house, which lets everybody call as often as they like."""
    roomy = settings.model_copy(update={"oauth_rate_limit": 10_000})
    server = House(roomy, home.dsn, home.server.vault, clock=home.clock)
    async with server.serving() as application:
        yield Home(server, application, home.worker, home.clock, home.dsn)
