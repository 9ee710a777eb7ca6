"""Team members: who cleans, repairs and greets, and at which properties. Property API 12."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities.guests import checked_email, checked_phone

ROLES = ("cleaning", "maintenance", "urgency", "check_in", "manager", "owner")
LANGUAGES = ("en", "fr", "es")
CHANNELS = ("email", "whatsapp")


class Member(msgspec.Struct, frozen=True):
    """`property_ids` are those that apps may see."""

    id: int
    first_name: str
    last_name: str | None
    email: str | None
    phone: str | None
    roles: list[str]
    language: str
    channels: list[str]
    is_active: bool
    property_ids: list[int]
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part)


_COLUMNS = """
    t.id, t.first_name, t.last_name, t.email, t.phone, t.roles, t.language, t.channels, t.is_active,
    ARRAY(SELECT p.id FROM properties p
           WHERE p.workspace_id = $1 AND p.id = ANY (t.property_ids) AND p.is_entitled ORDER BY p.id) AS property_ids,
    t.created_at, t.updated_at
"""
_WHERE = """
    t.workspace_id = $1
    AND ($2::bigint IS NULL OR $2 = ANY (t.property_ids))
    AND ($3::text IS NULL OR $3 = ANY (t.roles))
    AND ($4::boolean IS NULL OR t.is_active = $4)
"""
PAGE = sql(f"SELECT {_COLUMNS} FROM team_members t WHERE {_WHERE} ORDER BY t.id LIMIT $5 OFFSET $6")  # noqa: S608
COUNT = sql(f"SELECT count(*) FROM team_members t WHERE {_WHERE}")  # noqa: S608
GET = sql(f"SELECT {_COLUMNS} FROM team_members t WHERE t.workspace_id = $1 AND t.id = $2")  # noqa: S608


async def list_page(
    reader: Reader, *, property_id: int | None, role: str | None, is_active: bool | None, limit: int, offset: int
) -> tuple[list[Member], int]:
    """A page of the team, by id, and how many there are."""
    which = (property_id, role, is_active)
    return await reader.all(Member, PAGE, *which, limit, offset), int(await reader.value(COUNT, *which))


AFTER = sql(f"""
    SELECT {_COLUMNS}
      FROM team_members t
     WHERE t.workspace_id = $1 AND ($2::bigint IS NULL OR t.id < $2)
     ORDER BY t.id DESC
     LIMIT $3
""")  # noqa: S608


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Member]:
    """A page of the team, the newest first, behind the id `after`."""
    return await reader.all(Member, AFTER, after, limit)


async def get(reader: Reader, member_id: int) -> Member:
    """Raises NotFound."""
    member = await reader.find(Member, GET, member_id)
    if member is None:
        raise NotFound("Team member not found")
    return member


CREATE = sql("""
    INSERT INTO team_members (workspace_id, id, first_name, last_name, email, phone, roles, language, channels,
                              property_ids, created_at, updated_at)
    VALUES ($1, coalesce($2, nextval('team_members_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
    RETURNING id
""")


async def create(
    tx: Tx,
    *,
    first_name: str,
    last_name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    roles: list[str],
    language: str = "en",
    channels: list[str] | None = None,
    property_ids: list[int],
    member_id: int | None = None,
) -> int:
    """Add somebody to the team; returns the id. Raises Invalid."""
    if not 1 <= len(first_name.strip()) <= 100:
        raise Invalid("A first name has 1 to 100 characters.", field="first_name")
    for given, known, field in ((roles, ROLES, "roles"), (channels or [], CHANNELS, "channels")):
        if not set(given) <= set(known):
            raise Invalid(f"{field} are among: {', '.join(known)}.", field=field)
    if language not in LANGUAGES:
        raise Invalid(f"A language is one of: {', '.join(LANGUAGES)}.", field="language")
    return int(
        await tx.value(
            CREATE,
            member_id,
            first_name.strip(),
            last_name,
            checked_email(email) if email else None,
            checked_phone(phone) if phone else None,
            list(dict.fromkeys(roles)),
            language,
            channels or ["email"],
            sorted(set(property_ids)),
            tx.now,
        )
    )


SET_ACTIVE = sql("UPDATE team_members SET is_active = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2")


async def set_active(tx: Tx, member_id: int, *, is_active: bool) -> None:
    """Somebody inactive is assigned nothing more. Raises NotFound."""
    if not await tx.run(SET_ACTIVE, member_id, is_active, tx.now):
        raise NotFound("Team member not found")
