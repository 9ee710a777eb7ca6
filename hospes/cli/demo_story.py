"""A believable year in the demo workspace: the same every time, counted back from now.

It is told in the order of time, through the verbs that everything else uses, so every figure, every
ledger and every timeline of the demo follows from its log.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from hospes.base.db import Actor, Tx
from hospes.base.errors import HospesError
from hospes.capabilities import guests, loyalty, messaging, places, promotions, wifi
from hospes.cli import demo_stays
from hospes.house import House, chores

_ACTOR = Actor("demo", "Demo")
_DAYS = 365
_PEOPLE = 60
_VISITS = 420
_NAMES = (
    "Amélie Laurent", "Noah Bergström", "Chiara Rossi", "Mateo García", "Zoë van Dijk", "Łukasz Nowak",
    "Aisha Benali", "Oliver Smith", "Yuki Tanaka", "Sofia Petrova", "Luca Moretti", "Emma Müller",
    "Jean-Pierre Dubois", "Ana Sousa", "Mohamed Haddad", "Freya Olsen", "Siobhán Murphy", "Tomás Novák",
    "Elif Yılmaz", "Hugo Lefèvre",
)  # fmt: skip
_NOTES = ("Prefers the window seat.", "Allergic to nuts.", "Comes by bicycle; likes a quiet corner.")
_PLACES = (
    ("Main Street Cafe", "1 Main Street", "Paris", "FR", "Europe/Paris", "main-street", "#1f6f5c"),
    ("Harbour Rooms", "9 Harbour Road", "Marseille", "FR", "Europe/Paris", "harbour-rooms", "#1d4ed8"),
    ("Market Hall Bar", "3 Market Square", "Lisbon", "PT", "Europe/Lisbon", "market-hall", "#9f1239"),
)
SLUG = _PLACES[0][5]
_WORDS = {
    "en": "Send me offers and news by email. I can stop them at any time.",
    "fr": "Envoyez-moi des offres et des nouvelles par e-mail. Je peux arrêter à tout moment.",
    "es": "Envíenme ofertas y novedades por correo. Puedo dejarlo cuando quiera.",
}
_TERMS = {
    "en": "Use the network lawfully and leave room for others. We keep who was online, and when, for a year.",
    "fr": "Utilisez le réseau dans le respect de la loi et des autres. Nous gardons qui était en ligne pendant un an.",
    "es": "Use la red conforme a la ley y deje sitio a los demás. Guardamos quién se conectó durante un año.",
}
# The guest of the documents' examples, and what those ask for of theirs.
ALEX, GRANT, COFFEE, DESSERT, DELIVERY = 42, 100, 7, 3, 1001


class _Step(msgspec.Struct, frozen=True, order=True):
    """Something that happens at an instant, to a guest, at a location."""

    at: datetime
    order: int
    what: str
    guest_id: int
    location_id: int


async def tell(house: House, workspace_id: int) -> None:
    """Fill a workspace that is empty."""
    now = house.clock.now().replace(microsecond=0)
    async with house.database.begin(workspace_id, now=now - timedelta(days=_DAYS), actor=_ACTOR) as tx:
        await _open(tx)
    for step in sorted(_steps(now)):
        async with house.database.begin(workspace_id, now=step.at, actor=_ACTOR) as tx:
            await _happen(tx, step)
    await chores.end_visits(house, workspace_id)
    await demo_stays.tell(house, workspace_id, now)
    async with house.database.begin(workspace_id, now=now - timedelta(minutes=40), actor=_ACTOR) as tx:
        await _today(tx)


async def _open(tx: Tx) -> None:
    """What the business set up before its first guest."""
    for number, (name, address, city, country, zone, slug, colour) in enumerate(_PLACES, 1):
        await places.create_location(
            tx,
            name=name,
            address=address,
            city=city,
            country_code=country,
            time_zone=zone,
            location_id=number,
        )
        await places.create_portal(tx, location_id=number, name="Guest WiFi", slug=slug, portal_id=number)
        settings = wifi.Settings(colour=colour, marketing_words=_WORDS, terms_text=_TERMS)
        await wifi.portals.change(tx, number, settings, is_active=True)
        await wifi.access.create_point(tx, portal_id=number, name=f"{slug}-ap-1")
    await guests.tags.define(tx, slug="regular", label="Regular", color="#0f766e")
    await _open_loyalty(tx)
    await _open_promotions(tx)
    await _open_messages(tx)


async def _open_loyalty(tx: Tx) -> None:
    await loyalty.programs.set_program(tx, loyalty.programs.Program("Demo Points", 730, None))
    for tier_id, (slug, name, points) in enumerate(
        (("bronze", "Bronze", 0), ("silver", "Silver", 300), ("gold", "Gold", 1000)), 1
    ):
        await loyalty.tiers.create(tx, slug=slug, name=name, min_points=points, tier_id=tier_id)
    for reward_id, (name, cost) in enumerate(
        (("Free coffee", 80), ("Slice of cake", 90), ("Free dessert", 100), ("Dinner for two", 1500)), 1
    ):
        await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name=name, points_cost=cost), reward_id=reward_id)
    await loyalty.rules.create(tx, basis="visit", points=20)


async def _open_promotions(tx: Tx) -> None:
    offers = {
        COFFEE: promotions.Terms(
            name="Free coffee", kind="free_item", description="One free coffee on your next visit"
        ),
        8: promotions.Terms(
            name="Ten percent off lunch", kind="percent", value=Decimal(10), location_ids=[1], max_per_day=40
        ),
        9: promotions.Terms(name="Welcome drink", kind="free_item", location_ids=[2], max_grants_per_guest=1),
    }
    for promotion_id, terms in offers.items():
        await promotions.definitions.create(tx, terms, promotion_id=promotion_id)
        await promotions.definitions.activate(tx, promotion_id)


async def _open_messages(tx: Tx) -> None:
    await messaging.templates.create(
        tx,
        slug="welcome_email",
        purpose=messaging.templates.TRANSACTIONAL,
        content=messaging.templates.Content(
            subject="Welcome, {{ guest_name }}",
            html="<h1>Welcome, {{ guest_name }}</h1><p>Good to have you at {{ business.name }}.</p>",
            text="Welcome, {{ guest_name }}. Good to have you at {{ business.name }}.",
            variables=["guest_name"],
        ),
    )
    await messaging.templates.create(
        tx,
        slug="news",
        purpose=messaging.templates.MARKETING,
        content=messaging.templates.Content(
            subject="What is new at {{ business.name }}",
            html='<p>Dear {{ guest.first_name }}, come and see.</p><a href="{{ unsubscribe_url }}">Stop these</a>',
            text="Dear {{ guest.first_name }}, come and see. Stop these: {{ unsubscribe_url }}",
        ),
    )


def _steps(now: datetime) -> Iterator[_Step]:
    """Everything that happens in the year, in any order."""
    chance = random.Random(42)  # noqa: S311 (the same story every time)
    known = {number: now - timedelta(days=_DAYS - 2 - number * 6, hours=number % 9) for number in range(1, _PEOPLE + 1)}
    for number, at in known.items():
        yield _Step(at, 0, "met", number, _home(number))
    order = 1
    for _ in range(_VISITS):
        # Some come often, most come now and then.
        guest_id = ALEX if chance.random() < 0.07 else 1 + int(_PEOPLE * chance.random() ** 1.6)
        span = (now - timedelta(days=1)) - known[guest_id]
        at = (known[guest_id] + span * chance.random()).replace(minute=chance.randrange(60))
        location_id = _home(guest_id) if chance.random() < 0.8 else 1 + order % len(_PLACES)
        yield _Step(at, order, "came", guest_id, location_id)
        if chance.random() < 0.25:
            yield _Step(at + timedelta(minutes=20), order, "granted", guest_id, location_id)
        if chance.random() < 0.12:
            yield _Step(at + timedelta(minutes=25), order, "rewarded", guest_id, location_id)
        order += 1


def _home(guest_id: int) -> int:
    return 1 if guest_id % 2 == 0 else 2 + guest_id % 4 // 2


async def _happen(tx: Tx, step: _Step) -> None:
    if step.what == "met":
        await guests.create(tx, _person(step.guest_id, step.location_id), evidence="demo", guest_id=step.guest_id)
        if step.guest_id % 7 == 0:
            await guests.notes.add(tx, step.guest_id, _NOTES[step.guest_id // 7 % len(_NOTES)])
    elif step.what == "came":
        await _visit(tx, step)
    elif step.what == "granted":
        grant = await promotions.grant(tx, COFFEE, step.guest_id, location_id=step.location_id)
        if step.order % 3:
            await promotions.redeem(tx, grant.id, location_id=step.location_id)
    else:
        await _reward(tx, step)


async def _visit(tx: Tx, step: _Step) -> None:
    """Signing in on the guest's phone, and leaving after a while."""
    portal = await wifi.portals.get(tx, step.location_id)
    guest = await guests.get(tx, step.guest_id)
    await wifi.sign_in(tx, portal, wifi.Form(email=guest.email, mac=f"a483e7{step.guest_id:06x}"))
    nas, session = f"{portal.slug}-ap-1", f"{step.order:08x}"
    mac = f"a483e7{step.guest_id:06x}"
    start = wifi.Packet(kind="start", nas=nas, at=tx.now, accounting_id=session, mac=mac)
    await wifi.sessions.account(tx, start)
    lasted = timedelta(minutes=15 + step.order * 7 % 120)
    left = msgspec.structs.replace(start, kind="stop", at=tx.now + lasted, lasted=lasted)
    await wifi.sessions.account(_later(tx, lasted), left)


def _later(tx: Tx, by: timedelta) -> Tx:
    """The same transaction, some time later."""
    tx.now += by
    return tx


async def _reward(tx: Tx, step: _Step) -> None:
    try:
        async with tx.undoable():
            await loyalty.rewards.redeem(tx, step.guest_id, 1 + step.order % 2, location_id=step.location_id)
    except HospesError:
        return  # too few points, this time


async def _today(tx: Tx) -> None:
    """What the documents' examples ask for, and who is online at this moment."""
    await loyalty.add(tx, ALEX, 400, note="Anniversary bonus")
    await promotions.grants.grant(tx, COFFEE, ALEX, location_id=1, grant_id=GRANT)
    draft = messaging.outbox.Draft(
        channel="email",
        purpose=messaging.templates.TRANSACTIONAL,
        address="alex.martin@example.com",
        subject="Welcome, Alex",
        text="Welcome, Alex. Good to have you at Demo Cafe.",
        guest_id=ALEX,
        template_slug="welcome_email",
    )
    await messaging.outbox.put(tx, draft, message_id=DELIVERY)
    await messaging.outbox.mark_delivered(tx, DELIVERY)
    for number, guest_id in enumerate((ALEX, 6, 20)):
        portal = await wifi.portals.get(tx, 1)
        guest = await guests.get(tx, guest_id)
        await wifi.sign_in(tx, portal, wifi.Form(email=guest.email, mac=f"a483e7{guest_id:06x}"))
        _later(tx, timedelta(minutes=5 + number))


def _person(number: int, location_id: int) -> guests.Profile:
    if number == ALEX:
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
        location_id=location_id,
        portal_id=location_id,
        name=name if number <= len(_NAMES) else f"{name.split()[0]} {_NAMES[(number * 7) % len(_NAMES)].split()[-1]}",
        email=f"{address}{number}@example.com",
        phone=f"+336123456{number:02d}" if number % 3 else None,
        marketing_consent=number % 4 != 0,
        is_vip=number % 20 == 0,
        tags=("regular",) if number % 5 == 0 else (),
    )
