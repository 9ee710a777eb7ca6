"""Two records of one person become one, and can become two again, exactly.

Nothing moves: the merged guest's identifiers, notes, consents and events keep its id, and its row
points at the guest that answers for it. What the merge adds to the kept guest (facts, tags, a
consent) carries the merge's id and goes with it.
"""

from collections import Counter
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, columns, encode_json, sql
from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import events
from hospes.capabilities.guests import counts, folding, marks, reaching
from hospes.capabilities.guests.channels import CHANNELS, Answers
from hospes.capabilities.guests.happenings import GuestMerged, GuestUnmerged
from hospes.capabilities.guests.profile import Guest, consents, flag_steps, get, lock

_FIELDS = ("name", "email", "phone", "is_vip")

FAMILY = sql("SELECT id FROM guests WHERE workspace_id = $1 AND (id = $2 OR merged_into = $2)")

# For the statement of somebody who asks about the guests $2: under which ids things of each may stand.
FAMILIES = """
    WITH family AS (
        SELECT id AS head, id FROM unnest($2::bigint[]) AS id
         UNION
        SELECT merged_into, id FROM guests WHERE workspace_id = $1 AND merged_into = ANY ($2::bigint[])
    )
"""


async def family(reader: Reader, guest_id: int) -> list[int]:
    """The ids under which things of this guest may stand. Raises NotFound."""
    guest = await get(reader, guest_id)
    return [guest.id] if not guest.absorbed else list(await reader.column(FAMILY, guest.id))


class _Held(msgspec.Struct, frozen=True):
    id: int
    merged_into: int | None
    absorbed: int


# Only who answers is locked: a merge has that lock while it points the others anew.
HOLD = sql("""
    SELECT id, merged_into, absorbed
      FROM guests
     WHERE workspace_id = $1
       AND id = (SELECT coalesce(merged_into, id) FROM guests WHERE workspace_id = $1 AND id = $2)
       FOR UPDATE
""")


async def hold(tx: Tx, guest_id: int, *, even_erased: bool = False) -> list[int]:
    """Nobody else changes this guest or what it has until the transaction ends.

    Returns its family, the guest that answers for all of it first. Raises NotFound, for one who was erased
    too, unless it is about the house's own books.
    """
    held = await tx.find(_Held, HOLD, guest_id)
    while held is not None and held.merged_into not in (None, held.id):
        held = await tx.find(_Held, HOLD, held.id)
    if held is None or (held.merged_into is not None and not even_erased):
        raise NotFound("Guest not found")
    if not held.absorbed:
        return [held.id]
    return [held.id, *(other for other in await tx.column(FAMILY, held.id) if other != held.id)]


MERGE = sql("""
    INSERT INTO guest_merges (workspace_id, kept_guest_id, merged_guest_id, evidence, door, merged_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
""")
# Those whom the merged guest answered for come along, so that each points at who answers for it now.
POINT = sql("""
    UPDATE guests
       SET merged_into = $3, updated_at = CASE WHEN id = $2 THEN $4 ELSE updated_at END
     WHERE workspace_id = $1 AND (id = $2 OR merged_into = $2)
""")
SHOW = sql("""
    UPDATE guests
       SET name = $3, email = $4, phone = $5, is_vip = $6, marketing_consent = $7, attributes = $8,
           search_text = $9, absorbed = absorbed + $10, updated_at = $11,
           email_consent = $12, sms_consent = $13, push_consent = $14, whatsapp_consent = $15
     WHERE workspace_id = $1 AND id = $2
""")
BRING = sql("""
    WITH stated AS (
        INSERT INTO guest_facts (workspace_id, guest_id, field, position, value, door, evidence, merge_id, recorded_at)
        SELECT $1, $2, field, $5, value::jsonb, $3, $4, $9, $6
          FROM unnest($7::text[], $8::text[]) AS fact (field, value)
    )
    INSERT INTO consents (workspace_id, guest_id, channel, is_granted, door, evidence, position, merge_id, recorded_at)
    SELECT $1, $2, channel, is_granted, $3, $4, $5, $9, $6
      FROM unnest($10::text[], $11::boolean[]) AS answer (channel, is_granted)
""")
SHARE_TAGS = sql("""
    INSERT INTO guest_tags (workspace_id, guest_id, tag_id, door, merge_id, added_at)
    SELECT $1, $3, tag_id, $4, $5, $6
      FROM guest_tags
     WHERE workspace_id = $1 AND guest_id = $2
        ON CONFLICT DO NOTHING
    RETURNING tag_id
""")
TAGS = sql("SELECT tag_id FROM guest_tags WHERE workspace_id = $1 AND guest_id = $2")


async def merge(tx: Tx, kept_id: int, merged_id: int, *, evidence: str) -> int:
    """Let `kept_id` answer for `merged_id` too; returns the merge's id, which `unmerge` takes.

    What the kept guest lacks, it takes from the other; a consent refused by either is refused.
    Raises NotFound, or Conflict when the two are one already.
    """
    kept, merged = await _locked_pair(tx, kept_id, merged_id)
    # A message to either may be under way, and the other may have refused.
    await reaching.close(tx, kept.id, merged.id)
    merge_id = int(await tx.value(MERGE, kept.id, merged.id, evidence, tx.actor.door, tx.now))
    after = _joined(kept, merged)
    await tx.run(POINT, merged.id, kept.id, tx.now)
    await _show(tx, after, absorbed=1)
    recorded = await events.record(
        tx, GuestMerged(guest_id=kept.id, merged_guest_id=merged.id, merge_id=merge_id), location_id=kept.location_id
    )
    facts = _differences(kept, after)
    await tx.run(
        BRING,
        kept.id,
        tx.actor.door,
        evidence,
        recorded.position,
        tx.now,
        list(facts),
        [encode_json(value) for value in facts.values()],
        merge_id,
        *columns(after.answers.since(kept.answers), 2),
    )
    shared = await tx.column(SHARE_TAGS, merged.id, kept.id, tx.actor.door, merge_id, tx.now)
    hidden = await tx.column(TAGS, merged.id)
    await recount(tx, merged, -1, flags=flag_steps(kept, after), tags_added=shared, tags_gone=hidden)
    await marks.forget(tx, merged.created_at, merged.id)
    return merge_id


# With those who came along: their merges lead to the guest still.
FREE = sql("""
    WITH RECURSIVE back AS (
        SELECT $2::bigint AS id
         UNION
        SELECT m.merged_guest_id
          FROM back
          JOIN guest_merges m ON m.workspace_id = $1 AND m.kept_guest_id = back.id AND m.undone_at IS NULL
    )
    UPDATE guests g
       SET merged_into = nullif($2, g.id), updated_at = CASE WHEN g.id = $2 THEN $3 ELSE g.updated_at END
      FROM back
     WHERE g.workspace_id = $1 AND g.id = back.id
""")


class _Merge(msgspec.Struct, frozen=True):
    kept_guest_id: int
    merged_guest_id: int


UNDO = sql("""
    UPDATE guest_merges
       SET undone_at = $3
     WHERE workspace_id = $1 AND id = $2 AND undone_at IS NULL
    RETURNING kept_guest_id, merged_guest_id
""")
WITHDRAW_FACTS = sql("""
    DELETE FROM guest_facts
     WHERE workspace_id = $1 AND guest_id = $2 AND merge_id = $3
    RETURNING field
""")
NEWEST_FACTS = sql("""
    SELECT DISTINCT ON (field) field, value
      FROM guest_facts
     WHERE workspace_id = $1 AND guest_id = $2 AND field = ANY ($3::text[])
     ORDER BY field, position DESC
""")
WITHDRAW_TAGS = sql("""
    DELETE FROM guest_tags WHERE workspace_id = $1 AND guest_id = $2 AND merge_id = $3 RETURNING tag_id
""")
NEWEST_CONSENTS = sql("""
    SELECT DISTINCT ON (asked) asked AS channel, is_granted
      FROM unnest($4::text[]) AS asked
      JOIN consents c ON c.workspace_id = $1 AND c.guest_id = $2 AND c.channel IN (asked, 'marketing')
                     AND c.merge_id IS DISTINCT FROM $3
     ORDER BY asked, c.id DESC
""")


class _Consent(msgspec.Struct, frozen=True):
    channel: str
    is_granted: bool


class _Fact(msgspec.Struct, frozen=True):
    field: str
    value: Any


async def unmerge(tx: Tx, merge_id: int) -> None:
    """Take a merge back: both guests stand as if it had not been, with what each learned since.

    Raises NotFound when there is no such merge or it was taken back, Conflict when the kept guest
    was itself merged since: take that back first.
    """
    row = await tx.find(_Merge, UNDO, merge_id, tx.now)
    if row is None:
        raise NotFound("Merge not found")
    kept = await get(tx, row.kept_guest_id)
    if kept.id != row.kept_guest_id:
        raise Conflict(f"Guest {row.kept_guest_id} was merged into guest {kept.id} since. Undo that merge first.")
    kept = await lock(tx, kept.id)
    await reaching.close(tx, kept.id)
    fields = await tx.column(WITHDRAW_FACTS, kept.id, merge_id)
    newest = {fact.field: fact.value for fact in await tx.all(_Fact, NEWEST_FACTS, kept.id, fields)}
    given = await tx.all(_Consent, NEWEST_CONSENTS, kept.id, merge_id, list(CHANNELS))
    answers = Answers(**{one.channel: one.is_granted for one in given})
    after = _restored(kept, fields, newest, answers)
    await tx.run(FREE, row.merged_guest_id, tx.now)
    await _show(tx, after, absorbed=-1)
    recorded = await events.record(
        tx,
        GuestUnmerged(guest_id=kept.id, merged_guest_id=row.merged_guest_id, merge_id=merge_id),
        location_id=kept.location_id,
    )
    evidence = f"merge {merge_id} undone"
    changed = columns(answers.since(kept.answers), 2)
    await tx.run(BRING, kept.id, tx.actor.door, evidence, recorded.position, tx.now, [], [], None, *changed)
    taken = await tx.column(WITHDRAW_TAGS, kept.id, merge_id)
    merged = await get(tx, row.merged_guest_id)
    shown = await tx.column(TAGS, merged.id)
    await recount(tx, merged, 1, flags=flag_steps(kept, after), tags_added=shown, tags_gone=taken)
    await marks.forget(tx, merged.created_at, merged.id)


async def _locked_pair(tx: Tx, kept_id: int, merged_id: int) -> tuple[Guest, Guest]:
    # Lower id first: two merges of one pair cannot wait for each other crosswise.
    first, second = await get(tx, min(kept_id, merged_id)), await get(tx, max(kept_id, merged_id))
    locked = {guest_id: await lock(tx, guest_id) for guest_id in sorted({first.id, second.id})}
    kept, merged = (first, second) if kept_id < merged_id else (second, first)
    if kept.id == merged.id or locked[kept.id].id != kept.id or locked[merged.id].id != merged.id:
        raise Conflict("These are one guest already.")
    return locked[kept.id], locked[merged.id]


def _joined(kept: Guest, merged: Guest) -> Guest:
    answers = kept.answers.joined(merged.answers)
    return msgspec.structs.replace(
        kept,
        name=kept.name or merged.name,
        email=kept.email or merged.email,
        phone=kept.phone or merged.phone,
        is_vip=kept.is_vip or merged.is_vip,
        **consents(answers),
        attributes=merged.attributes | kept.attributes,
    )


def _differences(before: Guest, after: Guest) -> dict[str, Any]:
    facts = {field: getattr(after, field) for field in _FIELDS if getattr(before, field) != getattr(after, field)}
    new = {name: value for name, value in after.attributes.items() if name not in before.attributes}
    return facts | {f"attributes.{name}": value for name, value in new.items()}


def _restored(kept: Guest, fields: list[str], newest: dict[str, Any], answers: Answers) -> Guest:
    plain = {field: newest.get(field) for field in fields if field in ("name", "email", "phone")}
    if "is_vip" in fields:
        plain["is_vip"] = bool(newest.get("is_vip"))
    attributes = dict(kept.attributes)
    for field in fields:
        if field.startswith("attributes."):
            name, value = field.removeprefix("attributes."), newest.get(field)
            attributes.pop(name, None)
            attributes |= {name: value} if value is not None else {}
    return msgspec.structs.replace(kept, **plain, attributes=attributes, **consents(answers))


async def _show(tx: Tx, guest: Guest, *, absorbed: int) -> None:
    await tx.run(
        SHOW,
        guest.id,
        guest.name,
        guest.email,
        guest.phone,
        guest.is_vip,
        guest.marketing_consent,
        guest.attributes,
        folding.search_text(guest.name, guest.email, guest.phone),
        absorbed,
        tx.now,
        *guest.answers.columns,
    )


async def recount(
    tx: Tx, merged: Guest, step: int, *, flags: dict[str, int], tags_added: list[int], tags_gone: list[int]
) -> None:
    """A guest leaves the counts (`step` -1) or comes back to them, with whatever else changes."""
    changes = Counter({counts.ALL: step, **flags})
    groups = [counts.at_location(merged.location_id)] if merged.location_id is not None else []
    groups += counts.flagged(counts.VIP, merged.location_id) if merged.is_vip else []
    groups += counts.flagged(counts.OPT_IN, merged.location_id) if merged.marketing_consent else []
    changes.update(dict.fromkeys(groups, step))
    changes.update(counts.with_tag(tag_id) for tag_id in tags_added)
    changes.subtract(counts.with_tag(tag_id) for tag_id in tags_gone)
    await counts.add(tx, changes)
