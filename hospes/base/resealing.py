"""Sealing everything with today's key, after it was changed.

A value is replaced only while it is still the one that was read, so what is written meanwhile stays. Whoever is
killed in between is followed by another, who finds what is left.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from hospes.base.db import Database, Statement, columns, sql
from hospes.base.secrets import Unreadable, Vault

BATCH = 500
_ACROSS = "one key seals for every workspace"

log = structlog.get_logger()


class Sealed(msgspec.Struct, frozen=True):
    """A column that holds sealed values; `place` says of a row's key what its value is bound to."""

    name: str
    find: Statement
    put: Statement
    count: Statement
    place: Callable[..., str]


def sealed(table: str, column: str, key: Mapping[str, str], place: Callable[..., str]) -> Sealed:
    """Declare one; `key` are the columns, with their types, that `place` takes."""
    names, is_other = ", ".join(key), f"{column} IS NOT NULL AND substr({column}, 2, 4) <> $1"
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate([*key.values(), "bytea", "bytea"], start=1))
    is_same = " AND ".join(f"t.{name} = o.{name}" for name in key)
    return Sealed(
        f"{table}.{column}",
        sql(f"SELECT {names}, {column} FROM {table} WHERE {is_other} LIMIT $2", across=_ACROSS),  # noqa: S608
        sql(
            f"UPDATE {table} t SET {column} = o.made FROM unnest({arrays}) AS o ({names}, was, made) "  # noqa: S608
            f"WHERE {is_same} AND t.{column} = o.was",
            across=_ACROSS,
        ),
        sql(f"SELECT count(*) FROM {table} WHERE {is_other}", across=_ACROSS),  # noqa: S608
        place,
    )


async def reseal(database: Database, vault: Vault, everything: Sequence[Sealed], *, most: int = BATCH) -> None:
    """Seal with today's key what another one sealed. What cannot be opened stays, and is told in the log."""
    for one in everything:
        has_more = True
        while has_more:
            found = [tuple(row) for row in await database.fetch(one.find, vault.key_id, most)]
            made = [(*key, was, new) for *key, was in found if (new := _anew(vault, was, one.place(*key))) is not None]
            if made:
                await database.execute(one.put, *columns(made, len(made[0])))
            elif found:
                log.error("secrets.unreadable", where=one.name, count=len(found))
            has_more = bool(made)


async def left(database: Database, vault: Vault, everything: Sequence[Sealed]) -> int:
    """How many values another key than today's sealed."""
    rows = [await database.fetchrow(one.count, vault.key_id) for one in everything]
    return sum(int(row[0]) for row in rows if row is not None)


def _anew(vault: Vault, was: bytes, place: str) -> bytes | None:
    try:
        return vault.seal(vault.open(was, place), place)
    except Unreadable:
        return None
