"""Tags: what a workspace calls its guests, and who is called so."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Duplicate, Invalid
from hospes.capabilities import events
from hospes.capabilities.guests import counts
from hospes.capabilities.guests.happenings import TagAdded, TagRemoved

MOST_A_GUEST = 50

# Every workspace knows these from the start; the first definition completes them.
BUILT_IN = {"vip": ("VIP", "#6366f1")}


class Tag(msgspec.Struct, frozen=True):
    id: int
    slug: str
    label: str
    color: str
    guest_count: int
    created_at: datetime


_COLUMNS = """
           t.id, t.slug, t.label, t.color,
           (SELECT coalesce(sum(c.value), 0)::bigint
              FROM counters c
             WHERE c.workspace_id = $1 AND c.name = 'tag:' || t.id) AS guest_count,
           t.created_at
"""

LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM tags t
     WHERE t.workspace_id = $1
     ORDER BY t.created_at DESC, t.id DESC
     LIMIT $2 OFFSET $3
""")  # noqa: S608
COUNT = sql("SELECT count(*) FROM tags WHERE workspace_id = $1")
GET = sql(f"SELECT {_COLUMNS} FROM tags t WHERE t.workspace_id = $1 AND t.id = $2")  # noqa: S608


async def list_all(reader: Reader, *, limit: int, offset: int) -> list[Tag]:
    """Tag definitions, newest first."""
    return await reader.all(Tag, LIST, limit, offset)


async def count(reader: Reader) -> int:
    return int(await reader.value(COUNT))


DEFINE = sql("""
    INSERT INTO tags AS t (workspace_id, slug, label, color, created_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id, slug) DO UPDATE
       SET label = excluded.label, color = excluded.color, is_built_in = false
     WHERE t.is_built_in
    RETURNING id
""")
FIND = sql("SELECT id FROM tags WHERE workspace_id = $1 AND slug = $2")


async def define(tx: Tx, *, slug: str, label: str, color: str) -> Tag:
    """Define a tag, or complete one that every workspace knows.

    Raises Duplicate with the existing tag's id. Guest API 8.7.
    """
    tag_id = await tx.value(DEFINE, slug, label, color, tx.now)
    if tag_id is None:
        raise Duplicate("Tag slug already exists", existing_id=await tx.value(FIND, slug))
    tag = await tx.find(Tag, GET, tag_id)
    assert tag is not None
    return tag


KNOWN = sql("SELECT slug FROM tags WHERE workspace_id = $1 AND slug = ANY ($2::text[])")
BUILD_IN = sql("""
    INSERT INTO tags (workspace_id, slug, label, color, is_built_in, created_at)
    VALUES ($1, $2, $3, $4, true, $5)
        ON CONFLICT (workspace_id, slug) DO NOTHING
""")


async def known(tx: Tx, slugs: tuple[str, ...]) -> None:
    """Raises Invalid naming the first slug that no tag has, or when there are too many."""
    if len(slugs) > MOST_A_GUEST:
        raise Invalid(f"A guest has at most {MOST_A_GUEST} tags.", field="tags")
    missing = set(slugs) - set(await tx.column(KNOWN, list(slugs)))
    for slug in slugs:
        if slug in missing and slug in BUILT_IN:
            label, color = BUILT_IN[slug]
            await tx.run(BUILD_IN, slug, label, color, tx.now)
        elif slug in missing:
            raise Invalid(f"Unknown tag: {slug}", field="tags", value=slug)


class _Given(msgspec.Struct, frozen=True):
    tag_id: int
    slug: str


TAKE = sql("""
    DELETE FROM guest_tags gt
     USING tags t
     WHERE gt.workspace_id = $1 AND gt.guest_id = $2
       AND t.workspace_id = $1 AND t.id = gt.tag_id
       AND NOT t.slug = ANY ($3::text[])
    RETURNING gt.tag_id, t.slug
""")
GIVE = sql("""
    WITH given AS (
        INSERT INTO guest_tags (workspace_id, guest_id, tag_id, door, added_at)
        SELECT $1, $2, t.id, $4, $5
          FROM tags t
         WHERE t.workspace_id = $1 AND t.slug = ANY ($3::text[])
            ON CONFLICT DO NOTHING
        RETURNING tag_id
    )
    SELECT given.tag_id, t.slug
      FROM given
      JOIN tags t ON t.workspace_id = $1 AND t.id = given.tag_id
     ORDER BY t.slug
""")


async def replace(tx: Tx, guest_id: int, slugs: tuple[str, ...], *, location_id: int | None) -> None:
    """Make these the guest's tags, and record each one given and taken. Raises Invalid for an unknown one."""
    await known(tx, slugs)
    try:
        taken = await tx.all(_Given, TAKE, guest_id, list(slugs))
        given = await tx.all(_Given, GIVE, guest_id, list(slugs), tx.actor.door, tx.now)
    except Violation:
        raise Invalid("A tag was removed just now. Try again.", field="tags") from None
    for tag in taken:
        await events.record(tx, TagRemoved(guest_id=guest_id, tag=tag.slug), location_id=location_id)
    for tag in given:
        await events.record(tx, TagAdded(guest_id=guest_id, tag=tag.slug), location_id=location_id)
    await counts.add(
        tx,
        {counts.with_tag(tag.tag_id): -1 for tag in taken} | {counts.with_tag(tag.tag_id): 1 for tag in given},
    )
