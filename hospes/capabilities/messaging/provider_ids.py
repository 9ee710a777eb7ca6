"""What a provider calls our messages: its receipts name nothing else."""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Database, sql

# No provider tells of a message later than that.
_KEPT = timedelta(days=14)


class Place(msgspec.Struct, frozen=True):
    """A message anywhere in the house."""

    workspace_id: int
    message_id: int


# A provider may count its ids anew: then the newest message is meant.
NOTE = sql(
    """
    INSERT INTO provider_ids (carrier, provider_id, workspace_id, message_id, created_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (carrier, provider_id) DO UPDATE
       SET workspace_id = excluded.workspace_id, message_id = excluded.message_id, created_at = excluded.created_at
    """,
    across="looked up before a workspace is known",
)
FIND = sql(
    "SELECT workspace_id, message_id FROM provider_ids WHERE carrier = $1 AND provider_id = $2",
    across="looked up before a workspace is known",
)
SWEEP = sql("DELETE FROM provider_ids WHERE created_at < $1", across="sweeps the whole house")


async def note(database: Database, carrier: str, provider_id: str, place: Place, *, now: datetime) -> None:
    """Keep the id, of at most 100 characters, that the carrier's provider gave to a message."""
    await database.execute(NOTE, carrier, provider_id, place.workspace_id, place.message_id, now)


async def find(database: Database, carrier: str, provider_id: str) -> Place | None:
    """The message with this id."""
    row = await database.fetchrow(FIND, carrier, provider_id)
    return Place(*row) if row else None


async def sweep(database: Database, now: datetime) -> None:
    """Forget ids of messages older than 14 days."""
    await database.execute(SWEEP, now - _KEPT)
