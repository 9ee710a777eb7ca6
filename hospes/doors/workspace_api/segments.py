"""Segments and lists: whom to send to."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import segments
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Rules = Annotated[
    dict[str, Any],
    Meta(description="Rules by the schema that GET /segments/schema answers with, such as in the example."),
]
GuestIds = Annotated[list[Id], Meta(min_length=1, max_length=500)]


class SegmentIn(Body, frozen=True, kw_only=True):
    name: Name
    rules: Rules
    description: Annotated[str, Meta(max_length=1000)] | None = None


class RulesIn(Body, frozen=True, kw_only=True):
    rules: Rules
    sample: Annotated[int, Meta(ge=0, le=100, description="How many guests to show.")] = 10


class SegmentOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    description: str | None
    rules: dict[str, Any]
    version: int
    status: str
    fault: str | None
    member_count: int
    published_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, segment: segments.Segment) -> "SegmentOut":
        return cls(
            segment.id,
            segment.name,
            segment.description,
            segment.rules,
            segment.version,
            segment.status,
            segment.fault,
            segment.member_count,
            _instant(segment.published_at),
            segment.created_at.isoformat(),
            segment.updated_at.isoformat(),
        )


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    items: list[SegmentOut]
    next_after: Id | None


class PersonOut(msgspec.Struct, frozen=True):
    guest_id: int
    name: str | None
    email: str | None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How many guests the rules hold for now, and the newest of them."""

    count: int
    sample: list[PersonOut]


class MemberOut(msgspec.Struct, frozen=True):
    guest_id: int
    entered_at: Instant


class Members(msgspec.Struct, frozen=True, kw_only=True):
    items: list[MemberOut]
    next_after: Id | None


class FindingOut(msgspec.Struct, frozen=True):
    path: str
    field: str
    is_true: bool
    may_change_at: Instant | None


class ExplanationOut(msgspec.Struct, frozen=True):
    """`changes` is clock, with the instant in `changes_at`, or activity: when the guest does something."""

    guest_id: int
    is_in: bool
    is_member: bool
    entered_at: Instant | None
    decided_by: list[str]
    conditions: list[FindingOut]
    changes: str
    changes_at: Instant | None
    is_sure: bool


class Schema(msgspec.Struct, frozen=True):
    version: int
    schema: dict[str, Any]


class ListIn(Body, frozen=True, kw_only=True):
    name: Name


class ListOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    member_count: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, found: segments.lists.GuestList) -> "ListOut":
        return cls(found.id, found.name, found.member_count, found.created_at.isoformat(), found.updated_at.isoformat())


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    items: list[ListOut]
    next_after: Id | None


class GuestsIn(Body, frozen=True, kw_only=True):
    guest_ids: GuestIds


class FileIn(Body, frozen=True, kw_only=True):
    csv: Annotated[
        str,
        Meta(
            max_length=500_000,
            description="CSV of at most 1,000 lines; the first names one or more of guest_id, user_id, email, phone.",
        ),
    ]


class Changed(msgspec.Struct, frozen=True):
    changed: int
    member_count: int


class FaultOut(msgspec.Struct, frozen=True):
    line: int
    reason: str


class Imported(msgspec.Struct, frozen=True):
    added: int
    member_count: int
    faults: list[FaultOut]


class OnList(msgspec.Struct, frozen=True, kw_only=True):
    guest_ids: list[int]
    next_after: Id | None


async def list_segments(reader: Reader, query: Paging) -> Segments:
    """List segments"""
    found = await segments.list_after(reader, query.after, limit=query.limit)
    return Segments(items=[SegmentOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def show_schema(reader: Reader) -> Schema:  # noqa: ARG001 (the same for every workspace)
    """Show the rule language

    Its version, and the JSON Schema of rules.
    """
    return Schema(segments.VERSION, segments.schema())


async def preview_rules(reader: Reader, body: RulesIn) -> Preview:
    """Count rules

    How many guests these rules hold for now, and a sample of them. Nothing is kept.
    """
    return await _preview(reader, body.rules, body.sample)


async def create_segment(tx: Tx, body: SegmentIn) -> SegmentOut:
    """Create segment

    A new segment is a draft: publish it to give it members.
    """
    try:
        made = await segments.create(tx, name=body.name, rules=body.rules, description=body.description)
    except Invalid as error:
        raise _placed(error) from None
    return await _shown(tx, made)


async def get_segment(reader: Reader, segment_id: int) -> SegmentOut:
    """Get segment"""
    return await _shown(reader, segment_id)


async def replace_segment(tx: Tx, segment_id: int, body: SegmentIn) -> SegmentOut:
    """Replace segment

    New rules of a published segment judge every guest anew; until then each stays in or out.
    """
    try:
        await segments.change(tx, segment_id, name=body.name, rules=body.rules, description=body.description)
    except Invalid as error:
        raise _placed(error) from None
    return await _shown(tx, segment_id)


async def publish_segment(tx: Tx, segment_id: int) -> SegmentOut:
    """Publish segment

    Every guest is judged, and from then on members follow each change. It is `processing` until all are.
    """
    await segments.publish(tx, segment_id)
    return await _shown(tx, segment_id)


async def delete_segment(tx: Tx, segment_id: int) -> SegmentOut:
    """Delete segment

    With its members. One that another segment looks at cannot be deleted.
    """
    gone = await _shown(tx, segment_id)
    await segments.delete(tx, segment_id)
    return gone


async def preview_segment(reader: Reader, segment_id: int) -> Preview:
    """Count segment

    By its rules, now, whether it is published or not.
    """
    segment = await segments.get(reader, segment_id)
    return await _preview(reader, segment.rules, 10)


async def list_segment_members(reader: Reader, segment_id: int, query: Paging) -> Members:
    """List members of a segment

    By guest id, the lowest first.
    """
    found = await segments.members(reader, segment_id, query.after, limit=query.limit)
    items = [MemberOut(one.guest_id, one.entered_at.isoformat()) for one in found]
    after = items[-1].guest_id if len(items) == query.limit else None
    return Members(items=items, next_after=after)


async def explain_member(reader: Reader, segment_id: int, guest_id: int) -> ExplanationOut:
    """Explain membership

    Why this guest is in, or not, which conditions decided, and when that would change.
    """
    told = await segments.explain(reader, segment_id, guest_id)
    return ExplanationOut(
        told.guest_id,
        told.is_in,
        told.is_member,
        _instant(told.entered_at),
        told.decided_by,
        [FindingOut(one.path, one.field, one.is_true, _instant(one.may_change_at)) for one in told.conditions],
        "clock" if told.changes_at else "activity",
        _instant(told.changes_at),
        told.is_sure,
    )


async def list_lists(reader: Reader, query: Paging) -> Lists:
    """List lists"""
    found = await segments.lists.list_after(reader, query.after, limit=query.limit)
    return Lists(items=[ListOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def create_list(tx: Tx, body: ListIn) -> ListOut:
    """Create list"""
    return ListOut.of(await segments.lists.get(tx, await segments.lists.create(tx, name=body.name)))


async def get_list(reader: Reader, list_id: int) -> ListOut:
    """Get list"""
    return ListOut.of(await segments.lists.get(reader, list_id))


async def list_on_list(reader: Reader, list_id: int, query: Paging) -> OnList:
    """List guests on a list

    By guest id, the lowest first.
    """
    found = await segments.lists.members(reader, list_id, query.after, limit=query.limit)
    return OnList(guest_ids=found, next_after=found[-1] if len(found) == query.limit else None)


async def add_to_list(tx: Tx, list_id: int, body: GuestsIn) -> Changed:
    """Add guests to a list"""
    changed = await segments.lists.add(tx, list_id, body.guest_ids)
    return Changed(changed, (await segments.lists.get(tx, list_id)).member_count)


async def remove_from_list(tx: Tx, list_id: int, body: GuestsIn) -> Changed:
    """Remove guests from a list"""
    changed = await segments.lists.remove(tx, list_id, body.guest_ids)
    return Changed(changed, (await segments.lists.get(tx, list_id)).member_count)


async def import_to_list(tx: Tx, list_id: int, body: FileIn) -> Imported:
    """Import guests to a list

    Lines that lead to nobody are told, and the others count.
    """
    came = await segments.lists.add_file(tx, list_id, body.csv)
    faults = [FaultOut(fault.line, fault.reason) for fault in came.faults]
    return Imported(came.added, (await segments.lists.get(tx, list_id)).member_count, faults)


async def _preview(reader: Reader, rules: Any, size: int) -> Preview:
    try:
        count = await segments.count(reader, rules)
        people = await segments.sample(reader, rules, limit=size)
    except Invalid as error:
        raise _placed(error) from None
    return Preview(count=count, sample=[PersonOut(one.id, one.name, one.email) for one in people])


async def _shown(reader: Reader, segment_id: int) -> SegmentOut:
    return SegmentOut.of(await segments.get(reader, segment_id))


def _placed(error: Invalid) -> Invalid:
    """A JSON path within the rules, as a place in the body."""
    place = error.field or ""
    return Invalid(error.message, field=f"body.rules{place[1:]}" if place.startswith("$") else place)


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _route(method: str, path: str, handler: Any, answer: Any, *, role: str | None = None, **more: Any) -> Route:
    needed = role or ("staff" if method == "GET" else "manager")
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=needed,
        printed_scope=needed,
        module="crm",
        group="Segments and lists",
        answer=answer,
        **more,
    )


_RULES = {
    "version": 1,
    "combinator": "and",
    "rules": [
        {"field": "consent.email", "operator": "=", "value": True},
        {"field": "visit", "operator": ">=", "value": 3, "within": {"days": 30}},
    ],
}
_EXAMPLE = {"name": "Regulars", "rules": _RULES}

ROUTES = [
    _route("GET", "/segments", list_segments, Segments, query=Paging),
    _route(
        "POST", "/segments", create_segment, SegmentOut, body=SegmentIn, status=201, errors=(409,), example=_EXAMPLE
    ),
    _route("GET", "/segments/schema", show_schema, Schema),
    _route("POST", "/segments/preview", preview_rules, Preview, role="staff", body=RulesIn, example={"rules": _RULES}),
    _route("GET", "/segments/{segment_id}", get_segment, SegmentOut, errors=(404,)),
    _route(
        "PUT",
        "/segments/{segment_id}",
        replace_segment,
        SegmentOut,
        body=SegmentIn,
        errors=(404, 409),
        example=_EXAMPLE,
    ),
    _route("DELETE", "/segments/{segment_id}", delete_segment, SegmentOut, errors=(404, 409)),
    _route("POST", "/segments/{segment_id}/publish", publish_segment, SegmentOut, errors=(404, 409)),
    _route("GET", "/segments/{segment_id}/preview", preview_segment, Preview, errors=(404,)),
    _route("GET", "/segments/{segment_id}/members", list_segment_members, Members, query=Paging, errors=(404,)),
    _route("GET", "/segments/{segment_id}/members/{guest_id}", explain_member, ExplanationOut, errors=(404,)),
    _route("GET", "/lists", list_lists, Lists, query=Paging),
    _route("POST", "/lists", create_list, ListOut, body=ListIn, status=201, errors=(409,), example={"name": "Press"}),
    _route("GET", "/lists/{list_id}", get_list, ListOut, errors=(404,)),
    _route("GET", "/lists/{list_id}/guests", list_on_list, OnList, query=Paging, errors=(404,)),
    _route(
        "POST",
        "/lists/{list_id}/guests",
        add_to_list,
        Changed,
        body=GuestsIn,
        errors=(404,),
        example={"guest_ids": [42]},
    ),
    _route(
        "POST",
        "/lists/{list_id}/guests/remove",
        remove_from_list,
        Changed,
        body=GuestsIn,
        errors=(404,),
        example={"guest_ids": [42]},
    ),
    _route(
        "POST",
        "/lists/{list_id}/guests/import",
        import_to_list,
        Imported,
        body=FileIn,
        errors=(404,),
        example={"csv": "email\nanna@example.com\n"},
    ),
]
