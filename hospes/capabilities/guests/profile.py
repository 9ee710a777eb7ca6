"""Guests: one record a person, found by what identifies them."""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, Violation, encode_json, sql
from hospes.base.errors import Duplicate, Invalid, NotFound
from hospes.capabilities import events
from hospes.capabilities.guests import counts, folding, reaching, tags
from hospes.capabilities.guests.attributes import checked_attributes, few_enough
from hospes.capabilities.guests.channels import CHANNELS, Answers
from hospes.capabilities.guests.happenings import GuestCreated, GuestUpdated
from hospes.capabilities.guests.identifiers import identifiers_of, not_taken, owners

UNSET = msgspec.UNSET


class Guest(msgspec.Struct, frozen=True):
    id: int
    location_id: int | None
    portal_id: int | None
    name: str | None
    email: str | None
    phone: str | None
    marketing_consent: bool
    is_vip: bool
    tags: list[str]
    attributes: dict[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime
    created_at: datetime
    updated_at: datetime
    merged_into: int | None
    absorbed: int
    email_consent: bool | None
    sms_consent: bool | None
    push_consent: bool | None
    whatsapp_consent: bool | None

    @property
    def answers(self) -> Answers:
        return Answers(self.email_consent, self.sms_consent, self.push_consent, self.whatsapp_consent)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a guest to be; at least one of name, email, phone and identifiers.

    `identifiers` are of other kinds, such as ('user_id', 'u-77'). `consents` are answers by channel.
    An address in `shared` is somebody else's too, and does not identify this guest.
    """

    location_id: int | None = None
    portal_id: int | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    marketing_consent: bool | None = None
    is_vip: bool = False
    tags: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    # Whether an attribute may be a list or an object, and named freely.
    is_rich: bool = False
    identifiers: tuple[tuple[str, str], ...] = ()
    consents: dict[str, bool] = {}
    shared: frozenset[str] = frozenset()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What shall change; what is UNSET stays. None clears a name, email or phone; an attribute set to None goes.

    `identifiers` are added; `consents` and `shared` as in `Profile`.
    """

    name: str | None | msgspec.UnsetType = UNSET
    email: str | None | msgspec.UnsetType = UNSET
    phone: str | None | msgspec.UnsetType = UNSET
    marketing_consent: bool | msgspec.UnsetType = UNSET
    is_vip: bool | msgspec.UnsetType = UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = UNSET
    attributes: dict[str, Any] | msgspec.UnsetType = UNSET
    # Whether an attribute may be a list or an object, and named freely.
    is_rich: bool = False
    identifiers: tuple[tuple[str, str], ...] = ()
    consents: dict[str, bool] = {}
    shared: frozenset[str] = frozenset()


COLUMNS = """
           g.id, g.location_id, g.portal_id, g.name, g.email, g.phone, g.marketing_consent, g.is_vip,
           ARRAY(SELECT t.slug
                   FROM guest_tags gt
                   JOIN tags t ON t.workspace_id = gt.workspace_id AND t.id = gt.tag_id
                  WHERE gt.workspace_id = $1 AND gt.guest_id = g.id
                  ORDER BY t.slug) AS tags,
           g.attributes, g.first_seen_at, g.last_seen_at, g.created_at, g.updated_at, g.merged_into, g.absorbed,
           g.email_consent, g.sms_consent, g.push_consent, g.whatsapp_consent
"""

GET = sql(f"""
    SELECT {COLUMNS}
      FROM guests g
     WHERE g.workspace_id = $1 AND g.id = $2
""")  # noqa: S608


async def get(reader: Reader, guest_id: int) -> Guest:
    """The guest that this id answers for: its own, or the one it was merged into. Raises NotFound."""
    guest = await reader.find(Guest, GET, guest_id)
    while guest is not None and guest.merged_into not in (None, guest.id):
        guest = await reader.find(Guest, GET, guest.merged_into)
    # Who was erased points at itself.
    if guest is None or guest.merged_into is not None:
        raise NotFound("Guest not found")
    return guest


LOCK = sql("SELECT merged_into FROM guests WHERE workspace_id = $1 AND id = $2 FOR UPDATE")


async def lock(tx: Tx, guest_id: int) -> Guest:
    """As `get`, and nobody else changes the guest until this transaction ends."""
    guest = await get(tx, guest_id)
    while True:
        merged_into = await tx.value(LOCK, guest.id)
        if merged_into is None:
            return await get(tx, guest.id)
        guest = await get(tx, merged_into)


# Looks for the identifiers and inserts in one step; `taken` wins, and then nothing is written.
CREATE = sql("""
    WITH taken AS (
        SELECT i.kind, i.guest_id
          FROM guest_identifiers i
          JOIN unnest($2::text[], $3::text[]) AS given (kind, value) ON given.kind = i.kind AND given.value = i.value
         WHERE i.workspace_id = $1
         ORDER BY i.kind
         LIMIT 1
    ), born AS (
        INSERT INTO guests (workspace_id, id, name, email, phone, is_vip, marketing_consent, attributes, location_id,
                            portal_id, search_text, first_seen_at, last_seen_at, created_at, updated_at,
                            email_consent, sms_consent, push_consent, whatsapp_consent)
        SELECT $1, coalesce($14, nextval('guests_id_seq')), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13, $13,
               $15, $16, $17, $18
         WHERE NOT EXISTS (SELECT FROM taken)
        RETURNING id
    )
    SELECT (SELECT id FROM born) AS id,
           (SELECT kind FROM taken) AS taken_kind,
           (SELECT guest_id FROM taken) AS taken_by
""")


class _Born(msgspec.Struct, frozen=True):
    id: int | None
    taken_kind: str | None
    taken_by: int | None


async def create(
    tx: Tx, profile: Profile, *, evidence: str, words: str | None = None, guest_id: int | None = None
) -> int:
    """Make a guest; returns its id. `evidence` says what the facts rest on, `words` what a consent was given to.

    Only the demo chooses ids, from the range below 10,001 that is kept for it.

    Raises Duplicate with the id of the guest that has the email or phone, NotFound for the location
    or portal, Invalid for a value or tag; nothing is written then. Guest API 8.2.
    """
    if not (profile.name or profile.email or profile.phone or profile.identifiers):
        raise Invalid("Give a name, an email address or a phone number.", field="name")
    email = folding.email(profile.email) if profile.email else None
    phone = folding.phone(profile.phone) if profile.phone else None
    attributes = checked_attributes(profile.attributes, is_rich=profile.is_rich)
    known = [*identifiers_of(email, phone, shared=profile.shared), *profile.identifiers]
    answers = Answers.everywhere(profile.marketing_consent).answered(profile.consents)
    try:
        row = await tx.find(
            _Born,
            CREATE,
            [kind for kind, _ in known],
            [value for _, value in known],
            profile.name,
            email,
            phone,
            profile.is_vip,
            answers.is_any,
            attributes,
            profile.location_id,
            profile.portal_id,
            folding.search_text(profile.name, email, phone),
            tx.now,
            guest_id,
            *answers.columns,
        )
    except Violation as violation:
        raise _missing_place(violation) from None
    assert row is not None
    if row.id is None:
        raise duplicate(row.taken_kind, row.taken_by)
    recorded = await events.record(tx, GuestCreated(guest_id=row.id), location_id=profile.location_id)
    facts: dict[str, Any] = {
        field: value
        for field, value in (("name", profile.name), ("email", email), ("phone", phone), ("is_vip", profile.is_vip))
        if value
    }
    facts |= {f"attributes.{name}": value for name, value in attributes.items()}
    groups = [counts.ALL]
    groups += counts.flagged(counts.VIP, profile.location_id) if profile.is_vip else []
    groups += counts.flagged(counts.OPT_IN, profile.location_id) if answers.is_any else []
    if profile.location_id is not None:
        groups.append(counts.at_location(profile.location_id))
    await state(
        tx,
        row.id,
        recorded.position,
        identifiers=known,
        facts=facts,
        answers=answers.since(Answers()),
        counted=dict.fromkeys(groups, 1),
        evidence=evidence,
        words=words,
    )
    if profile.tags:
        await tags.replace(tx, row.id, profile.tags, location_id=profile.location_id)
    return row.id


# Everything that hangs on a guest's birth or change, in one statement. A conflicting identifier is
# left out, and the count tells.
STATE = sql("""
    WITH identified AS (
        INSERT INTO guest_identifiers (workspace_id, kind, value, guest_id, door, evidence, position, created_at)
        SELECT $1, kind, value, $2, $3, $4, $5, $6
          FROM unnest($7::text[], $8::text[]) AS given (kind, value)
            ON CONFLICT DO NOTHING
        RETURNING kind
    ), stated AS (
        INSERT INTO guest_facts (workspace_id, guest_id, field, position, value, door, evidence, recorded_at)
        SELECT $1, $2, field, $5, value::jsonb, $3, $4, $6
          FROM unnest($9::text[], $10::text[]) AS fact (field, value)
    ), agreed AS (
        INSERT INTO consents (workspace_id, guest_id, channel, is_granted, words, door, evidence, position, recorded_at)
        SELECT $1, $2, channel, is_granted, $15, $3, $4, $5, $6
          FROM unnest($11::text[], $12::boolean[]) AS answer (channel, is_granted)
    ), counted AS (
        INSERT INTO counters AS c (workspace_id, name, slot, value)
        SELECT $1, name, pg_backend_pid() % 32, step
          FROM unnest($13::text[], $14::bigint[]) AS change (name, step)
         ORDER BY name
            ON CONFLICT (workspace_id, name, slot) DO UPDATE SET value = c.value + excluded.value
    )
    SELECT count(*) FROM identified
""")


async def state(
    tx: Tx,
    guest_id: int,
    position: int,
    *,
    identifiers: list[tuple[str, str]],
    facts: dict[str, Any],
    answers: list[tuple[str, bool]],
    counted: dict[str, int],
    evidence: str,
    words: str | None = None,
) -> None:
    """Write identifiers, facts, consents in these words and counts of one event. Raises Duplicate."""
    written = await tx.value(
        STATE,
        guest_id,
        tx.actor.door,
        evidence,
        position,
        tx.now,
        [kind for kind, _ in identifiers],
        [value for _, value in identifiers],
        list(facts),
        [encode_json(value) for value in facts.values()],
        [channel for channel, _ in answers],
        [is_granted for _, is_granted in answers],
        list(counted),
        list(counted.values()),
        words,
    )
    if written < len(identifiers):
        raise await _already_known(tx, guest_id, identifiers)


async def _already_known(tx: Tx, guest_id: int, identifiers: list[tuple[str, str]]) -> Duplicate:
    others = [owner for owner in await owners(tx, identifiers) if owner.guest_id != guest_id]
    return duplicate(others[0].kind, others[0].guest_id) if others else duplicate("email", None)


def duplicate(kind: str | None, guest_id: int | None) -> Duplicate:
    """The error for an address that somebody has."""
    what = "phone number" if kind == "phone" else "email"
    return Duplicate(f"A guest with this {what} already exists", existing_id=guest_id)


SEEN = sql("""
    UPDATE guests
       SET last_seen_at = greatest(last_seen_at, $3)
     WHERE workspace_id = $1 AND id = $2
""")


async def seen(tx: Tx, guest_id: int) -> None:
    """The guest is here now."""
    await tx.run(SEEN, guest_id, tx.now)


UPDATE = sql("""
    UPDATE guests
       SET name = $3, email = $4, phone = $5, is_vip = $6, marketing_consent = $7, attributes = $8,
           search_text = $9, updated_at = $10,
           email_consent = $11, sms_consent = $12, push_consent = $13, whatsapp_consent = $14
     WHERE workspace_id = $1 AND id = $2
""")


async def update(tx: Tx, guest_id: int, changes: Changes, *, evidence: str, words: str | None = None) -> Guest:
    """Change what is given and differs; returns the guest. An empty change writes nothing.

    `words` are those that a consent was given to.

    Raises NotFound, Duplicate, Invalid; nothing is written then. Guest API 8.4.
    """
    before = await lock(tx, guest_id)
    after = _changed(before, changes)
    if not (after.name or after.email or after.phone) and (before.name or before.email or before.phone):
        raise Invalid("A guest keeps at least a name, an email address or a phone number.", field="name")
    new_tags = tuple(dict.fromkeys(changes.tags)) if changes.tags is not UNSET else tuple(before.tags)
    differing = [
        field
        for field in ("name", "email", "phone", "is_vip", "marketing_consent", "attributes")
        if getattr(before, field) != getattr(after, field)
    ]
    new_identifiers = await not_taken(tx, changes.identifiers)
    is_answered = before.answers != after.answers
    retagged = set(new_tags) != set(before.tags)
    if retagged:
        await tags.known(tx, new_tags)
    if not (differing or retagged or is_answered or new_identifiers):
        return before
    if before.answers.withdrawn(after.answers):
        await reaching.close(tx, before.id)
    await _write(tx, before, after)
    told = (
        differing
        + ["consents"] * (is_answered and "marketing_consent" not in differing)
        + ["identifiers"] * bool(new_identifiers)
        + ["tags"] * retagged
    )
    recorded = await events.record(tx, GuestUpdated(guest_id=before.id, changed=told), location_id=before.location_id)
    if differing or is_answered or new_identifiers:
        await _restate(
            tx,
            before,
            after,
            differing,
            position=recorded.position,
            identifiers=new_identifiers,
            shared=changes.shared,
            evidence=evidence,
            words=words,
        )
    if retagged:
        await tags.replace(tx, before.id, new_tags, location_id=before.location_id)
    return await get(tx, before.id)


def _changed(before: Guest, changes: Changes) -> Guest:
    new: dict[str, Any] = {
        field: value for field in ("name", "is_vip") if (value := getattr(changes, field)) is not UNSET
    }
    if changes.email is not UNSET:
        new["email"] = folding.email(changes.email) if changes.email else None
    if changes.phone is not UNSET:
        new["phone"] = folding.phone(changes.phone) if changes.phone else None
    if changes.attributes is not UNSET:
        given = checked_attributes(changes.attributes, before=before.attributes, is_rich=changes.is_rich)
        merged = before.attributes | given
        new["attributes"] = few_enough({name: value for name, value in merged.items() if value is not None})
    return msgspec.structs.replace(before, **new, **consents(_answered(before, changes)))


def _answered(before: Guest, changes: Changes) -> Answers:
    """What was told already is no answer: who sends a whole record back has not asked anybody anew."""
    answers = before.answers
    if changes.marketing_consent is not UNSET and changes.marketing_consent != before.marketing_consent:
        answers = Answers.everywhere(changes.marketing_consent)
    return answers.answered(changes.consents)


def consents(answers: Answers) -> dict[str, Any]:
    """These answers, as fields of a guest."""
    by_channel = zip(CHANNELS, answers.columns, strict=True)
    return {"marketing_consent": answers.is_any, **{f"{channel}_consent": answer for channel, answer in by_channel}}


async def _write(tx: Tx, before: Guest, after: Guest) -> None:
    await tx.run(
        UPDATE,
        before.id,
        after.name,
        after.email,
        after.phone,
        after.is_vip,
        after.marketing_consent,
        after.attributes,
        folding.search_text(after.name, after.email, after.phone),
        tx.now,
        *after.answers.columns,
    )


FORGET = sql("""
    DELETE FROM guest_identifiers
     WHERE workspace_id = $1 AND guest_id = $2
       AND (kind, value) IN (SELECT kind, value FROM unnest($3::text[], $4::text[]) AS given (kind, value))
""")


async def _restate(
    tx: Tx,
    before: Guest,
    after: Guest,
    differing: list[str],
    *,
    position: int,
    identifiers: list[tuple[str, str]],
    shared: frozenset[str],
    evidence: str,
    words: str | None = None,
) -> None:
    had, has = identifiers_of(before.email, before.phone), identifiers_of(after.email, after.phone, shared=shared)
    gone = [identifier for identifier in had if identifier not in has]
    if gone:
        await tx.run(FORGET, before.id, [kind for kind, _ in gone], [value for _, value in gone])
    facts = {field: getattr(after, field) for field in differing if field not in ("attributes", "marketing_consent")}
    for name in {*before.attributes, *after.attributes}:
        if before.attributes.get(name) != after.attributes.get(name):
            facts[f"attributes.{name}"] = after.attributes.get(name)
    await state(
        tx,
        before.id,
        position,
        identifiers=[*(identifier for identifier in has if identifier not in had), *identifiers],
        facts=facts,
        answers=after.answers.since(before.answers),
        counted=flag_steps(before, after),
        evidence=evidence,
        words=words,
    )


def flag_steps(before: Guest, after: Guest) -> dict[str, int]:
    """By how much each count of flags moves when a guest changes."""
    steps = (
        (counts.VIP, after.is_vip - before.is_vip),
        (counts.OPT_IN, after.marketing_consent - before.marketing_consent),
    )
    return {name: step for flag, step in steps if step for name in counts.flagged(flag, before.location_id)}


def _missing_place(violation: Violation) -> Exception:
    known = {"guests_location": "Location not found", "guests_portal": "Portal not found"}
    message = known.get(violation.constraint)
    return NotFound(message) if message else violation
