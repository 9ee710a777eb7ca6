"""Locations: sites with an address and a time zone. Portals: what their Wi-Fi greets guests with."""

from datetime import datetime

import msgspec

from hospes.base import zones
from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound


class Location(msgspec.Struct, frozen=True):
    """`time_zone` is an IANA name; the point is in degrees (WGS 84), or not known."""

    id: int
    name: str
    address: str | None
    city: str | None
    country_code: str | None
    time_zone: str
    is_active: bool
    created_at: datetime
    latitude: float | None
    longitude: float | None


_COLUMNS = "id, name, address, city, country_code, time_zone, is_active, created_at, latitude, longitude"

GET = sql(f"SELECT {_COLUMNS} FROM locations WHERE workspace_id = $1 AND id = $2")  # noqa: S608


async def get(reader: Reader, location_id: int) -> Location:
    """Raises NotFound."""
    location = await reader.find(Location, GET, location_id)
    if location is None:
        raise NotFound("Location not found")
    return location


PAGE = sql(f"""
    SELECT {_COLUMNS}
      FROM locations
     WHERE workspace_id = $1
     ORDER BY id DESC
     LIMIT $2 OFFSET $3
""")  # noqa: S608
COUNT = sql("SELECT count(*) FROM locations WHERE workspace_id = $1")


async def list_page(reader: Reader, *, limit: int, offset: int) -> tuple[list[Location], int]:
    """A page of locations, newest first, and how many there are."""
    return await reader.all(Location, PAGE, limit, offset), int(await reader.value(COUNT))


LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM locations
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")  # noqa: S608


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Location]:
    """A page of locations, the newest first, behind the id `after`."""
    return await reader.all(Location, LIST, after, limit)


CREATE_LOCATION = sql("""
    INSERT INTO locations (workspace_id, id, name, address, city, country_code, time_zone, created_at,
                           latitude, longitude)
    VALUES ($1, coalesce($2, nextval('locations_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10)
    RETURNING id
""")


async def create_location(
    tx: Tx,
    *,
    name: str,
    address: str | None = None,
    city: str | None = None,
    country_code: str | None = None,
    time_zone: str = "UTC",
    latitude: float | None = None,
    longitude: float | None = None,
    location_id: int | None = None,
) -> int:
    """Make a location; returns its id. Raises Invalid."""
    if not 1 <= len(name.strip()) <= 200:
        raise Invalid("A location's name has 1 to 200 characters.", field="name")
    if not zones.is_known(time_zone):
        raise Invalid(f"There is no time zone {time_zone!r}. Use an IANA name such as Europe/Paris.", field="time_zone")
    values = (name.strip(), address, city, country_code, time_zone, tx.now, latitude, longitude)
    try:
        return int(await tx.value(CREATE_LOCATION, location_id, *values))
    except Violation as violation:
        if violation.constraint == "locations_point":
            raise Invalid("Give latitude and longitude together, in degrees.", field="latitude") from None
        raise Invalid("A country is two capital letters, such as FR.", field="country_code") from None


# The page's address names no workspace, so a slug is taken once in the whole house.
CREATE_PORTAL = sql("""
    WITH made AS (
        INSERT INTO portals (workspace_id, id, location_id, name, slug, created_at)
        VALUES ($1, coalesce($2, nextval('portals_id_seq')), $3, $4, $5, $6)
        RETURNING id
    )
    INSERT INTO portal_slugs (slug, workspace_id, portal_id)
    SELECT $5, $1, made.id FROM made
    RETURNING portal_id
""")


async def create_portal(tx: Tx, *, location_id: int, name: str, slug: str, portal_id: int | None = None) -> int:
    """Make a portal of a location; returns its id. Raises NotFound, Conflict, Invalid."""
    try:
        return int(await tx.value(CREATE_PORTAL, portal_id, location_id, name, slug, tx.now))
    except Violation as violation:
        if violation.constraint == "portals_location":
            raise NotFound("Location not found") from None
        if violation.constraint in ("portals_slug", "portal_slugs_pkey"):
            raise Conflict("Portal slug already exists") from None
        raise Invalid("A portal has a name, and a slug of small letters, digits and '-'.", field="slug") from None
