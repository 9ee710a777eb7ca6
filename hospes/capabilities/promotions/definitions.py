"""Promotions as they are defined: what is offered, to whom, where, when and how often."""

from datetime import datetime
from decimal import Decimal

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities import guests

UNSET = msgspec.UNSET
KINDS = ("percent", "amount", "free_item", "custom")


class Promotion(msgspec.Struct, frozen=True):
    """Empty `location_ids` and `tag_slugs`: everywhere, for everybody. `valid_days` is a grant's life."""

    id: int
    name: str
    description: str | None
    kind: str
    value: Decimal | None
    currency: str | None
    status: str
    location_ids: list[int]
    tag_slugs: list[str]
    is_for_vip: bool
    starts_at: datetime | None
    ends_at: datetime | None
    valid_days: int | None
    max_grants_per_guest: int | None
    max_redemptions: int | None
    max_per_day: int | None
    max_per_location: int | None
    created_at: datetime
    updated_at: datetime
    grants: int
    redemptions: int

    def standing(self, now: datetime) -> str:
        """`draft`, `active`, `paused` or `expired`: an instant equal to the end is past it."""
        return "expired" if self.ends_at is not None and now >= self.ends_at else self.status

    def is_running(self, now: datetime) -> bool:
        return self.standing(now) == "active" and (self.starts_at is None or now >= self.starts_at)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a new promotion says."""

    name: str
    kind: str
    description: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    location_ids: list[int] = []
    tag_slugs: list[str] = []
    is_for_vip: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    valid_days: int | None = None
    max_grants_per_guest: int | None = None
    max_redemptions: int | None = None
    max_per_day: int | None = None
    max_per_location: int | None = None


_COUNTED = """
           (SELECT coalesce(sum(c.value), 0)::bigint FROM counters c
             WHERE c.workspace_id = $1 AND c.name = 'grants:' || p.id) AS grants,
           (SELECT coalesce(sum(c.value), 0)::bigint FROM counters c
             WHERE c.workspace_id = $1 AND c.name = 'redemptions:' || p.id) AS redemptions
"""
_COLUMNS = f"""
           p.id, p.name, p.description, p.kind, p.value, p.currency, p.status, p.location_ids, p.tag_slugs,
           p.is_for_vip, p.starts_at, p.ends_at, p.valid_days, p.max_grants_per_guest, p.max_redemptions,
           p.max_per_day, p.max_per_location, p.created_at, p.updated_at, {_COUNTED}
"""

GET = sql(f"SELECT {_COLUMNS} FROM promotions p WHERE p.workspace_id = $1 AND p.id = $2")  # noqa: S608
LOCK_SHARED = sql(f"""
    SELECT {_COLUMNS} FROM promotions p WHERE p.workspace_id = $1 AND p.id = $2 FOR SHARE OF p
""")  # noqa: S608
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM promotions p
     WHERE p.workspace_id = $1 AND ($2::bigint IS NULL OR p.id < $2)
     ORDER BY p.id DESC
     LIMIT $3
""")  # noqa: S608
_RUNNING = """
     WHERE p.workspace_id = $1 AND p.status = 'active'
       AND (p.starts_at IS NULL OR p.starts_at <= $2) AND (p.ends_at IS NULL OR p.ends_at > $2)
       AND ($3::bigint IS NULL OR p.location_ids = '{}' OR $3 = ANY (p.location_ids))
"""
RUNNING = sql(f"""
    SELECT {_COLUMNS}
      FROM promotions p
    {_RUNNING}
     ORDER BY p.created_at DESC, p.id DESC
     LIMIT $4 OFFSET $5
""")  # noqa: S608
COUNT_RUNNING = sql(f"SELECT count(*) FROM promotions p {_RUNNING}")  # noqa: S608


async def get(reader: Reader, promotion_id: int) -> Promotion:
    """Raises NotFound."""
    promotion = await reader.find(Promotion, GET, promotion_id)
    if promotion is None:
        raise NotFound("Promotion not found")
    return promotion


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Promotion]:
    """A page of all promotions, the newest first, behind the id `after`."""
    return await reader.all(Promotion, LIST, after, limit)


async def list_running(
    reader: Reader, *, location_id: int | None, limit: int, offset: int
) -> tuple[list[Promotion], int]:
    """A page of those that can be granted and redeemed now, newest first, and how many there are."""
    found = await reader.all(Promotion, RUNNING, reader.now, location_id, limit, offset)
    return found, int(await reader.value(COUNT_RUNNING, reader.now, location_id))


CREATE = sql("""
    INSERT INTO promotions (workspace_id, id, name, description, kind, value, currency, location_ids, tag_slugs,
                            is_for_vip, starts_at, ends_at, valid_days, max_grants_per_guest, max_redemptions,
                            max_per_day, max_per_location, created_at, updated_at)
    VALUES ($1, coalesce($2, nextval('promotions_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $18)
    RETURNING id
""")
UPDATE = sql("""
    UPDATE promotions
       SET name = $3, description = $4, kind = $5, value = $6, currency = $7, location_ids = $8, tag_slugs = $9,
           is_for_vip = $10, starts_at = $11, ends_at = $12, valid_days = $13, max_grants_per_guest = $14,
           max_redemptions = $15, max_per_day = $16, max_per_location = $17, updated_at = $18
     WHERE workspace_id = $1 AND id = $2
""")
UNKNOWN_LOCATIONS = sql("""
    SELECT wanted.id
      FROM unnest($2::bigint[]) AS wanted (id)
     WHERE NOT EXISTS (SELECT FROM locations l WHERE l.workspace_id = $1 AND l.id = wanted.id)
""")
# Counted anew at the next redemption: a limit may have come to what was not counted.
FORGET_USES = sql("DELETE FROM promotion_uses WHERE workspace_id = $1 AND promotion_id = $2")


async def create(tx: Tx, terms: Terms, *, promotion_id: int | None = None) -> int:
    """Make a promotion, as a draft; returns its id. Raises NotFound for a location, Invalid."""
    await _check(tx, terms)
    return int(await _written(tx.value(CREATE, promotion_id, *_values(terms), tx.now)))


async def update(tx: Tx, promotion_id: int, terms: Terms) -> None:
    """Replace what it says; grants that are out keep their own end. Raises NotFound, Invalid."""
    await _check(tx, terms)
    if not await _written(tx.run(UPDATE, promotion_id, *_values(terms), tx.now)):
        raise NotFound("Promotion not found")
    await tx.run(FORGET_USES, promotion_id)


SWITCH = sql("UPDATE promotions SET status = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2")


async def activate(tx: Tx, promotion_id: int) -> None:
    """Let it be granted and redeemed, within its window. Raises NotFound."""
    await _switch(tx, promotion_id, "active")


async def pause(tx: Tx, promotion_id: int) -> None:
    """Nothing of it is granted or redeemed until it is activated again. Raises NotFound."""
    await _switch(tx, promotion_id, "paused")


async def _switch(tx: Tx, promotion_id: int, status: str) -> None:
    if not await tx.run(SWITCH, promotion_id, status, tx.now):
        raise NotFound("Promotion not found")


async def _check(tx: Tx, terms: Terms) -> None:
    if await tx.column(UNKNOWN_LOCATIONS, terms.location_ids):
        raise NotFound("Location not found")
    await guests.tags.known(tx, tuple(terms.tag_slugs))


async def _written(step: object) -> int:
    try:
        return int(await step)  # type: ignore[misc]
    except Violation as violation:
        raise Invalid(_REASONS.get(violation.constraint, "A promotion's limits are whole numbers from 1.")) from None


_REASONS = {
    "promotions_window": "A promotion ends after it starts.",
    "promotions_percent": "A percentage is more than 0 and at most 100.",
    "promotions_amount": "An amount has a value and a currency; nothing else has a currency.",
    "promotions_name_check": "A promotion's name has 1 to 200 characters.",
    "promotions_kind_check": f"A promotion is one of: {', '.join(KINDS)}.",
    "promotions_value_check": "A promotion's value is more than 0.",
    "promotions_currency_check": "A currency is three capital letters, such as EUR.",
}


def _values(terms: Terms) -> tuple[object, ...]:
    values = msgspec.structs.asdict(terms)
    order = (
        "name", "description", "kind", "value", "currency", "location_ids", "tag_slugs", "is_for_vip", "starts_at",
        "ends_at", "valid_days", "max_grants_per_guest", "max_redemptions", "max_per_day", "max_per_location",
    )  # fmt: skip
    return tuple(values[name] for name in order)
