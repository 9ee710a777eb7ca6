"""The demo workspace: believable, the same every time, and what the documents' examples ask for."""

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from hospes.base.db import Actor
from hospes.capabilities import access, staff, workspaces
from hospes.cli import demo_story
from hospes.house import House

_LIMIT = 10_000
_ACTOR = Actor("demo", "Demo")
SLUG = demo_story.SLUG
OWNER = "demo@example.com"


class Owner(msgspec.Struct, frozen=True):
    """Who signs in to the demo workspace at /staff."""

    email: str
    password: str


class Credentials(msgspec.Struct, frozen=True):
    """What a script needs to talk to the demo workspace."""

    workspace_id: int
    api_key: str
    brand_id: int
    brand_key: str
    staff: Owner


def api_key(installation_key: str) -> str:
    """The demo's key follows from the installation's: it can be printed again and is nowhere stored."""
    return access.keys.PREFIX + _derived(installation_key, "api key")


def brand_key(installation_key: str) -> str:
    """As `api_key`, for the Audience API."""
    return access.brand_keys.PREFIX + _derived(installation_key, "brand key")


def _derived(installation_key: str, what: str) -> str:
    derived = hmac.digest(base64.b64decode(installation_key), f"hospes demo {what}".encode(), hashlib.sha256)
    return base64.b32encode(derived).decode().lower()[:32]


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
    brand = brand_key(installation_key)
    if not await access.brand_keys.is_known(house.database, brand):
        await _open_brand(house, workspace.id, brand)
    owner = Owner(OWNER, _derived(installation_key, "password"))
    if await staff.find_by_email(house.database, OWNER) is None:
        now = house.clock.now()
        made = await staff.create(house.database, email=OWNER, name="Demo Owner", password=owner.password, now=now)
        async with house.database.begin(workspace.id, now=now, actor=_ACTOR) as tx:
            await staff.join(tx, made.id, "owner")
    return Credentials(workspace.id, key, workspace.id, brand, owner)


async def _open_brand(house: House, workspace_id: int, secret: str) -> None:
    """A key for the Audience API, and limits that let a script try things."""
    await access.brand_keys.create(house.database, workspace_id, name="Demo", now=house.clock.now(), secret=secret)
    limits: dict[str, Any] = {f"{group}_limit": _LIMIT for group in ("user", "event", "campaign", "reporting")}
    await access.brand_keys.set_settings(house.database, workspace_id, access.brand_keys.Settings(**limits))
