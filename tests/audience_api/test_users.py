"""Users are guests: made, found, joined and read, whichever door told of them first."""

import asyncio
from typing import Any

import pytest

from hospes.capabilities import guests, tracking
from tests.audience_api.brand import Brand, data, said

ASHA = {
    "name": "Asha Rao",
    "first_name": "Asha",
    "last_name": "Rao",
    "email": "asha@example.com",
    "mobile": "+919800000000",
    "birth_date": "1991-02-03",
    "gender": "female",
    "email_opt_in": "1",
    "sms_opt_in": "1",
    "whatsapp_opt_in": "1",
    "loyalty_points": 120,
}


async def guest_of(brand: Brand, user_id: str) -> dict[str, Any]:
    """The guest, through the Guest API."""
    found = await tracking.users.find(brand.api.reader(), user_id)
    answer = await brand.api.get(f"/crm/guests/{found.id}")
    assert answer.status == 200
    shown: dict[str, Any] = answer.json()
    return shown


async def test_the_documented_user_is_made_and_read_back(brand: Brand) -> None:
    answer = await brand.tell("u-77", **ASHA)

    assert said(answer) == (200, "success", "success")
    assert data(answer) == {"received": 1, "accepted": 1, "rejected": [], "dropped": []}
    user = await brand.user("u-77")
    assert user["user_attributes"] == ASHA
    assert user["userID"] == "u-77"
    assert user["first_seen"] == user["last_seen"] == "2026-06-20T12:00:00+0000"


async def test_what_is_written_here_the_guest_api_reads_in_the_next_request(brand: Brand) -> None:
    await brand.tell("u-77", **ASHA)

    guest = await guest_of(brand, "u-77")

    assert (guest["name"], guest["email"], guest["phone"]) == ("Asha Rao", "asha@example.com", "+919800000000")
    assert guest["marketing_consent"] is True
    assert guest["attributes"]["loyalty_points"] == 120
    history = await guests.consents.history(brand.api.reader(), guest["id"])
    assert [(one.channel, one.is_granted, one.door) for one in history] == [
        (channel, True, "audience_api") for channel in ("email", "sms", "whatsapp")
    ]


async def test_what_the_guest_api_writes_is_read_here_and_the_guest_is_the_same(brand: Brand) -> None:
    anna = await brand.api.new_guest(name="Anna Smith", email="anna@example.com", marketing_consent=True)

    await brand.tell("u-1", email="Anna@Example.com", city="Leeds")

    assert (await guest_of(brand, "u-1"))["id"] == anna["id"]
    shown = (await brand.user("u-1"))["user_attributes"]
    assert (shown["name"], shown["email_opt_in"], shown["city"]) == ("Anna Smith", "1", "Leeds")


async def test_what_is_not_named_stays_and_null_removes(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben Li", email="ben@example.com", floor=3, likes=["tea", "rain"])

    await brand.tell("u-1", floor=None, email=None, first_name="Ben")

    assert (await brand.user("u-1"))["user_attributes"] == {
        "name": "Ben",
        "first_name": "Ben",
        "likes": ["tea", "rain"],
    }


async def test_some_entries_are_taken_and_the_others_listed(brand: Brand) -> None:
    entries: list[Any] = [
        {"userID": "u-1", "user_attributes": {"name": "One"}},
        {"user_attributes": {"name": "Nobody"}},
        {"userID": "u-2", "user_attributes": {"gender": "unknown"}},
        "u-3",
        {"userID": "u-1", "user_attributes": {"name": "One more"}},
    ]

    answer = await brand.post("/api/v1/user/create", {"nv": entries})

    told = data(answer)
    assert (answer.status, told["received"], told["accepted"]) == (200, 5, 2)
    assert [(one["index"], one["userID"], one["message"]) for one in told["rejected"]] == [
        (1, None, "userID is required"),
        (2, "u-2", "gender must be one of: male, female, other"),
        (3, None, "an entry must be an object"),
    ]
    assert (await brand.user("u-1"))["user_attributes"]["name"] == "One more"


BAD: dict[str, dict[str, Any]] = {
    "a name of 50": {"x" * 50: 1},
    "a text of 1000": {"note": "x" * 1000},
    "mobile": {"mobile": "0612345678"},
    "birth_date": {"birth_date": "3 February"},
    "a day that is none": {"birth_date": "1991-02-30"},
    "gender": {"gender": "F"},
    "email": {"email": "asha at example"},
    "opt-in": {"email_opt_in": "yes"},
    "nv_uid": {"nv_uid": "1"},
    "last_seen": {"last_seen": "2020-01-01"},
    "a huge number": {"points": 2**60},
    "a name that is a number": {"name": 7},
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_attribute_refuses_its_entry_and_writes_nothing(brand: Brand, what: str) -> None:
    answer = await brand.tell("u-1", **BAD[what])

    assert answer.status == 400
    assert data(answer)["accepted"] == 0
    assert (await brand.ask("GET", "/api/v1/user/userData", userID="u-1")).status == 400


async def test_ids_have_at_most_100_characters(brand: Brand) -> None:
    longest, longer = await brand.tell("x" * 100, name="A"), await brand.tell("x" * 101, name="B")

    assert (longest.status, longer.status) == (200, 400)


async def test_a_hundred_users_are_a_request_and_one_more_is_none(brand: Brand) -> None:
    entries = [{"userID": f"u-{number}"} for number in range(101)]

    few = await brand.post("/api/v1/user/create", {"nv": entries[:100]})
    many = await brand.post("/api/v1/user/create", {"nv": entries})

    assert data(few)["accepted"] == 100
    assert said(many) == (400, "error", "Invalid resource: at most 100 users per request")


async def test_an_attribute_keeps_its_first_type_and_what_is_dropped_is_said(brand: Brand) -> None:
    await brand.tell("u-1", floor=3)

    answer = await brand.tell("u-2", floor="third", name="Ben")

    assert data(answer)["dropped"] == [
        {"index": 0, "attribute": "floor", "message": "floor was a number first; its type stays"}
    ]
    assert (await brand.user("u-2"))["user_attributes"] == {"name": "Ben"}


async def test_opting_out_of_one_channel_leaves_the_others(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben", email_opt_in="1", sms_opt_in=1)

    await brand.tell("u-1", email_opt_in="0")

    assert (await guest_of(brand, "u-1"))["marketing_consent"] is True
    await brand.tell("u-1", sms_opt_in=False)
    assert (await guest_of(brand, "u-1"))["marketing_consent"] is False
    shown = (await brand.user("u-1"))["user_attributes"]
    assert (shown["email_opt_in"], shown["sms_opt_in"]) == ("0", "0")


async def test_a_refusal_through_the_guest_api_counts_for_every_channel(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben", email_opt_in="1")
    guest = await guest_of(brand, "u-1")

    await brand.api.patch(f"/crm/guests/{guest['id']}", {"marketing_consent": False})

    shown = (await brand.user("u-1"))["user_attributes"]
    assert {shown[f"{channel}_opt_in"] for channel in guests.channels.CHANNELS} == {"0"}


async def test_without_merging_an_address_finds_nobody(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben", email="ben@example.com")

    by_email = await brand.tell(None, email="ben@example.com", name="Benjamin")
    other = await brand.tell("u-2", name="Beth", email="ben@example.com")

    assert (by_email.status, other.status) == (400, 200)
    assert (await brand.user("u-1"))["user_attributes"]["name"] == "Ben"
    assert (await brand.user("u-2"))["user_attributes"] == {"name": "Beth", "email": "ben@example.com"}


async def test_with_merging_an_address_finds_its_user(merging: Brand) -> None:
    await merging.tell("u-1", name="Ben", email="ben@example.com", mobile="+14155550100")

    await merging.tell(None, email="BEN@example.com", floor=2)
    await merging.tell(None, mobile="+1 415 555 0100", room="7")

    shown = (await merging.user("u-1"))["user_attributes"]
    assert (shown["floor"], shown["room"]) == (2, "7")


async def test_merging_is_transitive_and_can_be_taken_back(merging: Brand) -> None:
    await merging.tell(None, email="ben@example.com", name="Ben")
    await merging.tell(None, mobile="+14155550100", seat="4a")

    await merging.tell("u-1", email="ben@example.com", mobile="+14155550100")

    shown = (await merging.user("u-1"))["user_attributes"]
    assert (shown["name"], shown["seat"]) == ("Ben", "4a")
    assert (await guest_of(merging, "u-1"))["email"] == "ben@example.com"


async def test_two_user_ids_never_become_one(merging: Brand) -> None:
    await merging.tell("u-1", email="ben@example.com")
    await merging.tell("u-2", mobile="+14155550100")

    answer = await merging.tell("u-1", mobile="+14155550100")

    assert answer.status == 200
    assert (await guest_of(merging, "u-1"))["id"] != (await guest_of(merging, "u-2"))["id"]


async def test_an_anonymous_user_becomes_known_and_brings_its_events(brand: Brand) -> None:
    await brand.track({"nv_uid": "device-1", "event_name": "Looked"})

    entry = {"userID": "u-1", "nv_uid": "device-1", "user_attributes": {"name": "Ben"}}
    await brand.post("/api/v1/user/create", {"nv": [entry]})

    assert (await brand.user("u-1"))["nv_uid"] == "device-1"
    guest = await guest_of(brand, "u-1")
    timeline = (await brand.api.get(f"/crm/guests/{guest['id']}/timeline")).json()
    assert "event.tracked" in [entry["type"] for entry in timeline["items"]]


async def test_an_anonymous_user_joins_in_the_middle_of_a_batch(brand: Brand) -> None:
    await brand.track({"nv_uid": "device-1", "event_name": "Looked"})
    named = {"userID": "u-1", "event_name": "Looked"}
    await brand.track(named)
    await brand.track(named, {**named, "nv_uid": "device-1"})
    assert (await brand.user("u-1"))["nv_uid"] == "device-1"


async def test_an_id_of_the_services_own_finds_its_user(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben")
    nv_uid = (await brand.user("u-1"))["nv_uid"]

    entry = {"nv_uid": nv_uid, "user_attributes": {"floor": 2}}
    answer = await brand.post("/api/v1/user/create", {"nv": [entry]})

    assert answer.status == 200
    assert (await brand.user("u-1"))["user_attributes"]["floor"] == 2


async def test_one_user_made_ten_times_at_once_is_one(brand: Brand) -> None:
    answers = await asyncio.gather(*(brand.tell("u-1", name="Ben", email="b@example.com") for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    found = (await brand.api.get("/crm/guests", search="b@example.com")).json()
    assert found["total"] == 1


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {}), ("POST", {"nv": []})])
async def test_a_user_is_asked_for_by_name(brand: Brand, method: str, body: Any) -> None:
    answer = await brand.ask(method, "/api/v1/user/userData", body)

    assert answer.status == 400
    assert answer.json()["response"]["status"] == "error"


async def test_a_user_is_found_by_either_way_of_asking(brand: Brand) -> None:
    await brand.tell("u-1", name="Ben")

    by_body = await brand.post("/api/v1/user/userData", {"userID": "u-1"})
    by_entry = await brand.post("/api/v1/user/userData", {"nv": [{"userID": "u-1"}]})

    assert data(by_body) == data(by_entry) == await brand.user("u-1")
    unknown = await brand.post("/api/v1/user/userData", {"userID": "u-2"})
    assert said(unknown) == (400, "error", "Invalid resource: user not found")


@pytest.mark.parametrize(
    ("method", "body", "query"),
    [
        ("DELETE", {"userID": "u-1"}, {}),
        ("POST", {"nv": [{"userID": "u-1"}]}, {}),
        ("DELETE", None, {"userID": "u-1"}),
    ],
)
async def test_a_deleted_user_is_gone_for_every_door_and_totals_stay(
    brand: Brand, method: str, body: Any, query: dict[str, str]
) -> None:
    await brand.tell("u-1", **ASHA)
    await brand.track({"userID": "u-1", "event_name": "Order Placed", "attributes": {"note": "for Asha"}})
    guest = await guest_of(brand, "u-1")

    answer = await brand.ask(method, "/api/v1/user/delete", body, **query)

    assert (answer.status, data(answer)) == (200, {"userID": "u-1"})
    assert (await brand.api.get(f"/crm/guests/{guest['id']}")).status == 404
    again = await brand.post("/api/v1/user/delete", {"userID": "u-1"})
    assert said(again) == (400, "error", "Invalid resource: user not found")
    asked = {"fromDate": "2026-06-20", "toDate": "2026-06-20", "trend_metric": "total_events"}
    counted = await brand.post("/api_in/v1/get_event", {**asked, "event_name": "Order Placed"})
    assert data(counted)["total"] == 1


async def test_a_deleted_user_who_is_told_of_again_is_somebody_new(brand: Brand) -> None:
    await brand.tell("u-1", **ASHA)
    old = await guest_of(brand, "u-1")
    await brand.post("/api/v1/user/delete", {"userID": "u-1"})

    await brand.tell("u-1", email="asha@example.com")

    assert (await guest_of(brand, "u-1"))["id"] != old["id"]
    assert (await brand.user("u-1"))["user_attributes"] == {"email": "asha@example.com"}


async def test_the_parts_of_a_name_follow_what_another_door_tells(brand: Brand) -> None:
    await brand.tell("u-1", name="Asha Rao", first_name="Asha", last_name="Rao")
    guest = await guest_of(brand, "u-1")

    await brand.api.patch(f"/crm/guests/{guest['id']}", {"name": "Asha Devi Mehta"})

    shown = (await brand.user("u-1"))["user_attributes"]
    assert (shown["name"], shown["first_name"], shown["last_name"]) == ("Asha Devi Mehta", "Asha", "Devi Mehta")
