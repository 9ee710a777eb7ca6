"""An attribute keeps the type that it was first saved with. Audience API 2.1."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities.guests.attributes import kind


class Dropped(msgspec.Struct, frozen=True):
    """An attribute that was not saved, because it is of another type than it was first."""

    attribute: str
    message: str


# A row that is there is not waited for: it never changes.
SETTLE = sql("""
    WITH told AS (
        SELECT name, type FROM unnest($3::text[], $4::text[]) AS given (name, type)
    ), known AS (
        SELECT name, type
          FROM attribute_types
         WHERE workspace_id = $1 AND subject = $2 AND name = ANY ($3::text[])
    ), settled AS (
        INSERT INTO attribute_types AS a (workspace_id, subject, name, type, first_at)
        SELECT $1, $2, name, type, $5
          FROM told
         WHERE name NOT IN (SELECT name FROM known)
         ORDER BY name
            ON CONFLICT (workspace_id, subject, name) DO UPDATE SET type = a.type
        RETURNING name, type
    )
    SELECT name, type FROM known
     UNION ALL
    SELECT name, type FROM settled
""")


class _Type(msgspec.Struct, frozen=True):
    name: str
    type: str


async def settle(
    tx: Tx, subject: str, told: Iterable[dict[str, Any]], settled: dict[str, str] | None = None
) -> dict[str, str]:
    """The type of every attribute that is told; what nobody told before gets the type it has here first.

    Added to what is `settled`, which is not asked for again.
    """
    types = {} if settled is None else settled
    first: dict[str, str] = {}
    for attributes in told:
        for name, value in attributes.items():
            if value is not None and name not in types and name not in first:
                first[name] = kind(value)
    if first:
        found = await tx.all(_Type, SETTLE, subject, list(first), list(first.values()), tx.now)
        types.update((one.name, one.type) for one in found)
    return types


def sift(attributes: dict[str, Any], types: dict[str, str]) -> tuple[dict[str, Any], list[Dropped]]:
    """What may be saved, and what is dropped."""
    dropped = [
        Dropped(name, f"{name} was a {types[name]} first; its type stays")
        for name, value in attributes.items()
        if value is not None and kind(value) != types[name]
    ]
    if not dropped:
        return attributes, dropped
    gone = {one.attribute for one in dropped}
    return {name: value for name, value in attributes.items() if name not in gone}, dropped
