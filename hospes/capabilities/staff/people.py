"""People who sign in, and the workspaces they belong to."""

from datetime import datetime

import msgspec

from hospes.base.db import Database, Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Duplicate, Invalid, NotFound
from hospes.capabilities.guests import checked_email, email_identity
from hospes.capabilities.staff import audit, passwords

# Each role may do what the ones after it may.
ROLES = ("owner", "manager", "staff")


class Person(msgspec.Struct, frozen=True):
    id: int
    email: str
    name: str
    is_active: bool
    created_at: datetime


class Membership(msgspec.Struct, frozen=True):
    """What somebody is in a workspace."""

    workspace_id: int
    workspace: str
    role: str


class Member(msgspec.Struct, frozen=True):
    """Somebody of a workspace."""

    id: int
    email: str
    name: str
    is_active: bool
    created_at: datetime
    role: str


_COLUMNS = "id, email, name, is_active, created_at"

CREATE = sql(
    f"""
    INSERT INTO staff (email, email_identity, name, password_hash, created_at, password_changed_at)
    VALUES ($1, $2, $3, $4, $5, $5)
    RETURNING {_COLUMNS}
    """,  # noqa: S608
    across="a person may belong to several workspaces",
)


async def create(database: Database, *, email: str, name: str, password: str, now: datetime) -> Person:
    """Make a person who can sign in. Raises Invalid, or Duplicate for an address that somebody has."""
    email = checked_email(email)
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A name has 1 to 100 characters.", field="name")
    stored = await passwords.hashed(passwords.checked(password, email=email))
    try:
        row = await database.fetchrow(CREATE, email, email_identity(email), name.strip(), stored, now)
    except Violation as violation:
        if violation.constraint != "staff_email":
            raise
        raise Duplicate("Somebody with this email address can sign in already.") from None
    assert row is not None
    return Person(*row)


GET = sql(f"SELECT {_COLUMNS} FROM staff WHERE id = $1", across="the key of the table")  # noqa: S608
BY_EMAIL = sql(
    f"SELECT {_COLUMNS} FROM staff WHERE email_identity = $1",  # noqa: S608
    across="an address tells the person, before a workspace is known",
)


async def get(database: Database, staff_id: int) -> Person:
    """Raises NotFound."""
    row = await database.fetchrow(GET, staff_id)
    if row is None:
        raise NotFound(f"There is nobody with the id {staff_id}.")
    return Person(*row)


async def find_by_email(database: Database, email: str) -> Person | None:
    row = await database.fetchrow(BY_EMAIL, email_identity(email))
    return Person(*row) if row else None


MEMBERSHIPS = sql(
    """
    SELECT m.workspace_id, w.name, m.role
      FROM memberships m
      JOIN workspaces w ON w.id = m.workspace_id
     WHERE m.staff_id = $1
     ORDER BY m.workspace_id
    """,
    across="asks which workspaces somebody belongs to",
)


async def memberships(database: Database, staff_id: int) -> list[Membership]:
    """The workspaces somebody belongs to."""
    return [Membership(*row) for row in await database.fetch(MEMBERSHIPS, staff_id)]


JOIN = sql("""
    INSERT INTO memberships AS m (workspace_id, staff_id, role, created_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (staff_id, workspace_id) DO UPDATE SET role = excluded.role
""")


async def join(tx: Tx, staff_id: int, role: str) -> None:
    """Give somebody a role in the workspace, or another one. Raises Invalid, NotFound."""
    if role not in ROLES:
        raise Invalid(f"There is no role {role!r}. Choose one of: {', '.join(ROLES)}.", field="role")
    try:
        await tx.run(JOIN, staff_id, role, tx.now)
    except Violation:
        raise NotFound(f"There is nobody with the id {staff_id}.") from None
    await audit.note(tx, "staff.joined", staff_id=staff_id, role=role)


LEAVE = sql("""
    WITH left_ AS (
        DELETE FROM memberships WHERE workspace_id = $1 AND staff_id = $2 RETURNING staff_id
    )
    SELECT staff_id, pg_notify('hospes_changes', 'staff') FROM left_
""")
OWNERS = sql("SELECT staff_id FROM memberships WHERE workspace_id = $1 AND role = 'owner' FOR UPDATE")


async def leave(tx: Tx, staff_id: int) -> None:
    """Take somebody out of the workspace, at once in every process. Raises NotFound, Conflict for its last owner."""
    if await tx.column(OWNERS) == [staff_id]:
        raise Conflict("A workspace keeps at least one owner. Make somebody else owner first.")
    if await tx.value(LEAVE, staff_id) is None:
        raise NotFound(f"{staff_id} does not belong to this workspace.")
    await audit.note(tx, "staff.left", staff_id=staff_id)


LIST = sql("""
    SELECT s.id, s.email, s.name, s.is_active, s.created_at, m.role
      FROM memberships m
      JOIN staff s ON s.id = m.staff_id
     WHERE m.workspace_id = $1
     ORDER BY s.id
""")


async def list_of(database: Database, workspace_id: int) -> list[Member]:
    """Who belongs to a workspace, oldest first."""
    return [Member(*row) for row in await database.fetch(LIST, workspace_id)]


OWNING = sql("""
    SELECT s.id, s.email, s.name, s.is_active, s.created_at, m.role
      FROM memberships m
      JOIN staff s ON s.id = m.staff_id
     WHERE m.workspace_id = $1 AND m.role = 'owner' AND s.is_active
     ORDER BY s.id
""")


async def owners(reader: Reader) -> list[Member]:
    """The workspace's owners who can sign in, oldest first: whoever has to know."""
    return await reader.all(Member, OWNING)


# Whoever changes a password, or is stopped, is signed out everywhere; what apps were given in their
# name before ends with it (cases O59, O94; the view live_grants).
SET_PASSWORD = sql(
    """
    WITH changed AS (
        UPDATE staff SET password_hash = $2, password_changed_at = $3 WHERE id = $1 RETURNING id
    ), ended AS (
        DELETE FROM staff_sessions WHERE staff_id = $1
    )
    SELECT id, pg_notify('hospes_changes', 'staff') FROM changed
    """,
    across="a person may belong to several workspaces",
)
SET_ACTIVE = sql(
    """
    WITH changed AS (
        UPDATE staff SET is_active = $2 WHERE id = $1 RETURNING id
    ), ended AS (
        DELETE FROM staff_sessions WHERE staff_id = $1 AND NOT $2
    )
    SELECT id, pg_notify('hospes_changes', 'staff') FROM changed
    """,
    across="a person may belong to several workspaces",
)


async def set_password(database: Database, person: Person, password: str, *, now: datetime) -> None:
    """Signs the person out everywhere, and ends what apps were given in their name. Raises Invalid."""
    stored = await passwords.hashed(passwords.checked(password, email=person.email))
    await database.fetchrow(SET_PASSWORD, person.id, stored, now)


async def set_active(database: Database, staff_id: int, *, is_active: bool) -> None:
    """Let somebody sign in, or not any more; apps act in nobody's name who may not. Raises NotFound."""
    if await database.fetchrow(SET_ACTIVE, staff_id, is_active) is None:
        raise NotFound(f"There is nobody with the id {staff_id}.")
