"""Connected apps: what a workspace's people allowed, and taking it back."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.capabilities import messaging, staff


class App(msgspec.Struct, frozen=True):
    """A live grant as staff see it."""

    grant_id: int
    client_id: str
    name: str
    scope: str
    given_by: str
    created_at: datetime
    rotated_at: datetime


LIST = sql("""
    SELECT g.id AS grant_id, g.client_id, c.name, g.scope, s.name AS given_by, g.created_at, g.rotated_at
      FROM live_grants g
      JOIN oauth_clients c ON c.id = g.client_id
      JOIN staff s ON s.id = g.staff_id
     WHERE g.workspace_id = $1
     ORDER BY g.id DESC
""")


async def list_of(reader: Reader) -> list[App]:
    """The workspace's connected apps, the newest first."""
    return await reader.all(App, LIST)


LOCK = sql("SELECT id FROM oauth_grants WHERE workspace_id = $1 AND id = $2 FOR UPDATE")
REVOKE = sql("""
    WITH ended AS (
        UPDATE oauth_grants
           SET revoked_at = $3, revoked_why = $4
         WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL
        RETURNING client_id, staff_id
    ), gone AS (
        DELETE FROM oauth_tokens WHERE grant_id = $2 AND EXISTS (SELECT FROM ended)
    )
    SELECT c.name, s.email, s.name AS person, pg_notify('hospes_changes', 'grant')
      FROM ended e
      JOIN oauth_clients c ON c.id = e.client_id
      JOIN staff s ON s.id = e.staff_id
""")


class _Ended(msgspec.Struct, frozen=True):
    name: str
    email: str
    person: str
    pg_notify: object = None


async def revoke(tx: Tx, grant_id: int, *, why: str, is_alarming: bool = False) -> bool:
    """End a grant, in every process, with all its tokens; whether it was alive. Whoever gave it is told of an alarm."""
    # A refresh that is under way ends first: the next statement sees the tokens that it stored.
    await tx.value(LOCK, grant_id)
    ended = await tx.find(_Ended, REVOKE, grant_id, tx.now, why)
    if ended is None:
        return False
    await staff.audit.note(tx, "app.disconnected", grant_id=grant_id, app=ended.name, why=why)
    if is_alarming:
        await messaging.outbox.put(tx, _alarm(ended, why))
    return True


async def disconnect(tx: Tx, grant_id: int) -> None:
    """As `revoke`, by hand. Raises NotFound."""
    if not await revoke(tx, grant_id, why="disconnected by hand"):
        raise NotFound("This app is not connected.")


def _alarm(ended: _Ended, why: str) -> messaging.outbox.Draft:
    text = (
        f"Hello {ended.person},\n\n"
        f'We disconnected the app "{ended.name}" from your account: {why}. That happens when somebody copied '
        "what the app stores. If you still use the app, connect it again; if you do not know it, change your "
        "password.\n"
    )
    return messaging.outbox.Draft(
        channel="email",
        purpose=messaging.templates.TRANSACTIONAL,
        address=ended.email,
        subject=f"{ended.name} was disconnected",
        text=text,
    )
