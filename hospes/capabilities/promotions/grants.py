"""Grants: one offer in one guest's hands, with a code to say at the till."""

from datetime import datetime, timedelta

import msgspec

from hospes.base import ids
from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import events, guests
from hospes.capabilities.promotions import definitions
from hospes.capabilities.promotions.happenings import GrantRevoked, PromotionGranted

# Without 0 and O, 1, I and L, which are mistaken for each other when read aloud or copied.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 6
_TRIES = 8


class Grant(msgspec.Struct, frozen=True):
    """`name` is the promotion's. `status` stands as it was written; `standing` knows the clock."""

    id: int
    promotion_id: int
    name: str
    guest_id: int
    location_id: int | None
    code: str
    status: str
    granted_at: datetime
    expires_at: datetime | None
    redeemed_at: datetime | None

    def standing(self, now: datetime) -> str:
        """`granted`, `redeemed`, `revoked` or `expired`: an instant equal to the end is past it."""
        if self.status == "granted" and self.expires_at is not None and now >= self.expires_at:
            return "expired"
        return self.status


_COLUMNS = """
           g.id, g.promotion_id, p.name, g.guest_id, g.location_id, g.code, g.status, g.granted_at, g.expires_at,
           g.redeemed_at
      FROM grants g
      JOIN promotions p ON p.workspace_id = g.workspace_id AND p.id = g.promotion_id
"""
GET = sql(f"SELECT {_COLUMNS} WHERE g.workspace_id = $1 AND g.id = $2")
LOCK = sql(f"SELECT {_COLUMNS} WHERE g.workspace_id = $1 AND g.id = $2 FOR UPDATE OF g")
OF_GUEST = sql(f"""
    SELECT {_COLUMNS}
     WHERE g.workspace_id = $1 AND g.guest_id = ANY ($2::bigint[])
     ORDER BY g.id DESC
     LIMIT 200
""")
OF_PROMOTION = sql(f"""
    SELECT {_COLUMNS}
     WHERE g.workspace_id = $1 AND g.promotion_id = $2 AND ($3::bigint IS NULL OR g.id < $3)
     ORDER BY g.id DESC
     LIMIT $4
""")


async def get(reader: Reader, grant_id: int) -> Grant:
    """Raises NotFound."""
    grant = await reader.find(Grant, GET, grant_id)
    if grant is None:
        raise NotFound("Grant not found")
    return grant


async def lock(tx: Tx, grant_id: int) -> Grant:
    """As `get`, and nobody else uses it until the transaction ends."""
    grant = await tx.find(Grant, LOCK, grant_id)
    if grant is None:
        raise NotFound("Grant not found")
    return grant


async def of_guest(reader: Reader, guest_id: int) -> list[Grant]:
    """The guest's newest 200 grants, whatever became of them. Raises NotFound."""
    return await reader.all(Grant, OF_GUEST, await guests.family(reader, guest_id))


async def of_promotion(reader: Reader, promotion_id: int, after: int | None, *, limit: int) -> list[Grant]:
    """A page of a promotion's grants, the newest first, behind the id `after`. Raises NotFound."""
    await definitions.get(reader, promotion_id)
    return await reader.all(Grant, OF_PROMOTION, promotion_id, after, limit)


HELD = sql("""
    SELECT count(*)
      FROM grants
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND promotion_id = $3 AND status <> 'revoked'
""")
GRANT = sql("""
    INSERT INTO grants (workspace_id, id, promotion_id, guest_id, location_id, code, granted_at, expires_at)
    VALUES ($1, coalesce($2, nextval('grants_id_seq')), $3, $4, $5, $6, $7, $8)
    RETURNING id
""")


async def grant(
    tx: Tx,
    promotion_id: int,
    guest_id: int,
    *,
    location_id: int | None = None,
    expires_at: datetime | None = None,
    grant_id: int | None = None,
) -> Grant:
    """Give a guest an offer.

    Raises NotFound for the promotion, the guest or the location, Conflict when the promotion is not
    running, not for this guest, or the guest has had as many as it may. Guest API 9.2.
    """
    promotion = await definitions.get(tx, promotion_id)
    family = await guests.hold(tx, guest_id)
    if not promotion.is_running(tx.now):
        raise Conflict("Promotion is not active")
    await _check_audience(tx, promotion, family[0])
    most = promotion.max_grants_per_guest
    if most is not None and await tx.value(HELD, family, promotion_id) >= most:
        raise Conflict("Grant limit reached for this guest")
    ends = [at for at in (expires_at, _end(promotion, tx.now), promotion.ends_at) if at is not None]
    values = (grant_id, promotion_id, family[0], location_id)
    made = await _insert(tx, values, expires_at=min(ends, default=None))
    await guests.counts.add(tx, {f"grants:{promotion_id}": 1})
    event = PromotionGranted(guest_id=family[0], promotion_id=promotion_id, grant_id=made, location_id=location_id)
    await events.record(tx, event, location_id=location_id)
    return await get(tx, made)


async def _check_audience(tx: Tx, promotion: definitions.Promotion, guest_id: int) -> None:
    if not promotion.is_for_vip and not promotion.tag_slugs:
        return
    guest = await guests.get(tx, guest_id)
    if (promotion.is_for_vip and not guest.is_vip) or (
        promotion.tag_slugs and not set(promotion.tag_slugs) & set(guest.tags)
    ):
        raise Conflict("Promotion is not for this guest")


def _end(promotion: definitions.Promotion, now: datetime) -> datetime | None:
    return now + timedelta(days=promotion.valid_days) if promotion.valid_days else None


async def _insert(tx: Tx, values: tuple[int | None, ...], *, expires_at: datetime | None) -> int:
    for _ in range(_TRIES):
        try:
            async with tx.undoable():
                return int(await tx.value(GRANT, *values, _code(), tx.now, expires_at))
        except Violation as violation:
            if violation.constraint == "grants_location":
                raise NotFound("Location not found") from None
            if violation.constraint != "grants_code":
                raise
    raise Conflict("No free code was found. Try again.")


def _code() -> str:
    return "".join(_LETTERS[int(ids.fraction() * len(_LETTERS))] for _ in range(_CODE_LENGTH))


REVOKE = sql("UPDATE grants SET status = 'revoked' WHERE workspace_id = $1 AND id = $2")


async def revoke(tx: Tx, grant_id: int) -> None:
    """Take an offer back. Raises NotFound, Conflict when it was redeemed; twice changes nothing."""
    found = await lock(tx, grant_id)
    if found.status == "redeemed":
        raise Conflict("Grant already redeemed")
    if found.status == "granted":
        await tx.run(REVOKE, grant_id)
        await guests.counts.add(tx, {f"grants:{found.promotion_id}": -1})
        event = GrantRevoked(guest_id=found.guest_id, promotion_id=found.promotion_id, grant_id=grant_id)
        await events.record(tx, event, location_id=found.location_id)
