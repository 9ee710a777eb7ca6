"""Segments and lists through the Workspace API."""

from datetime import timedelta
from typing import Any

from hospes.capabilities import segments
from tests.conftest import NOON
from tests.living import Api
from tests.segments.world import all_of, members_of, published

VIP = {"field": "guest.vip", "operator": "=", "value": True}
EXAMPLE = all_of(VIP)


async def test_a_segment_lives_from_draft_to_published_to_deleted(api: Api) -> None:
    anna = await api.new_guest(name="Anna", email="anna@example.com", is_vip=True)
    made = (await api.workspace("POST", "/segments", {"name": "VIPs", "rules": EXAMPLE})).json()

    preview = (await api.workspace("GET", f"/segments/{made['id']}/preview")).json()
    publishing = (await api.workspace("POST", f"/segments/{made['id']}/publish")).json()
    await api.deliver()
    done = (await api.workspace("GET", f"/segments/{made['id']}")).json()
    members = (await api.workspace("GET", f"/segments/{made['id']}/members")).json()
    again = await api.workspace("POST", f"/segments/{made['id']}/publish")
    gone = await api.workspace("DELETE", f"/segments/{made['id']}")

    assert (made["status"], publishing["status"], done["status"]) == ("draft", "processing", "published")
    assert made["rules"] == EXAMPLE
    assert preview == {"count": 1, "sample": [{"guest_id": anna["id"], "name": "Anna", "email": "anna@example.com"}]}
    assert done["member_count"] == 1
    assert members == {"items": [{"guest_id": anna["id"], "entered_at": NOON.isoformat()}], "next_after": None}
    assert (again.status, gone.status) == (409, 200)
    assert (await api.workspace("GET", f"/segments/{made['id']}")).status == 404


async def test_a_name_is_given_once(api: Api) -> None:
    await api.workspace("POST", "/segments", {"name": "VIPs", "rules": EXAMPLE})

    answer = await api.workspace("POST", "/segments", {"name": " VIPs ", "rules": EXAMPLE})

    assert (answer.status, answer.json()["detail"]) == (409, "A segment called 'VIPs' exists already.")


async def test_membership_is_explained_with_what_decided_and_when_it_changes(api: Api) -> None:
    new: Any = {"field": "guest.created_at", "operator": "within_last", "value": {"days": 10}}
    anna = await api.new_guest(name="Anna", email="anna@example.com")
    segment_id = await published(api, all_of(new, {"combinator": "or", "not": True, "rules": [VIP]}))
    path = f"/segments/{segment_id}/members/{anna['id']}"

    inside = (await api.workspace("GET", path)).json()
    await api.patch(f"/crm/guests/{anna['id']}", {"is_vip": True})
    await api.deliver()
    outside = (await api.workspace("GET", path)).json()

    end = (NOON + timedelta(days=10)).isoformat()
    assert (inside["is_in"], inside["is_member"], inside["entered_at"]) == (True, True, NOON.isoformat())
    assert inside["decided_by"] == ["$.rules[0]", "$.rules[1].rules[0]"]
    assert (inside["changes"], inside["changes_at"], inside["is_sure"]) == ("clock", end, True)
    assert inside["conditions"][0] == {
        "path": "$.rules[0]",
        "field": "guest.created_at",
        "is_true": True,
        "may_change_at": end,
    }
    assert (outside["is_in"], outside["is_member"]) == (False, False)
    assert outside["decided_by"] == ["$.rules[1].rules[0]"]
    assert (outside["changes"], outside["changes_at"]) == ("activity", None)


async def test_nobody_elses_segments_and_lists_are_there(api: Api) -> None:
    other = await api.home.new_api()
    segment_id = await published(other, EXAMPLE)
    async with other.begin() as tx:
        list_id = await segments.lists.create(tx, name="Press")
    anna = await api.new_guest(email="anna@example.com")

    statuses = [
        (await api.workspace("GET", f"/segments/{segment_id}")).status,
        (await api.workspace("GET", f"/segments/{segment_id}/members")).status,
        (await api.workspace("GET", f"/segments/{segment_id}/members/{anna['id']}")).status,
        (await api.workspace("PUT", f"/segments/{segment_id}", {"name": "X", "rules": EXAMPLE})).status,
        (await api.workspace("DELETE", f"/segments/{segment_id}")).status,
        (await api.workspace("POST", f"/segments/{segment_id}/publish")).status,
        (await api.workspace("POST", f"/lists/{list_id}/guests", {"guest_ids": [anna["id"]]})).status,
        (await api.workspace("GET", f"/lists/{list_id}/guests")).status,
    ]

    assert statuses == [404] * 8


async def test_a_list_is_filled_by_hand_and_from_a_file_and_segments_follow(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com", phone="+33612345678")
    ben = await api.new_guest(name="Ben", email="ben@example.com")
    list_id = (await api.workspace("POST", "/lists", {"name": "Press"})).json()["id"]
    on_list = await published(api, all_of({"field": "list", "operator": "any_of", "value": [list_id]}))
    file = "name,email,phone\nAnna,,+33 6 12 34 56 78\nBen,BEN@example.com,\nCleo,cleo@example.com,\nNobody,,\n"

    by_hand = await api.workspace("POST", f"/lists/{list_id}/guests", {"guest_ids": [ben["id"]]})
    by_file = await api.workspace("POST", f"/lists/{list_id}/guests/import", {"csv": file})
    await api.deliver()
    both = await members_of(api, on_list)
    removed = await api.workspace("POST", f"/lists/{list_id}/guests/remove", {"guest_ids": [ben["id"]]})
    await api.deliver()

    assert by_hand.json() == {"changed": 1, "member_count": 1}
    assert by_file.json() == {
        "added": 1,
        "member_count": 2,
        "faults": [{"line": 4, "reason": "No guest has this email."}, {"line": 5, "reason": "The line is empty."}],
    }
    assert both == sorted([anna["id"], ben["id"]])
    assert removed.json() == {"changed": 1, "member_count": 1}
    assert await members_of(api, on_list) == [anna["id"]]
    assert (await api.workspace("GET", f"/lists/{list_id}/guests")).json() == {
        "guest_ids": [anna["id"]],
        "next_after": None,
    }


async def test_a_file_without_a_column_that_names_guests_is_refused(api: Api) -> None:
    list_id = (await api.workspace("POST", "/lists", {"name": "Press"})).json()["id"]

    answer = await api.workspace("POST", f"/lists/{list_id}/guests/import", {"csv": "name\nAnna\n"})
    unknown = await api.workspace("POST", f"/lists/{list_id}/guests", {"guest_ids": [999999]})

    assert (answer.status, unknown.status) == (422, 404)
    assert "guest_id, user_id, email, phone" in answer.json()["detail"]


async def test_the_schema_takes_the_examples_of_the_api(api: Api) -> None:
    from jsonschema import Draft202012Validator

    schema = (await api.workspace("GET", "/segments/schema")).json()["schema"]

    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    assert check.is_valid(EXAMPLE)
    assert not check.is_valid(all_of({"field": "guest.shoe"}))
    assert not check.is_valid(all_of(VIP | {"value": "yes"}))
