"""How long is kept what nobody needs for ever: traces of devices, and the texts of messages."""

from datetime import timedelta

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid
from hospes.capabilities import messaging, staff, wifi

LONGEST_DAYS = 3650
_BATCH = 1_000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Days after which device and IP addresses, and texts of messages, go; None is never.

    `erases_with_stay`: a guest may be erased while a stay is not over.
    """

    network_days: int | None = None
    message_days: int | None = None
    erases_with_stay: bool = False


GET = sql("""
    SELECT network_days, message_days, erases_with_stay FROM privacy_settings WHERE workspace_id = $1
""")
SET = sql("""
    INSERT INTO privacy_settings (workspace_id, network_days, message_days, erases_with_stay)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (workspace_id) DO UPDATE
       SET network_days = excluded.network_days, message_days = excluded.message_days,
           erases_with_stay = excluded.erases_with_stay
""")


class _Row(msgspec.Struct, frozen=True):
    network_days: int | None
    message_days: int | None
    erases_with_stay: bool


async def get(reader: Reader) -> Settings:
    """What the workspace set, else that everything is kept."""
    row = await reader.find(_Row, GET)
    return Settings(**msgspec.structs.asdict(row)) if row is not None else Settings()


async def put(tx: Tx, settings: Settings) -> None:
    """Set it. Raises Invalid for days that are not 1 to 3,650."""
    for name in ("network_days", "message_days"):
        days = getattr(settings, name)
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise Invalid(f"Days are 1 to {LONGEST_DAYS:,}.", field=name)
    await tx.run(SET, settings.network_days, settings.message_days, settings.erases_with_stay)
    await staff.audit.note(tx, "privacy.changed", **msgspec.structs.asdict(settings))


async def shorten(tx: Tx) -> bool:
    """Let go of what has grown old, so much at a time; returns whether there may be more."""
    settings, most = await get(tx), 0
    if settings.network_days is not None:
        before = tx.now - timedelta(days=settings.network_days)
        most = await wifi.personal.shorten(tx, before, most=_BATCH)
    if settings.message_days is not None:
        before = tx.now - timedelta(days=settings.message_days)
        most = max(most, await messaging.personal.shorten(tx, before, most=_BATCH))
    return most >= _BATCH
