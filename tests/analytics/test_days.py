"""Figures of days: counted as things happen, in any order, and the same when counted from the log."""

import random
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from hospes.capabilities import analytics, events, places
from hospes.capabilities.wifi.happenings import VisitStarted
from tests.living import Api, Home


async def visit(api: Api, guest_id: int, at: datetime, *, location_id: int | None = None) -> None:
    async with api.begin() as tx:
        place = location_id or api.location_id
        event = VisitStarted(guest_id=guest_id, session_id=1, location_id=place)
        await events.record(tx, event, location_id=place, occurred_at=at)


def ago(home: Home, days: int) -> str:
    """The day so many days before today."""
    return (home.clock.now() - timedelta(days=days)).date().isoformat()


async def figures(api: Api, **query: Any) -> dict[str, Any]:
    answer = await api.get("/analytics/guests", **query)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


async def drifts(api: Api, *, mend: bool = False) -> list[analytics.Drift]:
    async with api.begin() as tx:
        return await analytics.recount(tx, mend=mend)


async def test_a_guest_is_counted_in_the_next_request(home: Home, api: Api) -> None:
    await api.new_guest(name="Anna", is_vip=True, marketing_consent=True)
    await api.new_guest(name="Ben")

    found = await figures(api)

    assert (found["total"], found["new_30d"], found["vip"], found["marketing_opt_in"]) == (2, 2, 1, 1)
    assert len(found["series"]) == 30
    assert found["series"][-1] == {"date": ago(home, 0), "new": 2, "returning": 0, "visits": 0}
    assert found["total"] == (await api.get("/crm/guests")).json()["total"]
    assert found["vip"] == (await api.get("/crm/guests", is_vip="true")).json()["total"]


async def test_flags_are_counted_through_changes_and_merges_and_at_each_location(api: Api) -> None:
    async with api.begin() as tx:
        other = await places.create_location(tx, name="Other")
    anna = await api.new_guest(name="Anna", marketing_consent=True)
    ben = await api.new_guest(name="Ben", is_vip=True, location_id=other)
    await api.patch(f"/crm/guests/{anna['id']}", {"is_vip": True})
    await api.patch(f"/crm/guests/{ben['id']}", {"marketing_consent": True})
    await api.patch(f"/crm/guests/{anna['id']}", {"marketing_consent": False})

    everywhere, here, there = (
        await figures(api),
        await figures(api, location_id=api.location_id),
        await figures(api, location_id=other),
    )

    assert [(f["total"], f["vip"], f["marketing_opt_in"]) for f in (everywhere, here, there)] == [
        (2, 2, 1),
        (1, 1, 0),
        (1, 1, 1),
    ]


async def test_who_comes_on_a_second_day_returns(home: Home, api: Api) -> None:
    anna, ben = await api.new_guest(name="Anna"), await api.new_guest(name="Ben")
    now = home.clock.now()
    for days_ago in (3, 3, 1):
        await visit(api, anna["id"], now - timedelta(days=days_ago))
    await visit(api, ben["id"], now - timedelta(days=1))

    found = await figures(api)

    days = {day["date"]: (day["returning"], day["visits"]) for day in found["series"] if day["visits"]}
    assert days == {ago(home, 3): (0, 2), ago(home, 1): (1, 2)}
    assert found["returning_30d"] == 1


async def test_a_visit_told_late_changes_the_days_it_concerns(home: Home, api: Api) -> None:
    anna = await api.new_guest(name="Anna")
    now = home.clock.now()
    await visit(api, anna["id"], now - timedelta(days=1))
    assert (await figures(api))["returning_30d"] == 0

    await visit(api, anna["id"], now - timedelta(days=5))

    found = await figures(api)
    assert found["returning_30d"] == 1
    assert {day["date"]: day["returning"] for day in found["series"] if day["visits"]} == {
        ago(home, 5): 0,
        ago(home, 1): 1,
    }
    assert await drifts(api) == []


async def test_a_locations_days_are_its_own(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        tokyo = await places.create_location(tx, name="Tokyo", time_zone="Asia/Tokyo")
    anna = await api.new_guest(name="Anna")

    evening = (home.clock.now() - timedelta(days=1)).replace(hour=16)
    await visit(api, anna["id"], evening, location_id=tokyo)

    there = {day["date"] for day in (await figures(api, location_id=tokyo))["series"] if day["visits"]}
    everywhere = {day["date"] for day in (await figures(api))["series"] if day["visits"]}
    assert (there, everywhere) == ({ago(home, 0)}, {ago(home, 1)})


async def test_the_series_ends_today_and_forgets_what_is_older(home: Home, api: Api) -> None:
    anna = await api.new_guest(name="Anna")
    await visit(api, anna["id"], home.clock.now() - timedelta(days=30))
    await visit(api, anna["id"], home.clock.now() - timedelta(days=29))

    found = await figures(api)

    assert [day["visits"] for day in found["series"]] == [1] + [0] * 29
    assert found["series"][0]["date"] == ago(home, 29)


async def test_whatever_the_order_the_days_say_what_the_log_says(home: Home, api: Api) -> None:
    chance = random.Random(11)
    async with api.begin() as tx:
        tokyo = await places.create_location(tx, name="Tokyo", time_zone="Asia/Tokyo")
    guests = [(await api.new_guest(name=f"Guest {number}"))["id"] for number in range(6)]

    for _ in range(150):
        at = home.clock.now() - timedelta(minutes=chance.randint(0, 60 * 24 * 8))
        await visit(api, chance.choice(guests), at, location_id=chance.choice([None, tokyo]))

    assert await drifts(api) == []


async def test_a_figure_that_drifted_is_found_and_mended(home: Home, api: Api) -> None:
    anna = await api.new_guest(name="Anna")
    await visit(api, anna["id"], home.clock.now())
    before = await figures(api)
    connection = await asyncpg.connect(home.dsn)
    await connection.execute(
        "UPDATE day_counts SET value = value + 5 WHERE workspace_id = $1 AND metric = 'visits'", api.workspace_id
    )
    await connection.execute("DELETE FROM visitor_days WHERE workspace_id = $1", api.workspace_id)
    await connection.execute("DELETE FROM visitors WHERE workspace_id = $1", api.workspace_id)
    await connection.close()

    found = await drifts(api, mend=True)

    assert {(drift.metric, drift.kept, drift.counted) for drift in found} == {("visits", 6, 1)}
    assert await drifts(api) == []
    assert await figures(api) == before
    await visit(api, anna["id"], home.clock.now() - timedelta(days=1))
    assert await drifts(api) == []


async def test_folding_past_days_changes_no_figure(home: Home, api: Api) -> None:
    anna = await api.new_guest(name="Anna")
    for days_ago in range(6):
        await visit(api, anna["id"], home.clock.now() - timedelta(days=days_ago))
    before = await figures(api)

    async with api.begin() as tx:
        await analytics.fold(tx, home.clock.now().date())

    assert await figures(api) == before
    assert await drifts(api) == []


async def test_two_workspaces_count_apart(home: Home, api: Api) -> None:
    other = await home.new_api()
    guest = await other.new_guest(name="Theirs")
    await visit(other, guest["id"], home.clock.now())

    found = await figures(api)

    assert (found["total"], sum(day["visits"] for day in found["series"])) == (0, 0)
    assert (await api.get("/analytics/guests", location_id=other.location_id)).status == 404
