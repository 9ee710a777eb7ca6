"""The demo's properties: three flats, a team, a year of bookings, and those that the documents' examples ask for."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from hospes.base.db import Actor, Tx
from hospes.capabilities import bookings, guests, missions, properties
from hospes.house import House

_ACTOR = Actor("demo", "Demo")
LILAS, ROSE, QUAY = 101, 102, 103
BOOKING, MARIE, MISSION = 9001, 301, 7001
_GUESTS, _ANA = 60, 61
_UNITS = {
    LILAS: properties.NewProperty(
        location_id=1,
        name="Lilas Apartment",
        time_zone="Europe/Paris",
        property_type="apartment",
        capacity=4,
        night_rate=Decimal("120.00"),
        cleaning_rate=Decimal("45.00"),
        line1="12 Rue des Lilas",
        postal_code="75020",
        city="Paris",
        country_code="FR",
    ),
    ROSE: properties.NewProperty(
        location_id=2,
        name="Rose House",
        time_zone="Europe/Paris",
        property_type="house",
        capacity=6,
        night_rate=Decimal("185.00"),
        cleaning_rate=Decimal("70.00"),
        line1="4 Impasse des Roses",
        postal_code="13007",
        city="Marseille",
        country_code="FR",
    ),
    QUAY: properties.NewProperty(
        location_id=3,
        name="Quay Studio",
        time_zone="Europe/Lisbon",
        property_type="studio",
        capacity=2,
        night_rate=Decimal("95.00"),
        cleaning_rate=Decimal("35.00"),
        line1="Cais do Sodré 21",
        postal_code="1200-109",
        city="Lisbon",
        country_code="PT",
    ),
}
# The stay of the documents' examples; nothing else is booked at Lilas in that summer.
_ARRIVAL, _DEPARTURE = date(2026, 7, 14), date(2026, 7, 18)
_FREE = (date(2026, 7, 1), date(2026, 8, 1))
_CHANNELS = ("direct", "airbnb", "booking", "airbnb", "booking", "vrbo")


async def tell(house: House, workspace_id: int, now: datetime) -> None:
    """Fill a workspace whose guests are there already."""
    began = now - timedelta(days=300)
    async with house.database.begin(workspace_id, now=began, actor=_ACTOR) as tx:
        await _open(tx)
    for number, (at, stay) in enumerate(_stays(now)):
        async with house.database.begin(workspace_id, now=at, actor=_ACTOR) as tx:
            # Guests of the cafés stay here too.
            guest = await guests.get(tx, 1 + number % _GUESTS)
            new = msgspec.structs.replace(stay, guest=bookings.Party(email=guest.email))
            await bookings.create(tx, new, evidence="demo", is_silent=True, booking_id=BOOKING + 1 + number)
    async with house.database.begin(workspace_id, now=now - timedelta(hours=2), actor=_ACTOR) as tx:
        await _finish(tx)


async def _open(tx: Tx) -> None:
    for property_id, unit in _UNITS.items():
        await properties.create(tx, unit, property_id=property_id)
    await properties.team.create(
        tx,
        first_name="Marie",
        last_name="Dupont",
        email="marie@example.com",
        phone="+33600000000",
        roles=["cleaning", "check_in"],
        language="fr",
        property_ids=[LILAS, ROSE],
        member_id=MARIE,
    )
    await properties.team.create(
        tx,
        first_name="Tiago",
        last_name="Sousa",
        email="tiago@example.com",
        roles=["cleaning", "maintenance"],
        property_ids=[QUAY],
        member_id=MARIE + 1,
    )
    profile = guests.Profile(
        location_id=1,
        name="Ana Silva",
        email="ana@example.com",
        phone="+351912345678",
        attributes={
            "first_name": "Ana",
            "language": "pt",
            "address_line1": "Rua Nova 5",
            "address_postal_code": "1100-000",
            "address_city": "Lisbon",
            "address_country_code": "PT",
        },
    )
    await guests.create(tx, profile, evidence="demo", guest_id=_ANA)
    await bookings.create(
        tx,
        bookings.NewBooking(
            property_id=LILAS,
            arrival_on=_ARRIVAL,
            departure_on=_DEPARTURE,
            adults=2,
            amount=Decimal("585.00"),
            night_rate=Decimal("120.00"),
            cleaning_fee=Decimal("45.00"),
            local_taxes=Decimal("60.00"),
            guest=bookings.Party(email="ana@example.com"),
        ),
        evidence="demo",
        is_silent=True,
        booking_id=BOOKING,
    )


def _stays(now: datetime) -> list[tuple[datetime, bookings.NewBooking]]:
    """When each was booked, and what: a year of stays that do not overlap."""
    chance = random.Random(101)  # noqa: S311 (the same story every time)
    found, number = [], 0
    for property_id in _UNITS:
        arrival = now.date() - timedelta(days=250)
        while arrival < now.date() + timedelta(days=90):
            nights = chance.randint(2, 7)
            departure = arrival + timedelta(days=nights)
            channel = _CHANNELS[chance.randrange(len(_CHANNELS))]
            if property_id != LILAS or departure <= _FREE[0] or arrival >= _FREE[1]:
                number += 1
                at = min(now - timedelta(hours=3), now - timedelta(days=290 - number))
                found.append((at, _stay(property_id, arrival, departure, channel, number)))
            arrival = departure + timedelta(days=chance.randint(0, 6))
    return sorted(found, key=lambda one: one[0])


def _stay(property_id: int, arrival: date, departure: date, channel: str, number: int) -> bookings.NewBooking:
    unit, nights = _UNITS[property_id], (departure - arrival).days
    rate, fee = unit.night_rate or Decimal(0), unit.cleaning_rate or Decimal(0)
    return bookings.NewBooking(
        property_id=property_id,
        arrival_on=arrival,
        departure_on=departure,
        channel=channel,
        channel_booking_id=None if channel == "direct" else f"{channel[:2].upper()}{number:06d}",
        adults=1 + number % 3,
        children=number % 2,
        amount=rate * nights + fee,
        night_rate=rate,
        cleaning_fee=fee,
    )


async def _finish(tx: Tx) -> None:
    """Marie has the next cleanings at Lilas, and the documents' mission id is hers."""
    wanted = missions.Wanted(property_id=LILAS, status="pending", since=tx.now.date())
    upcoming, _ = await missions.list_page(tx, wanted, limit=3, offset=0)
    for mission in upcoming:
        await missions.change(tx, mission.id, missions.Changes(team_member_id=MARIE))
    await missions.create(
        tx,
        missions.NewMission(
            property_id=LILAS,
            mission_type="maintenance",
            title="Fix the bathroom tap",
            scheduled_at=tx.now + timedelta(days=3),
            duration_minutes=60,
            team_member_id=MARIE,
        ),
        mission_id=MISSION,
    )
