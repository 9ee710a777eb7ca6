"""A property with calendars, in a workspace of its own."""

import pytest

from tests.calendars.polled import Polled
from tests.living import Api, Home, Receiver


@pytest.fixture
async def polled(home: Home, api: Api, receiver: Receiver) -> Polled:
    return await Polled.open(home, api, receiver)
