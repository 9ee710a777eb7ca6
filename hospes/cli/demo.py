"""The demo workspace: believable, the same every time, and what the documents' examples ask for."""

import base64
import hashlib
import hmac
from datetime import timedelta

import msgspec

from hospes.base.db import Actor
from hospes.capabilities import access, guests, places, workspaces
from hospes.house import House

_ACTOR = Actor("demo", "Demo")
_LIMIT = 10_000
_NAMES = (
    "Amélie Laurent", "Noah Bergström", "Chiara Rossi", "Mateo García", "Zoë van Dijk", "Łukasz Nowak",
    "Aisha Benali", "Oliver Smith", "Yuki Tanaka", "Sofia Petrova", "Luca Moretti", "Emma Müller",
    "Jean-Pierre Dubois", "Ana Sousa", "Mohamed Haddad", "Freya Olsen", "Siobhán Murphy", "Tomás Novák",
    "Elif Yılmaz", "Hugo Lefèvre",
)  # fmt: skip
_NOTES = ("Prefers the window seat.", "Allergic to nuts.", "Comes by bicycle; likes a quiet corner.")


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
        await _people(house, workspace.id)
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


async def _people(house: House, workspace_id: int) -> None:
    opened = house.clock.now().replace(microsecond=0) - timedelta(days=120)
    async with house.database.begin(workspace_id, now=opened, actor=_ACTOR) as tx:
        await places.create_location(
            tx,
            name="Main Street Cafe",
            address="1 Main Street",
            city="Paris",
            country_code="FR",
            time_zone="Europe/Paris",
            location_id=1,
        )
        await places.create_portal(tx, location_id=1, name="Guest WiFi", slug="main-street", portal_id=1)
        await guests.tags.define(tx, slug="regular", label="Regular", color="#0f766e")
    for number in range(1, 61):
        now = opened + timedelta(days=2 * number - 1, hours=number % 9, minutes=7 * number % 60)
        async with house.database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            await guests.create(tx, _person(number), evidence="demo", guest_id=number)
            if number % 7 == 0:
                await guests.notes.add(tx, number, _NOTES[number // 7 % len(_NOTES)])


def _person(number: int) -> guests.Profile:
    if number == 42:
        return guests.Profile(
            location_id=1,
            portal_id=1,
            name="Alex",
            email="alex.martin@example.com",
            phone="+33612345642",
            marketing_consent=True,
            tags=("regular",),
        )
    name = _NAMES[number % len(_NAMES)]
    address = "".join(letter for letter in guests.fold(name) if letter.isascii() and letter.isalpha())
    return guests.Profile(
        location_id=1,
        portal_id=1,
        name=name if number <= len(_NAMES) else f"{name.split()[0]} {_NAMES[(number * 7) % len(_NAMES)].split()[-1]}",
        email=f"{address}{number}@example.com",
        phone=f"+336123456{number:02d}" if number % 3 else None,
        marketing_consent=number % 4 != 0,
        is_vip=number % 20 == 0,
        tags=("regular",) if number % 5 == 0 else (),
    )
