"""Properties: what is rented out, and whether its plan opens the Property API. Property API 2 and 8."""

from datetime import datetime, time
from decimal import Decimal

import msgspec

from hospes.base import zones
from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Forbidden, Invalid, NotFound


class Unentitled(Forbidden):
    """The property's plan does not include the API."""


class Property(msgspec.Struct, frozen=True):
    """Times are the property's own, in its time zone; amounts are in `currency`."""

    id: int
    location_id: int
    name: str
    property_type: str | None
    capacity: int | None
    check_in_time: time
    check_out_time: time
    cut_off_time: time | None
    cut_off_days: int | None
    night_rate: Decimal | None
    cleaning_rate: Decimal | None
    currency: str
    vat_rate: Decimal | None
    line1: str | None
    line2: str | None
    postal_code: str | None
    city: str | None
    country_code: str | None
    time_zone: str
    is_entitled: bool
    lock_brand: str | None
    lock_ref: str | None
    lock_days: int
    calendar_key: int
    created_at: datetime
    updated_at: datetime


class NewProperty(msgspec.Struct, frozen=True, kw_only=True):
    """A property to be."""

    location_id: int
    name: str
    time_zone: str
    property_type: str | None = None
    capacity: int | None = None
    check_in_time: time = time(16)
    check_out_time: time = time(11)
    night_rate: Decimal | None = None
    cleaning_rate: Decimal | None = None
    currency: str = "EUR"
    line1: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country_code: str | None = None


_COLUMNS = ", ".join(Property.__struct_fields__)

GET = sql(f"SELECT {_COLUMNS} FROM properties WHERE workspace_id = $1 AND id = $2")  # noqa: S608
PAGE = sql(f"""
    SELECT {_COLUMNS}
      FROM properties
     WHERE workspace_id = $1 AND is_entitled
     ORDER BY id
     LIMIT $2 OFFSET $3
""")  # noqa: S608
EVERY = sql(f"SELECT {_COLUMNS} FROM properties WHERE workspace_id = $1 ORDER BY id")  # noqa: S608
COUNT = sql("SELECT count(*) FROM properties WHERE workspace_id = $1 AND is_entitled")
AFTER = sql(f"""
    SELECT {_COLUMNS}
      FROM properties
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")  # noqa: S608
HAS_ENTITLED = sql("SELECT EXISTS (SELECT FROM properties WHERE workspace_id = $1 AND is_entitled)")


async def get(reader: Reader, property_id: int) -> Property:
    """Any property of the workspace. Raises NotFound."""
    found = await reader.find(Property, GET, property_id)
    if found is None:
        raise NotFound("Property not found")
    return found


async def check(reader: Reader, property_id: int) -> Property:
    """A property that apps may see. Raises NotFound, or Unentitled for one whose plan does not include the API."""
    found = await get(reader, property_id)
    if not found.is_entitled:
        raise Unentitled("This property's plan does not include the API.")
    return found


async def list_page(reader: Reader, *, limit: int, offset: int) -> list[Property]:
    """Entitled properties, by id."""
    return await reader.all(Property, PAGE, limit, offset)


async def list_every(reader: Reader) -> list[Property]:
    """All properties, by id."""
    return await reader.all(Property, EVERY)


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Property]:
    """A page of all properties, the newest first, behind the id `after`."""
    return await reader.all(Property, AFTER, after, limit)


async def count(reader: Reader) -> int:
    """How many entitled properties there are."""
    return int(await reader.value(COUNT))


async def has_entitled(reader: Reader) -> bool:
    """Whether any property's plan includes the API."""
    return bool(await reader.value(HAS_ENTITLED))


# Whether an account has an entitled property is cached beside its tokens: this says that it may differ now.
CREATE = sql("""
    WITH made AS (
        INSERT INTO properties (workspace_id, id, location_id, name, property_type, capacity, check_in_time,
                                check_out_time, night_rate, cleaning_rate, currency, line1, postal_code, city,
                                country_code, time_zone, created_at, updated_at)
        VALUES ($1, coalesce($2, nextval('properties_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                $15, $16, $17, $17)
        RETURNING id
    )
    SELECT id, pg_notify('hospes_changes', 'property') FROM made
""")


async def create(tx: Tx, new: NewProperty, *, property_id: int | None = None) -> int:
    """Make a property; returns its id. Raises NotFound for the location, Invalid."""
    if not zones.is_known(new.time_zone):
        raise Invalid(
            f"There is no time zone {new.time_zone!r}. Use an IANA name such as Europe/Paris.", field="time_zone"
        )
    try:
        made = await tx.value(
            CREATE,
            property_id,
            new.location_id,
            new.name.strip(),
            new.property_type,
            new.capacity,
            new.check_in_time,
            new.check_out_time,
            new.night_rate,
            new.cleaning_rate,
            new.currency,
            new.line1,
            new.postal_code,
            new.city,
            new.country_code,
            new.time_zone,
            tx.now,
        )
    except Violation as violation:
        if violation.constraint == "properties_location":
            raise NotFound("Location not found") from None
        raise Invalid("A property has a name, a capacity of 1 to 1,000, and codes such as EUR and FR.") from None
    return int(made)


ENTITLE = sql("""
    WITH changed AS (
        UPDATE properties SET is_entitled = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2 RETURNING id
    )
    SELECT id, pg_notify('hospes_changes', 'property') FROM changed
""")


async def entitle(tx: Tx, property_id: int, *, is_entitled: bool) -> None:
    """Open the Property API for a property, or close it, from the next request on. Raises NotFound."""
    if await tx.value(ENTITLE, property_id, is_entitled, tx.now) is None:
        raise NotFound("Property not found")


RENEW = sql("""
    UPDATE properties SET calendar_key = calendar_key + 1, updated_at = $3 WHERE workspace_id = $1 AND id = $2
""")


async def renew_calendar(tx: Tx, property_id: int) -> None:
    """Make the addresses of the property's calendar new ones; the old ones are nobody's. Raises NotFound."""
    if not await tx.run(RENEW, property_id, tx.now):
        raise NotFound("Property not found")


SET_LOCK = sql("""
    UPDATE properties SET lock_brand = $3, lock_ref = $4, lock_days = $5, updated_at = $6
     WHERE workspace_id = $1 AND id = $2
""")


async def set_lock(tx: Tx, property_id: int, *, brand: str | None, ref: str | None, days: int = 5) -> None:
    """Which smart lock opens the door, and how many days before arrival its code is made. Raises NotFound, Invalid."""
    if not 1 <= days <= 14:
        raise Invalid("A code is made 1 to 14 days before arrival.", field="days")
    if not await tx.run(SET_LOCK, property_id, brand, ref, days, tx.now):
        raise NotFound("Property not found")
