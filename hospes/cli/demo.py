"""The demo workspace: believable, the same every time, and what the documents' examples ask for."""

import base64
import hashlib
import hmac

import msgspec

from hospes.capabilities import access, workspaces
from hospes.cli import demo_story
from hospes.house import House

_LIMIT = 10_000
SLUG = demo_story.SLUG


class Credentials(msgspec.Struct, frozen=True):
    """What a script needs to talk to the demo workspace."""

    workspace_id: int
    api_key: str


def api_key(installation_key: str) -> str:
    """The demo's key follows from the installation's: it can be printed again and is nowhere stored."""
    derived = hmac.digest(base64.b64decode(installation_key), b"hospes demo api key", hashlib.sha256)
    return access.keys.PREFIX + base64.b32encode(derived).decode().lower()[:32]


async def fill(house: House, installation_key: str) -> Credentials:
    """Make the demo workspace unless it is there; returns how to talk to it."""
    workspace = await workspaces.find_demo(house.database)
    if workspace is None:
        workspace = await workspaces.create(
            house.database,
            name="Demo Cafe",
            now=house.clock.now(),
            plan_name="business",
            time_zone="Europe/Paris",
            is_demo=True,
        )
        await demo_story.tell(house, workspace.id)
    key = api_key(installation_key)
    if not await access.keys.is_known(house.database, key):
        await access.keys.create(
            house.database,
            workspace.id,
            name="Demo",
            granted=["*"],
            now=house.clock.now(),
            rate_limit=_LIMIT,
            secret=key,
        )
    return Credentials(workspace.id, key)
