"""Events: tracked singly and in batches, once each, at their own time, counted by any filter."""

import asyncio
from typing import Any

import pytest

from hospes.capabilities import events, guests, tracking
from tests.audience_api.brand import Brand, data, said
from tests.living import Home

ORDER: dict[str, Any] = {
    "userID": "u-77",
    "event_name": "Order Placed",
    "ltv": "25",
    "attributes": {"product_name": "Mug", "order_id": 90411, "total_amount": 25},
    "user_params": {"name": "Asha Rao", "email": "asha@example.com", "mobile": "+919800000000"},
    "context": {
        "ip_address": "203.0.113.9",
        "page": {"url": "https://shop.example.com/done", "referrer": "", "query_params": "ref=mail"},
        "utm": {"campaign": "may", "source": "mail", "medium": "email", "term": "", "content": ""},
    },
    "event_time": "2026-05-06 07:08:09",
}


async def count(brand: Brand, name: str = "Order Placed", **more: Any) -> Any:
    body = {
        "fromDate": "2026-05-01",
        "toDate": "2026-06-30",
        "trend_metric": "total_events",
        "event_name": name,
        **more,
    }
    answer = await brand.post("/api_in/v1/get_event", body)
    assert answer.status == 200, answer
    return data(answer)


async def total(brand: Brand, name: str = "Order Placed", **more: Any) -> int:
    found = await count(brand, name, **more)
    return int(found["total"])


async def matching(brand: Brand, key: str, operator: str, value: Any) -> int:
    return await total(brand, event_property=[{"key": key, "operator": operator, "value": value}])


async def test_the_documented_event_is_recorded_with_its_user(brand: Brand) -> None:
    answer = await brand.track(ORDER)

    assert data(answer) == {"received": 1, "accepted": 1, "rejected": [], "dropped": []}
    assert (await brand.user("u-77"))["user_attributes"]["name"] == "Asha Rao"
    found = await count(brand)
    assert [point for point in found["series"] if point["value"]] == [{"date": "2026-05-06", "value": 1}]
    assert len(found["series"]) == 61


async def test_the_log_holds_what_was_told_and_empty_texts_are_absent(brand: Brand) -> None:
    await brand.track(ORDER)

    [event] = await events.list_newest(brand.api.reader(), events.Filter(types=["event.tracked"]), limit=10, offset=0)
    assert event.payload["attributes"] == ORDER["attributes"]
    assert event.payload["ltv"] == 25
    assert event.payload["context"]["utm"] == {"campaign": "may", "source": "mail", "medium": "email"}
    assert event.occurred_at.isoformat() == "2026-05-06T07:08:09+00:00"


async def test_each_guests_events_stand_in_their_order(brand: Brand) -> None:
    entries = [{"userID": f"u-{number % 3}", "event_name": f"E{number}"} for number in range(9)]

    await brand.track(*entries)
    await brand.track(*entries)

    for number in range(3):
        guest = await tracking.users.find(brand.api.reader(), f"u-{number}")
        found = await events.list_after(brand.api.reader(), 0, events.Filter([guest.id]), limit=100)
        told = [one.payload["name"] for one in found if one.type == "event.tracked"]
        assert told == [f"E{n}" for n in (number, number + 3, number + 6)] * 2


async def test_what_is_tracked_makes_no_gap_in_the_numbers_that_webhooks_carry(brand: Brand) -> None:
    await brand.track({"userID": "u-1", "event_name": "Looked"})
    guest = await tracking.users.find(brand.api.reader(), "u-1")
    await brand.track({"userID": "u-1", "event_name": "Looked"})
    await brand.api.patch(f"/crm/guests/{guest.id}", {"name": "Anna"})

    found = await events.list_after(brand.api.reader(), 0, events.Filter([guest.id]), limit=100)

    assert [(one.type, one.sequence) for one in found] == [
        ("guest.created", 1),
        ("event.tracked", None),
        ("event.tracked", None),
        ("guest.updated", 2),
    ]


async def test_the_same_id_is_counted_once_however_often_it_is_sent(brand: Brand) -> None:
    entry = {"userID": "u-1", "event_name": "Paid", "event_id": "pay-9"}

    await brand.track(entry, entry, {**entry, "event_id": "pay-10"})
    await asyncio.gather(*(brand.track(entry) for _ in range(5)))

    assert await total(brand, "Paid") == 2


async def test_without_an_id_the_same_entry_counts_twice(brand: Brand) -> None:
    await brand.track(ORDER, ORDER)

    assert await total(brand) == 2


async def test_a_batch_takes_what_it_can(brand: Brand) -> None:
    bad: list[Any] = [
        {"userID": "u-1"},
        {"userID": "u-1", "event_name": "x" * 50},
        {"userID": "u-1", "event_name": "Late", "event_time": "soon"},
        {"userID": "u-1", "event_name": "Past", "event_time": "1970-01-01 00:00:00"},
        {"userID": "u-1", "event_name": "Future", "event_time": "2027-06-20 12:00:00"},
        {"userID": "u-1", "event_name": "Email Opened"},
        {"userID": "u-1", "event_name": "Long", "attributes": {"note": "x" * 1000}},
        {"userID": "u-1", "event_name": "Value", "ltv": "much"},
        {"event_name": "Nobody"},
        7,
    ]

    answer = await brand.track(*bad, {"userID": "u-1", "event_name": "Good"})

    told = data(answer)
    assert (answer.status, told["accepted"]) == (200, 1)
    assert [one["index"] for one in told["rejected"]] == list(range(10))
    assert await total(brand, "Good") == 1
    assert (await brand.track(*bad)).status == 400


async def test_an_attribute_of_events_keeps_its_first_type_from_request_to_request(brand: Brand) -> None:
    def entry(size: object) -> dict[str, Any]:
        return {"userID": "u-1", "event_name": "Order Placed", "attributes": {"size": size}}

    answers = [await brand.track(entry(size)) for size in ("large", 3, "small", None, 4)]

    assert [[one["message"] for one in data(answer)["dropped"]] for answer in answers] == [
        [],
        ["size was a text first; its type stays"],
        [],
        [],
        ["size was a text first; its type stays"],
    ]


async def test_a_thousand_events_are_a_request_and_one_more_is_none(brand: Brand) -> None:
    entries = [{"userID": f"u-{number % 7}", "event_name": "Step"} for number in range(1001)]

    answer, refused = await brand.track(*entries[:1000]), await brand.track(*entries)

    assert data(answer)["accepted"] == 1000
    assert said(refused) == (400, "error", "Invalid resource: at most 1000 events per request")
    assert await total(brand, "Step") == 1000


async def test_many_requests_at_once_are_each_told_their_own(brand: Brand) -> None:
    answers = await asyncio.gather(
        *(
            brand.track({"userID": f"u-{number}", "event_name": "Here" if number % 2 else "x" * 50})
            for number in range(20)
        )
    )

    assert [answer.status for answer in answers] == [400, 200] * 10
    assert await total(brand, "Here") == 10


TIMES = {
    "2026-05-06T07:08:09": "2026-05-06T07:08:09+00:00",
    "2026-05-06T07:08+0000": "2026-05-06T07:08:00+00:00",
    "2026-05-06T07:08+05:30": "2026-05-06T01:38:00+00:00",
    "2026-05-06 07:08:09": "2026-05-06T07:08:09+00:00",
    "2026-05-06T07:08:09Z": "2026-05-06T07:08:09+00:00",
    "2026-05-06": "2026-05-06T00:00:00+00:00",
}


@pytest.mark.parametrize("written", TIMES)
async def test_a_time_is_read_in_every_documented_form(brand: Brand, written: str) -> None:
    await brand.track({"userID": "u-1", "event_name": "Then", "event_time": written})

    [event] = (await brand.api.get("/crm/events", type="event.tracked")).json()["items"]
    assert event["occurred_at"] == TIMES[written]


async def test_user_and_event_are_written_together_in_that_order(brand: Brand) -> None:
    entry = {**ORDER, "userID": "u-78", "event_name": "signup"}

    answer = await brand.post("/api/v1/user_event/create", {"nv": entry})

    assert data(answer)["userID"] == "u-78"
    assert data(answer)["nv_uid"] == (await brand.user("u-78"))["nv_uid"]
    # The event is told to be older than its user, who was made by this very call.
    [event] = (await brand.api.get("/crm/events", type="event.tracked")).json()["items"]
    assert event["occurred_at"] == "2026-06-20T12:00:00+00:00"


@pytest.mark.parametrize(
    "nv",
    [
        [{"userID": "u-1", "event_name": "signup"}],
        {"userID": "u-1"},
        {"event_name": "signup"},
        {"userID": "u-1", "event_name": "signup", "user_params": {"gender": "?"}},
        {"userID": "u-1", "event_name": "signup", "attributes": {"x" * 50: 1}},
    ],
)
async def test_a_bad_pair_writes_neither(brand: Brand, nv: Any) -> None:
    answer = await brand.post("/api/v1/user_event/create", {"nv": nv})

    assert answer.status == 400
    assert (await brand.post("/api/v1/user/userData", {"userID": "u-1"})).status == 400


@pytest.fixture
async def shop(brand: Brand) -> Brand:
    """Five orders of two users."""
    await brand.track(
        *(
            {
                "userID": f"u-{number % 2}",
                "event_name": "Order Placed",
                "event_time": f"2026-05-{day:02} 10:{minute:02}:00",
                "attributes": {"product": product, "price": price, "gift": number == 0},
                "context": {"utm": {"source": "mail"}} if number < 2 else {},
            }
            for number, (day, minute, product, price) in enumerate(
                [(1, 0, "Mug", 5), (1, 20, "Cup", 7.5), (1, 29, "Cup", 9), (4, 0, "Bowl", 12), (31, 0, "Plate", 20)]
            )
        )
    )
    return brand


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("Attributes - product", "Include", ["Mug", "Cup"], 3),
        ("Attributes - product", "Is one of", "Cup", 2),
        ("Attributes - product", "Exclude", ["Cup"], 3),
        ("Attributes - product", "Is none of", ["Cup", "Mug", "Bowl"], 1),
        ("Attributes - product", "Contains", "u", 3),
        ("Attributes - product", "Not contains", "u", 2),
        ("Attributes - colour", "Is exist", None, 0),
        ("Attributes - product", "Is exist", None, 5),
        ("Attributes - colour", "Is exist", False, 5),
        ("Attributes - price", "Less than", 9, 2),
        ("Attributes - price", "Greater than", "9", 2),
        ("Attributes - price", "Range", [7.5, 12], 3),
        ("Attributes - price", "Equals to", 7.5, 1),
        ("Attributes - gift", "Is", True, 1),
        ("Attributes - product", "Is", "Bowl", 1),
        ("UTM - utm_source", "Is", "mail", 2),
        ("Moon - phase", "Include", ["full"], 0),
    ],
)
async def test_filters_pick_events(shop: Brand, key: str, operator: str, value: Any, expected: int) -> None:
    assert await matching(shop, key, operator, value) == expected


async def test_users_and_sessions_are_distinct_in_each_bucket_and_over_the_whole(shop: Brand) -> None:
    users = await count(shop, trend_metric="unique_users", timeseries="monthly")
    sessions = await count(shop, trend_metric="unique_sessions", timeseries="weekly", toDate="2026-05-31")

    assert (users["total"], users["series"]) == (
        2,
        [{"date": "2026-05-01", "value": 2}, {"date": "2026-06-01", "value": 0}],
    )
    assert sessions["total"] == 4
    assert [(point["date"], point["value"]) for point in sessions["series"]] == [
        ("2026-05-01", 2),
        ("2026-05-04", 1),
        ("2026-05-11", 0),
        ("2026-05-18", 0),
        ("2026-05-25", 1),
    ]


async def test_who_was_merged_twice_is_one_user_with_the_attributes_of_who_answers(brand: Brand) -> None:
    for number in (1, 2, 3):
        await brand.tell(f"u-{number}", name=f"Guest {number}", city="Lyon" if number == 3 else "Bonn")
        await brand.track({"userID": f"u-{number}", "event_name": "Order Placed", "event_time": "2026-05-06 07:08:09"})
    one, two, three = [(await tracking.users.find(brand.api.reader(), f"u-{number}")).id for number in (1, 2, 3)]
    async with brand.api.begin() as tx:
        await guests.merge(tx, two, one, evidence="test")
        await guests.merge(tx, three, two, evidence="test")

    of_lyon = [{"key": "city", "operator": "Is", "value": "Lyon"}]
    found = await count(brand, trend_metric="unique_users", event_property=of_lyon)

    assert found["total"] == 1
    assert await total(brand, event_property=of_lyon) == 3


async def guest_of_last_event(brand: Brand) -> int | None:
    [event] = await events.list_newest(brand.api.reader(), events.Filter(types=["event.tracked"]), limit=1, offset=0)
    return event.guest_id


async def test_an_event_goes_to_who_answers_for_its_user_at_the_time(brand: Brand) -> None:
    """Also where the process has met the user before."""
    looked = {"userID": "u-1", "event_name": "Looked"}
    met = []

    async def track() -> None:
        await brand.track(looked)
        met.append(await guest_of_last_event(brand))

    await track()
    await track()
    one, other = met[0], (await brand.api.new_guest())["id"]
    async with brand.api.begin() as tx:
        merge_id = await guests.merge(tx, other, one, evidence="test")
    await track()
    await track()
    async with brand.api.begin() as tx:
        await guests.unmerge(tx, merge_id)
    await track()
    await track()
    await brand.post("/api/v1/user/delete", {"userID": "u-1"})
    await track()
    await track()

    somebody_new = met[-1]
    assert met == [one, one, other, other, one, one, somebody_new, somebody_new]
    assert somebody_new not in (one, other)


async def test_a_user_who_was_met_is_known_to_their_own_workspace_alone(brand: Brand, home: Home) -> None:
    other = await Brand.open(home, await home.new_api())
    looked = {"userID": "u-1", "event_name": "Looked"}
    for one in (brand, brand, other, other):
        assert (await one.track(looked)).status == 200

    ours, theirs = await guest_of_last_event(brand), await guest_of_last_event(other)
    assert ours != theirs
    assert (await other.api.get(f"/crm/guests/{theirs}")).status == 200


async def test_years_begin_at_the_first_day_that_is_asked_for(shop: Brand) -> None:
    found = await count(shop, timeseries="annual", fromDate="2024-07-15", toDate="2026-05-04")

    assert [(point["date"], point["value"]) for point in found["series"]] == [
        ("2024-07-15", 0),
        ("2025-01-01", 0),
        ("2026-01-01", 4),
    ]


async def test_an_unknown_event_has_happened_never(shop: Brand) -> None:
    assert await total(shop, "order placed") == 0


@pytest.mark.parametrize(
    "body",
    [
        {"toDate": "2026-04-30"},
        {"fromDate": "yesterday"},
        {"trend_metric": "sum"},
        {"timeseries": "hourly"},
        {"event_property": [{"key": "country", "operator": "include", "value": ["India"]}]},
        {"event_property": [{"key": "country", "operator": "Range", "value": [1]}]},
        {"event_property": [{"key": "country", "operator": "Less than", "value": "cheap"}]},
        {"event_property": [{"key": "country", "operator": "Is", "value": {"a": 1}}]},
    ],
)
async def test_questions_that_make_no_sense_are_told(brand: Brand, body: dict[str, Any]) -> None:
    plain = {
        "fromDate": "2026-05-01",
        "toDate": "2026-05-03",
        "trend_metric": "total_events",
        "event_name": "Order Placed",
    }

    answer = await brand.post("/api_in/v1/get_event", {**plain, **body})

    assert (answer.status, answer.json()["response"]["status"]) == (400, "error")
