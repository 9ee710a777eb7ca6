"""Bookings over the API: found, shown, changed; one night is sold once."""

import asyncio

import pytest

from tests.living import Api, Home
from tests.property_api.account import Account


async def test_a_direct_booking_is_made_and_its_guest_is_the_houses_guest(account: Account, api: Api) -> None:
    guest = await api.new_guest(name="Ana Silva", email="ana@example.com")

    made = await account.post(
        "/bookings",
        {
            "propertyId": account.property_id,
            "arrival": "2026-07-14",
            "departure": "2026-07-18",
            "guestEmail": "Ana@example.com",
            "amount": "620.00",
        },
    )

    assert made.status == 201, made
    shown = made.json()
    assert (shown["guestFirstName"], shown["guestLastName"], shown["guestEmail"]) == ("Ana", "Silva", "ana@example.com")
    assert (shown["nights"], shown["amount"], shown["currency"], shown["checkInTime"]) == (
        4,
        "620.00",
        "EUR",
        "16:00:00",
    )
    events = (await api.get("/crm/events", guest_id=guest["id"])).json()["items"]
    assert "booking.created" in [event["type"] for event in events]


async def test_what_one_api_learns_of_a_guest_the_other_knows_in_the_next_request(account: Account, api: Api) -> None:
    booking = await account.new_booking()

    changed = await account.patch(
        f"/bookings/{booking.id}",
        {
            "guestFirstName": "Mary Ann",
            "guestLastName": "Smith",
            "guestEmail": "mary@example.com",
            "guestPhone": "+351 912 345 678",
            "guestLanguage": "pt",
            "guestAddress": {"line1": "Rua Nova 5", "city": "Lisbon", "postalCode": "1100-000", "countryCode": "PT"},
        },
    )

    assert changed.status == 200, changed
    shown = changed.json()
    assert (shown["guestFirstName"], shown["guestLastName"]) == ("Mary Ann", "Smith")
    assert shown["guestAddress"]["country"] == "Portugal" and shown["guestLanguage"] == "pt"
    found = (await api.get("/crm/guests", search="mary@example.com")).json()["items"]
    assert [(one["name"], one["phone"]) for one in found] == [("Mary Ann Smith", "+351912345678")]
    await api.patch(f"/crm/guests/{found[0]['id']}", {"name": "Maria Smith"})
    assert (await account.get(f"/bookings/{booking.id}")).json()["guestFirstName"] == "Maria"


async def test_contact_details_need_their_scope(account: Account) -> None:
    booking = await account.new_booking()
    await account.patch(f"/bookings/{booking.id}", {"guestEmail": "ana@example.com", "guestPhone": "+33612345678"})
    plain = await account.new_app("bookings.read")

    shown = (await account.get(f"/bookings/{booking.id}", token=plain.token)).json()
    listed = (await account.get("/bookings", propertyId=account.property_id)).json()

    hidden = {"guestEmail", "guestPhone", "guestAddress", "smartLockCode"}
    assert not hidden & set(shown)
    assert hidden <= set((await account.get(f"/bookings/{booking.id}")).json())
    assert not hidden & set(listed["data"][0])


async def test_the_documented_update_is_answered_and_told_once(account: Account) -> None:
    booking = await account.new_booking("2026-08-01", 2)
    change = {
        "arrival": "2026-07-14",
        "departure": "2026-07-18",
        "adults": 2,
        "children": 1,
        "amount": "620.00",
        "currency": "EUR",
        "notes": "Guest requested a baby cot.",
        "silent": True,
    }

    first = await account.patch(f"/bookings/{booking.id}", change)
    again = await account.patch(f"/bookings/{booking.id}", change)

    assert first.status == again.status == 200, first
    assert {name: first.json()[name] for name in change if name != "silent"} == {
        name: value for name, value in change.items() if name != "silent"
    }
    assert again.json() == first.json()
    feed = (await account.get(f"/properties/{account.property_id}/activity", category="booking")).json()["data"]
    assert [event["type"] for event in feed] == ["booking.updated", "booking.created"]


async def test_nights_that_are_taken_are_refused_and_freed_nights_are_not(account: Account) -> None:
    first = await account.new_booking("2026-07-14", 4)
    second = await account.new_booking("2026-07-18", 3)

    taken = await account.patch(f"/bookings/{second.id}", {"arrival": "2026-07-17"})
    await account.patch(f"/bookings/{first.id}", {"departure": "2026-07-17"})
    free = await account.patch(f"/bookings/{second.id}", {"arrival": "2026-07-17"})
    await account.patch(f"/bookings/{second.id}", {"status": "cancelled"})
    wider = await account.patch(f"/bookings/{first.id}", {"departure": "2026-07-25"})
    back = await account.patch(f"/bookings/{second.id}", {"status": "confirmed"})

    assert (taken.status, taken.json()["error"]["code"]) == (409, "conflict")
    assert (free.status, wider.status, back.status) == (200, 200, 409)


async def test_of_requests_at_once_for_the_same_nights_one_succeeds(account: Account) -> None:
    body = {"propertyId": account.property_id, "arrival": "2026-09-01", "departure": "2026-09-05"}

    answers = await asyncio.gather(*(account.post("/bookings", body) for _ in range(8)))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_channels_booking_is_read_only_but_for_custom_fields(account: Account) -> None:
    booking = await account.new_booking(channel="airbnb", channel_booking_id="HM1")
    await account.post("/booking-parameters", {"key": "external_status", "name": "External status"})

    both = await account.patch(
        f"/bookings/{booking.id}", {"adults": 3, "customParameters": {"external_status": "ready"}}
    )
    custom = await account.patch(f"/bookings/{booking.id}", {"customParameters": {"external_status": "ready"}})
    cleared = await account.patch(f"/bookings/{booking.id}", {"customParameters": {"external_status": None}})

    assert (both.status, both.json()["error"]["code"]) == (409, "conflict")
    assert "Airbnb" in both.json()["error"]["message"]
    assert custom.json()["customParameters"] == {"external_status": "ready"}
    assert cleared.json()["customParameters"] == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"arrival": "2026-07-18", "departure": "2026-07-14"}, 422),
        ({"arrival": "2026-07-14", "departure": "2026-07-14"}, 422),
        ({"arrival": "2026-02-30"}, 422),
        ({"amount": 620}, 422),
        ({"amount": "620.001"}, 422),
        ({"amount": "-1.00"}, 422),
        ({"amount": "12345678901.00"}, 422),
        ({"amount": "NaN"}, 422),
        ({"amount": "1e3"}, 422),
        ({"currency": "XQZ"}, 422),
        ({"currency": "eur"}, 422),
        ({"adults": 0}, 422),
        ({"adults": 51}, 422),
        ({"children": -1}, 422),
        ({"status": "gone"}, 422),
        ({"customParameters": {"unknown_key": "x"}}, 422),
        ({"customParameters": {"unknown_key": 5}}, 422),
        ({"guestEmail": "nobody"}, 422),
        ({"guestLanguage": "Portuguese"}, 422),
        ({"guestAddress": {"countryCode": "Portugal"}}, 422),
        ({"checkInTime": "25:00:00"}, 422),
        ({"notes": "x" * 5001}, 422),
        ([], 400),
        ("text", 400),
    ],
)
async def test_bad_values_are_told_and_nothing_changes(account: Account, body: object, status: int) -> None:
    booking = await account.new_booking()
    before = (await account.get(f"/bookings/{booking.id}")).json()

    answer = await account.patch(f"/bookings/{booking.id}", body)

    assert answer.status == status, answer
    error = answer.json()["error"]
    assert error["code"] == ("validation_error" if status == 422 else "bad_request")
    assert error["requestId"].startswith("req_") and len(error["requestId"]) == 30
    assert answer.headers["x-request-id"] == error["requestId"]
    assert (await account.get(f"/bookings/{booking.id}")).json() == before


async def test_lists_filter_and_page_in_both_ways(account: Account) -> None:
    other = await account.new_property(name="Rose House")
    for month in range(1, 8):
        await account.new_booking(f"2026-{month:02d}-10", 3)
    await account.new_booking("2026-07-30", 5, property_id=other, channel="booking", channel_booking_id="B1")
    await account.new_booking("2026-09-01", 2, status="cancelled")

    async def ids(**query: object) -> tuple[list[str], dict[str, int]]:
        answer = (await account.get("/bookings", **query)).json()
        return [one["arrival"] for one in answer["data"]], answer["pagination"]

    assert (await ids(propertyId=account.property_id, fromDate="2026-03-11", toDate="2026-05-10"))[0] == [
        "2026-03-10",
        "2026-04-10",
        "2026-05-10",
    ]
    assert (await ids(fromDate="2026-03-13", toDate="2026-03-31"))[0] == []
    assert (await ids(channel="booking.com"))[0] == ["2026-07-30"]
    assert (await ids(status="cancelled"))[0] == ["2026-09-01"]
    by_offset, told = await ids(limit=4, offset=4)
    by_page, _ = await ids(limit=4, page=2)
    assert by_offset == by_page and told == {"page": 2, "limit": 4, "totalItems": 9, "totalPages": 3}
    assert (await ids(limit=4, offset=40))[1] == {"page": 11, "limit": 4, "totalItems": 9, "totalPages": 3}
    for wrong in (
        {"limit": 101},
        {"limit": 0},
        {"page": 3, "offset": 4, "limit": 4},
        {"toDate": "2026-01-01", "fromDate": "2026-01-02"},
        {"status": "x"},
        {"channel": "x"},
        {"fromDate": "yesterday"},
    ):
        assert (await account.get("/bookings", **wrong)).status == 422, wrong


async def test_another_accounts_ids_are_404_and_an_unentitled_propertys_403(account: Account, home: Home) -> None:
    theirs = await Account.open(home, await home.new_api())
    booking = await theirs.new_booking()
    mine = await account.new_property(name="Closed")
    closed = await account.new_booking(property_id=mine)
    async with account.api.begin() as tx:
        from hospes.capabilities import properties

        await properties.entitle(tx, mine, is_entitled=False)

    assert (await account.get(f"/bookings/{booking.id}")).status == 404
    assert (await account.get("/bookings", propertyId=theirs.property_id)).status == 404
    refused = await account.get(f"/bookings/{closed.id}")
    assert (refused.status, refused.json()["error"]["code"]) == (403, "entitlement_required")
    assert (await account.get("/bookings")).json()["pagination"]["totalItems"] == 0
