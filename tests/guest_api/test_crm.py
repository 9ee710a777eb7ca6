"""What hangs on a guest: changes, tags, notes, the timeline, consents; and two records of one person."""

import pytest

from hospes.base.errors import Conflict
from hospes.capabilities import guests
from tests.living import Api


async def test_a_patch_changes_what_it_names_and_nothing_else(api: Api) -> None:
    guest = await api.new_guest(name="Anna", email="anna@example.com", attributes={"diet": "vegan", "stars": 3})

    changed = (
        await api.patch(
            f"/crm/guests/{guest['id']}", {"phone": "+33 6 12 34 56 78", "attributes": {"diet": None, "stars": 4}}
        )
    ).json()

    assert changed["phone"] == "+33612345678"
    assert changed["attributes"] == {"stars": 4}
    assert (changed["name"], changed["email"]) == ("Anna", "anna@example.com")
    [newest, *_] = (await api.get(f"/crm/guests/{guest['id']}/timeline")).json()["items"]
    assert newest["data"] == {"changed": ["phone", "attributes"]}


async def test_an_empty_patch_changes_nothing_and_says_nothing(api: Api) -> None:
    guest = await api.new_guest()

    answer = await api.patch(f"/crm/guests/{guest['id']}", {"name": "Anna"})

    assert (answer.status, answer.json()) == (200, guest)
    assert (await api.get(f"/crm/guests/{guest['id']}/timeline")).json()["total"] == 1


async def test_an_email_that_is_given_up_is_free_for_somebody_else(api: Api) -> None:
    guest = await api.new_guest(email="anna@example.com")
    taken = await api.patch(f"/crm/guests/{(await api.new_guest())['id']}", {"email": "ANNA@example.com"})

    await api.patch(f"/crm/guests/{guest['id']}", {"email": None})

    assert (taken.status, taken.json()["existing_id"]) == (409, guest["id"])
    await api.new_guest(email="anna@example.com")


async def test_attributes_keep_their_type(api: Api) -> None:
    guest = await api.new_guest(attributes={"stars": 3})

    answer = await api.patch(f"/crm/guests/{guest['id']}", {"attributes": {"stars": "many"}})

    assert answer.status == 422


async def test_tags_replace_the_set_are_counted_and_have_to_exist(api: Api) -> None:
    await api.post("/crm/tags", {"slug": "regular", "label": "Regular"})
    guest = await api.new_guest(tags=["regular"])

    unknown = await api.patch(f"/crm/guests/{guest['id']}", {"tags": ["nobody-knows"]})
    changed = (await api.patch(f"/crm/guests/{guest['id']}", {"tags": ["vip", "vip"]})).json()

    assert unknown.json()["detail"][0]["msg"] == "Unknown tag: nobody-knows"
    assert changed["tags"] == ["vip"]
    counted = {tag["slug"]: tag["guest_count"] for tag in (await api.get("/crm/tags")).json()["items"]}
    assert counted == {"vip": 1, "regular": 0}
    assert (await api.get("/crm/guests", tag="vip")).json()["total"] == 1


async def test_the_built_in_tag_is_defined_once(api: Api) -> None:
    body = {"slug": "vip", "label": "Very important", "color": "#000000"}
    await api.new_guest(tags=["vip"])

    first, again = await api.post("/crm/tags", body), await api.post("/crm/tags", body)

    assert (first.status, first.json()["label"], first.json()["guest_count"]) == (201, "Very important", 1)
    assert (again.status, again.json()["detail"]) == (409, "Tag slug already exists")


async def test_notes_come_newest_first_and_are_signed_by_the_key(api: Api) -> None:
    guest = await api.new_guest()
    for text in ("First", "Second"):
        await api.post(f"/crm/guests/{guest['id']}/notes", {"text": text})

    notes = (await api.get(f"/crm/guests/{guest['id']}/notes", limit=1)).json()

    assert notes["total"] == 2
    assert (notes["items"][0]["text"], notes["items"][0]["author"]) == ("Second", "API key: Till")


async def test_the_timeline_is_narrowed_by_type_and_time(api: Api) -> None:
    guest = await api.new_guest()
    api.home.clock.advance(hours=1)
    later = api.home.clock.now().isoformat()
    await api.post(f"/crm/guests/{guest['id']}/notes", {"text": "Hello"})
    path = f"/crm/guests/{guest['id']}/timeline"

    assert (await api.get(path, type=["guest.created", "tag.added"])).json()["total"] == 1
    assert [entry["type"] for entry in (await api.get(path, since=later)).json()["items"]] == ["note.added"]


async def test_consents_are_a_history_that_says_who_and_on_what_ground(api: Api) -> None:
    guest = await api.new_guest(marketing_consent=True)
    await api.patch(f"/crm/guests/{guest['id']}", {"marketing_consent": False})

    history = await guests.consents.history(api.reader(), guest["id"])

    assert [(consent.channel, consent.is_granted) for consent in history] == [("marketing", True), ("marketing", False)]
    assert {(consent.door, consent.evidence) for consent in history} == {("guest_api", "API key: Till")}


async def test_pages_of_any_depth_follow_one_another_without_gap_or_overlap(api: Api) -> None:
    made = [(await api.new_guest(name=f"Guest {number}"))["id"] for number in range(25)]

    pages = [(await api.get("/crm/guests", limit=10, offset=offset)).json() for offset in (0, 10, 20, 30)]

    assert [guest["id"] for page in pages for guest in page["items"]] == made[::-1]
    assert {page["total"] for page in pages} == {25}


async def _merged(api: Api) -> tuple[dict[str, object], dict[str, object], int]:
    kept = await api.new_guest(name="Anna", email="anna@example.com", marketing_consent=True, attributes={"a": 1})
    other = await api.new_guest(
        name="A. Smith", phone="+33612345678", marketing_consent=False, is_vip=True, tags=["vip"], attributes={"b": "x"}
    )
    async with api.begin() as tx:
        return kept, other, await guests.merge(tx, kept["id"], other["id"], evidence="same person at the desk")


async def test_a_merged_guest_answers_under_both_ids_with_what_both_knew(api: Api) -> None:
    kept, other, _ = await _merged(api)

    shown, by_old_id = [(await api.get(f"/crm/guests/{guest['id']}")).json() for guest in (kept, other)]

    assert shown == by_old_id
    assert (shown["id"], shown["name"], shown["phone"]) == (kept["id"], "Anna", "+33612345678")
    assert (shown["is_vip"], shown["tags"], shown["attributes"]) == (True, ["vip"], {"a": 1, "b": "x"})
    # Yes and no make no.
    assert shown["marketing_consent"] is False
    assert (await api.get("/crm/guests")).json()["total"] == 1
    assert (await api.get(f"/crm/guests/{other['id']}/timeline")).json()["total"] >= 4
    again = await api.post("/crm/guests", {"location_id": api.location_id, "phone": "+33612345678"})
    assert again.status == 409


async def test_a_merge_is_undone_exactly(api: Api) -> None:
    kept, other, merge_id = await _merged(api)

    async with api.begin() as tx:
        await guests.unmerge(tx, merge_id)

    for before in (kept, other):
        after = (await api.get(f"/crm/guests/{before['id']}")).json()
        assert after | {"updated_at": None} == before | {"updated_at": None}
    assert (await api.get("/crm/guests")).json()["total"] == 2
    assert (await api.get("/crm/guests", is_vip=True)).json()["total"] == 1
    assert [tag["guest_count"] for tag in (await api.get("/crm/tags")).json()["items"]] == [1]


async def test_who_was_merged_twice_has_one_that_answers_and_goes_back_the_way_it_came(api: Api) -> None:
    one, two, three = [await api.new_guest(name=f"Guest {number}") for number in range(3)]
    before = [
        (await api.get(f"/crm/guests/{guest['id']}")).json() | {"updated_at": None} for guest in (one, two, three)
    ]
    async with api.begin() as tx:
        first = await guests.merge(tx, two["id"], one["id"], evidence="test")
        second = await guests.merge(tx, three["id"], two["id"], evidence="test")

    held = await _held(api, one["id"])
    async with api.begin() as tx:
        await guests.unmerge(tx, second)
    between = await _held(api, one["id"])
    async with api.begin() as tx:
        await guests.unmerge(tx, first)

    assert (held[0], set(held)) == (three["id"], {one["id"], two["id"], three["id"]})
    assert (between[0], set(between)) == (two["id"], {one["id"], two["id"]})
    after = [(await api.get(f"/crm/guests/{guest['id']}")).json() | {"updated_at": None} for guest in (one, two, three)]
    assert after == before


async def _held(api: Api, guest_id: int) -> list[int]:
    async with api.begin() as tx:
        return await guests.hold(tx, guest_id)


async def test_what_was_learned_after_a_merge_outlives_its_undoing(api: Api) -> None:
    kept, _, merge_id = await _merged(api)
    await api.patch(f"/crm/guests/{kept['id']}", {"name": "Anna Smith"})

    async with api.begin() as tx:
        await guests.unmerge(tx, merge_id)

    shown = (await api.get(f"/crm/guests/{kept['id']}")).json()
    assert (shown["name"], shown["phone"]) == ("Anna Smith", None)


async def test_one_guest_cannot_be_merged_with_itself(api: Api) -> None:
    kept, other, _ = await _merged(api)

    with pytest.raises(Conflict):
        async with api.begin() as tx:
            await guests.merge(tx, kept["id"], other["id"], evidence="again")
