"""What of a guest stands in the tables of guests: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Reader, Tx, sql
from hospes.capabilities.guests import marks, merging, profile, reaching

_OF_MERGES = "(t.kept_guest_id = ANY ($2::bigint[]) OR t.merged_guest_id = ANY ($2::bigint[]))"
TABLES = {
    "guests": rows.whole("guests", "t.id = ANY ($2::bigint[])"),
    "guest_identifiers": rows.whole("guest_identifiers"),
    "guest_facts": rows.whole("guest_facts"),
    "guest_merges": rows.whole("guest_merges", _OF_MERGES),
    "guest_tags": rows.whole("guest_tags"),
    "guest_marks": rows.whole("guest_marks"),
    "notes": rows.whole("notes"),
    "consents": rows.whole("consents"),
}

ADDRESSES = sql("""
    SELECT DISTINCT lower(address) AS address
      FROM (SELECT unnest(ARRAY[email, phone]) AS address
              FROM guests
             WHERE workspace_id = $1 AND id = ANY ($2::bigint[])
             UNION
            SELECT value FROM guest_identifiers
             WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND kind IN ('email', 'phone')
             UNION
            SELECT value #>> '{}' FROM guest_facts
             WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND field IN ('email', 'phone')) known
     WHERE address IS NOT NULL
""")


async def addresses(reader: Reader, family: list[int]) -> list[str]:
    """Every email address and phone number that these guests have or had, in lower case."""
    return await reader.column(ADDRESSES, family)


# What was agreed to, when and through which door is the proof that it was, and stays.
FORGET = sql("""
    WITH facts AS (
        DELETE FROM guest_facts WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), identified AS (
        DELETE FROM guest_identifiers WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), noted AS (
        DELETE FROM notes WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), tagged AS (
        DELETE FROM guest_tags WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), agreed AS (
        UPDATE consents SET evidence = 'erased' WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), kept AS (
        UPDATE guest_merges SET evidence = 'erased'
         WHERE workspace_id = $1 AND (kept_guest_id = ANY ($2::bigint[]) OR merged_guest_id = ANY ($2::bigint[]))
    )
    UPDATE guests
       SET name = NULL, email = NULL, phone = NULL, is_vip = false, marketing_consent = false, attributes = '{}',
           search_text = '', email_consent = NULL, sms_consent = NULL, push_consent = NULL, whatsapp_consent = NULL,
           -- Points at itself: what leaves out merged guests leaves it out too.
           merged_into = id, absorbed = 0, erased_at = $3, updated_at = $3
     WHERE workspace_id = $1 AND id = ANY ($2::bigint[])
""")


async def forget(tx: Tx, family: list[int]) -> None:
    """Empty the records of a guest who is held, the one that answers first; its ids answer no more."""
    guest = await profile.get(tx, family[0])
    await reaching.close(tx, *family)
    tags = await tx.column(merging.TAGS, guest.id)
    await tx.run(FORGET, family, tx.now)
    await merging.recount(tx, guest, -1, flags={}, tags_added=[], tags_gone=tags)
    await marks.forget(tx, guest.created_at, guest.id)


IS_ERASED = sql("""
    SELECT EXISTS (SELECT FROM guests WHERE workspace_id = $1 AND id = $2 AND erased_at IS NOT NULL)
""")


async def is_erased(reader: Reader, guest_id: int) -> bool:
    """Whether this guest was erased: a late word of them is not written down."""
    return bool(await reader.value(IS_ERASED, guest_id))
