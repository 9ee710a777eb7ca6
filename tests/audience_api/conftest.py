import pytest

from tests.audience_api.brand import Brand
from tests.living import Api, Home


@pytest.fixture
async def brand(home: Home, api: Api) -> Brand:
    """A brand in which an email address finds nobody."""
    return await Brand.open(home, api)


@pytest.fixture
async def merging(home: Home, api: Api) -> Brand:
    """A brand whose profiles merge."""
    return await Brand.open(home, api, merges_profiles=True)
