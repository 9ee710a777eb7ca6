"""Custom fields of bookings: defined once in an account, filled in for each booking. Property API 10."""

import re
from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid

MOST = 50
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LONGEST_VALUE = 1000


class Parameter(msgspec.Struct, frozen=True):
    id: int
    key: str
    name: str
    created_at: datetime
    updated_at: datetime


_COLUMNS = "id, key, name, created_at, updated_at"
PAGE = sql(f"""
    SELECT {_COLUMNS} FROM booking_parameters WHERE workspace_id = $1 ORDER BY id LIMIT $2 OFFSET $3
""")  # noqa: S608
COUNT = sql("SELECT count(*) FROM booking_parameters WHERE workspace_id = $1")
# Definitions of one workspace take turns, so that the limit holds for requests at once.
TURN = sql("SELECT pg_advisory_xact_lock(hashtextextended('booking_parameters', $1))")
CREATE = sql(f"""
    INSERT INTO booking_parameters (workspace_id, key, name, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $4)
    RETURNING {_COLUMNS}
""")  # noqa: S608
KEYS = sql("SELECT key FROM booking_parameters WHERE workspace_id = $1 AND key = ANY ($2::text[])")


async def list_page(reader: Reader, *, limit: int, offset: int) -> tuple[list[Parameter], int]:
    """A page of definitions, by id, and how many there are."""
    return await reader.all(Parameter, PAGE, limit, offset), int(await reader.value(COUNT))


async def create(tx: Tx, *, key: str, name: str) -> Parameter:
    """Define a field. Raises Invalid, or Conflict for a key that exists or past 50 keys."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            "Parameter key must be lowercase snake_case, start with a letter, and be at most 40 characters", field="key"
        )
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("Parameter name must have 1 to 100 characters", field="name")
    await tx.value(TURN)
    if await tx.value(COUNT) >= MOST:
        raise Conflict(f"An account has at most {MOST} booking parameters")
    try:
        async with tx.undoable():
            made = await tx.find(Parameter, CREATE, key, name.strip(), tx.now)
    except Violation:
        raise Conflict(f"Parameter key {key} already exists") from None
    assert made is not None
    return made


async def check(reader: Reader, values: dict[str, str | None]) -> None:
    """Whether these values may stand at a booking. Raises Invalid for an unknown key or a long text."""
    known = set(await reader.column(KEYS, list(values))) if values else set()
    for key, value in values.items():
        if key not in known:
            raise Invalid("There is no booking parameter with this key", field="customParameters")
        if value is not None and len(value) > _LONGEST_VALUE:
            raise Invalid(f"A value has at most {_LONGEST_VALUE:,} characters", field=f"customParameters.{key}")
