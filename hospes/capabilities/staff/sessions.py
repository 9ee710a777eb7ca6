"""Sessions: in the database, so that signing out works everywhere at once."""

from datetime import datetime, timedelta

import msgspec

from hospes.base import ids
from hospes.base.db import Actor, Database, sql
from hospes.base.secrets import digest
from hospes.capabilities.guests import email_identity
from hospes.capabilities.staff import audit, passwords
from hospes.capabilities.staff.people import Membership, memberships

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=14)
_TOUCH = timedelta(minutes=5)
_LENGTH = 43
_LONGEST_BROWSER = 200


class Session(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `hash` names the session."""

    hash: bytes
    staff_id: int
    email: str
    name: str
    created_at: datetime
    last_seen_at: datetime

    @property
    def ends_at(self) -> datetime:
        return min(self.last_seen_at + IDLE, self.created_at + LONGEST)


class _Credentials(msgspec.Struct, frozen=True):
    id: int
    name: str
    password_hash: str
    is_active: bool


CREDENTIALS = sql(
    "SELECT id, name, password_hash, is_active FROM staff WHERE email_identity = $1",
    across="signing in comes before a workspace is known",
)
REHASH = sql(
    "UPDATE staff SET password_hash = $3 WHERE id = $1 AND password_hash = $2", across="a password belongs to a person"
)
BEGIN = sql(
    """
    INSERT INTO staff_sessions (hash, staff_id, address, browser, created_at, last_seen_at)
    VALUES ($1, $2, $3, $4, $5, $5)
    """,
    across="a session belongs to a person",
)


async def sign_in(
    database: Database, *, email: str, password: str, now: datetime, address: str, browser: str
) -> str | None:
    """A new session's secret; None when the two do not belong together, whatever the reason (case O60)."""
    row = await database.fetchrow(CREDENTIALS, email_identity(email[:320]))
    known = _Credentials(*row) if row else None
    is_right = await passwords.is_right(password, known.password_hash if known else None)
    if known is None or not is_right or not known.is_active:
        await _note(database, known, "staff.sign_in_refused", now=now, address=address)
        return None
    if passwords.needs_rehash(known.password_hash):
        # The only moment at which the password is known.
        await database.execute(REHASH, known.id, known.password_hash, await passwords.hashed(password))
    secret = ids.token("", _LENGTH)
    await database.execute(BEGIN, digest(secret), known.id, address, browser[:_LONGEST_BROWSER], now)
    await _note(database, known, "staff.signed_in", now=now, address=address)
    return secret


FIND = sql(
    """
    SELECT t.hash, t.staff_id, s.email, s.name, t.created_at, t.last_seen_at
      FROM staff_sessions t
      JOIN staff s ON s.id = t.staff_id
     WHERE t.hash = $1 AND s.is_active
    """,
    across="a session belongs to a person",
)
TOUCH = sql("UPDATE staff_sessions SET last_seen_at = $2 WHERE hash = $1", across="a session belongs to a person")


async def find(database: Database, secret: str, *, now: datetime) -> Session | None:
    """Who is signed in with this secret; None when nobody is, or the session ended."""
    row = await database.fetchrow(FIND, digest(secret))
    session = Session(*row) if row else None
    if session is None or session.ends_at <= now:
        return None
    if now - session.last_seen_at >= _TOUCH:
        await database.execute(TOUCH, session.hash, now)
    return session


SIGN_OUT = sql("DELETE FROM staff_sessions WHERE hash = $1", across="a session belongs to a person")
SIGN_OUT_ALL = sql("DELETE FROM staff_sessions WHERE staff_id = $1", across="a session belongs to a person")


async def sign_out(database: Database, session: Session) -> None:
    await database.execute(SIGN_OUT, session.hash)


async def sign_out_everywhere(database: Database, staff_id: int) -> None:
    await database.execute(SIGN_OUT_ALL, staff_id)


SWEEP = sql("DELETE FROM staff_sessions WHERE last_seen_at <= $1 OR created_at <= $2", across="sweeps what has ended")


async def sweep(database: Database, now: datetime) -> None:
    """Drop sessions that have ended."""
    await database.execute(SWEEP, now - IDLE, now - LONGEST)


async def _note(database: Database, known: _Credentials | None, action: str, *, now: datetime, address: str) -> None:
    """In every workspace that the person belongs to; an unknown address leaves no trace."""
    belongs: list[Membership] = await memberships(database, known.id) if known else []
    for one in belongs:
        assert known is not None
        async with database.begin(one.workspace_id, now=now, actor=Actor("staff", known.name, address)) as tx:
            await audit.note(tx, action, staff_id=known.id)
