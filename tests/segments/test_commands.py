"""`hospes segments`, on a server's database; and a segment that the database cannot judge."""

import json

import pytest

from hospes.base.db import Statement
from hospes.base.settings import Settings
from hospes.capabilities import guests, segments
from tests.audience_api.brand import Brand
from tests.channels.test_commands import hospes
from tests.living import Api, Home
from tests.segments.test_statements import FIELDS, conditions_for
from tests.segments.test_values import comes_to, ids, order
from tests.segments.world import all_of, members_of, published

VIP = {"field": "guest.vip", "operator": "=", "value": True}
NOTED = {"field": "activity", "name": "note.added", "operator": ">=", "value": 1, "within": {"days": 30, "hours": 1}}
RULES = all_of(
    {"field": "everyone", "operator": "=", "value": True},
    {"combinator": "or", "not": True, "rules": [VIP, {"field": "tag", "operator": "any_of", "value": ["staff"]}]},
    NOTED,
    comes_to("sum", ">=", 99.5, since="2026-01-01T00:00:00Z", where=[{"field": "kind", "operator": "set"}]),
)
# As if somebody had written into the database by hand; the sum of two such numbers is none that it knows.
HUGE = Statement("""
    UPDATE events SET payload = jsonb_set(payload, '{attributes,amount}', '9e131071')
     WHERE workspace_id = $1 AND name = 'order'
""")
SMALL = Statement("""
    UPDATE events SET payload = jsonb_set(payload, '{attributes,amount}', '9')
     WHERE workspace_id = $1 AND name = 'order'
""")


async def test_a_segment_is_shown_as_a_person_reads_it(home: Home, api: Api, settings: Settings) -> None:
    segment_id = await published(api, RULES)

    shown = hospes(home, settings, "segments", "show", str(api.workspace_id), str(segment_id))

    assert shown.stdout.splitlines() == [
        f"{segment_id}  Segment 1  published  0 members",
        "    all of",
        "      everyone = true",
        "      not any of",
        "        guest.vip = true",
        '        tag any_of ["staff"]',
        "      activity note.added >= 1 within 30 days 1 hour",
        "      event.value order sum of amount >= 99.5 since 2026-01-01T00:00:00+00:00, where kind set",
    ], shown.stderr


async def test_a_guest_is_explained_line_by_line(home: Home, api: Api, settings: Settings) -> None:
    anna = (await api.new_guest(name="Anna", email="anna@example.com"))["id"]
    # Without a window: commands go by the machine's clock, not by the test's.
    segment_id = await published(api, all_of(*RULES["rules"][:2]))
    asked = ["segments", "explain", str(api.workspace_id), str(segment_id), str(anna)]

    inside = hospes(home, settings, *asked)
    async with api.begin() as tx:
        await guests.update(tx, anna, guests.Changes(is_vip=True), evidence="test")
    outside = hospes(home, settings, *asked)
    told = hospes(home, settings, *asked, "--json")

    assert inside.stdout.splitlines() == [
        f"Guest {anna}, Anna, is in segment {segment_id}, Segment 1, since 2026-06-20 12:00:00 UTC.",
        "         all of",
        "  * yes    everyone = true",
        "           not any of",
        "  * no       guest.vip = true",
        '  * no       tag any_of ["staff"]',
        "Lines with * decide.",
        "It does not change by itself: only when the guest does something.",
    ], inside.stderr
    assert outside.stdout.splitlines()[:6] == [
        f"Guest {anna}, Anna, is not in segment {segment_id}, Segment 1.",
        "The list of members does not say so yet.",
        "         all of",
        "    yes    everyone = true",
        "           not any of",
        "  * yes      guest.vip = true",
    ]
    assert (json.loads(told.stdout)["is_in"], json.loads(told.stdout)["is_member"]) == (False, True)


@pytest.mark.parametrize("name", FIELDS)
def test_every_condition_can_be_said(name: str) -> None:
    for one in conditions_for(name):
        rules = segments.parse(all_of({"field": "everyone", "operator": "="}, one))
        [text] = [line.text for line in segments.outline(rules.rules[1])]
        assert text.startswith(name)
        assert one["operator"] in text
        assert "UNSET" not in text


async def test_a_segment_that_cannot_be_judged_says_so_and_holds_up_no_other(
    home: Home, api: Api, settings: Settings
) -> None:
    brand = await Brand.open(home, api)
    [anna] = await ids(brand, "anna")
    broken = await published(api, all_of(comes_to("sum", ">=", 10)))
    well = await published(api, all_of(VIP))
    await order(brand, "anna", 5)
    async with api.begin() as tx:
        await tx.run(HUGE)
        await guests.update(tx, anna, guests.Changes(is_vip=True), evidence="test")
    await order(brand, "anna", 5)
    async with api.begin() as tx:
        await tx.run(HUGE)
    await api.deliver()

    failed = await segments.get(api.reader(), broken)
    shown = hospes(home, settings, "segments", "list", str(api.workspace_id))
    async with api.begin() as tx:
        await tx.run(SMALL)
        await segments.publish(tx, broken)
    await api.deliver()
    mended = await segments.get(api.reader(), broken)

    assert (failed.status, bool(failed.fault)) == ("error", True)
    assert f"{broken}  Segment 1  error  0 members  {failed.fault}" in shown.stdout
    assert await members_of(api, well) == [anna]
    assert (mended.status, mended.fault, await members_of(api, broken)) == ("published", None, [anna])
