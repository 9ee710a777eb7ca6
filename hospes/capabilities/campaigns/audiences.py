"""Whom a campaign is for: everybody with its channel, a segment, a list, or guests by name."""

import msgspec

from hospes.base.db import Reader, sql
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities import segments

_MOST_NAMED = 10_000


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is everyone, segment, list or guests, and the field of that name says which."""

    kind: str
    segment_id: int | None = None
    list_id: int | None = None
    guest_ids: list[int] | None = None


EVERYONE = Audience(kind="everyone")


def segment(segment_id: int) -> Audience:
    """Whoever is in the segment when the campaign starts."""
    return Audience(kind="segment", segment_id=segment_id)


def of_list(list_id: int) -> Audience:
    """Whoever is on the list when the campaign starts."""
    return Audience(kind="list", list_id=list_id)


def named(guest_ids: list[int]) -> Audience:
    """These guests, at most 10,000."""
    return Audience(kind="guests", guest_ids=guest_ids)


# Those who answer for the named ones; a guest who was merged is who it became.
NAMED = sql("""
    WITH named AS (SELECT id, merged_into FROM guests WHERE workspace_id = $1 AND id = ANY ($2::bigint[]))
    SELECT (SELECT count(*) FROM named) AS known,
           ARRAY(SELECT DISTINCT coalesce(merged_into, id) FROM named
                  WHERE merged_into IS DISTINCT FROM id ORDER BY 1) AS guest_ids
""")


class _Named(msgspec.Struct, frozen=True):
    known: int
    guest_ids: list[int]


async def checked(reader: Reader, audience: Audience) -> Audience:
    """The audience as it is kept. Raises Invalid when it is not there, or not ready to be sent to."""
    if audience.kind == "guests":
        return await _checked_names(reader, audience.guest_ids or [])
    if audience.segment_id is not None and not await is_ready(reader, audience):
        raise Invalid("The segment is not published.", field="segment_id")
    if audience.list_id is not None:
        try:
            await segments.lists.get(reader, audience.list_id)
        except NotFound:
            raise Invalid("There is no such list.", field="list_id") from None
    return audience


async def is_ready(reader: Reader, audience: Audience) -> bool:
    """Whether it is known who belongs to it: not while a segment is being judged. Raises Invalid for none."""
    if audience.segment_id is None:
        return True
    try:
        status = (await segments.get(reader, audience.segment_id)).status
    except NotFound:
        raise Invalid("There is no such segment.", field="segment_id") from None
    if status in ("draft", "error"):
        raise Invalid("The segment is not published.", field="segment_id")
    return status == "published"


async def _checked_names(reader: Reader, guest_ids: list[int]) -> Audience:
    asked = set(guest_ids)
    if not 1 <= len(asked) <= _MOST_NAMED:
        raise Invalid(f"Name 1 to {_MOST_NAMED:,} guests.", field="guest_ids")
    found = await reader.find(_Named, NAMED, list(asked))
    if found is None or found.known < len(asked):
        raise Invalid("Not every one of these guests is there.", field="guest_ids")
    return named(found.guest_ids)
