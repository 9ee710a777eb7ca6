"""Missions: planned, assigned, done; and the cleaning that follows a booking by itself."""

import pytest

from hospes.capabilities import properties
from tests.living import Home
from tests.property_api.account import Account


def mission_of(account: Account, **fields: object) -> dict[str, object]:
    return {
        "propertyId": account.property_id,
        "missionType": "cleaning",
        "scheduledAt": "2026-07-18T11:30:00Z",
        **fields,
    }


async def test_the_documented_mission_is_made_assigned_and_told(account: Account) -> None:
    booking = await account.new_booking()
    member = await account.new_member()
    body = mission_of(
        account, bookingId=booking.id, title="Checkout cleaning", timezone="Europe/Paris", assignedTeamMemberId=member
    )

    made = await account.post("/missions", body)

    assert made.status == 201, made
    shown = made.json()
    assert {name: shown[name] for name in body} == body
    assert (shown["status"], shown["assignedTeamMemberName"]) == ("assigned", "Marie Dupont")
    feed = (await account.get(f"/properties/{account.property_id}/activity", category="mission")).json()["data"]
    assert [one["type"] for one in feed[:2]] == ["mission.assigned", "mission.created"]
    assert feed[0]["missionId"] == shown["id"] and feed[0]["bookingId"] == booking.id


async def test_a_mission_needs_a_type_under_either_name(account: Account) -> None:
    by_alias = await account.post(
        "/missions", {"propertyId": account.property_id, "type": "maintenance", "scheduledAt": "2026-07-18T11:30:00Z"}
    )
    without = await account.post(
        "/missions", {"propertyId": account.property_id, "scheduledAt": "2026-07-18T11:30:00Z"}
    )

    assert (by_alias.status, by_alias.json()["missionType"], by_alias.json()["title"]) == (
        201,
        "maintenance",
        "Maintenance",
    )
    assert (without.status, without.json()["error"]["code"]) == (400, "bad_request")
    assert without.json()["error"]["details"] == [{"field": "missionType", "message": "Field required"}]


async def test_bad_missions_are_told(account: Account, home: Home) -> None:
    other = await account.new_property(name="Rose House")
    elsewhere = await account.new_booking(property_id=other)
    stranger = await account.new_member([other])
    theirs = await Account.open(home, await home.new_api())

    async def status(**fields: object) -> int:
        return (await account.post("/missions", mission_of(account, **fields))).status

    assert await status(bookingId=elsewhere.id) == 422
    assert await status(assignedTeamMemberId=stranger) == 422
    assert await status(missionType="dancing") == 422
    assert await status(scheduledAt="2026-07-18T11:30:00") == 422
    assert await status(scheduledAt="tomorrow") == 422
    assert await status(timezone="Mars/Olympus") == 422
    assert await status(durationMinutes=0) == 422
    assert await status(title="") == 422
    assert await status(propertyId=theirs.property_id) == 404
    assert await status(bookingId=(await theirs.new_booking()).id) == 404
    assert await status(assignedTeamMemberId=await theirs.new_member()) == 404


async def test_work_goes_its_steps_and_what_is_over_stays(account: Account, home: Home) -> None:
    member = await account.new_member()
    mission = (await account.post("/missions", mission_of(account))).json()
    path = f"/missions/{mission['id']}"

    too_soon = await account.patch(path, {"status": "in_progress"})
    assigned = await account.patch(path, {"assignedTeamMemberId": member})
    declined = await account.patch(path, {"status": "pending"})
    await account.patch(path, {"assignedTeamMemberId": member})
    started = await account.patch(path, {"status": "in_progress"})
    done = await account.patch(path, {"status": "completed"})
    late = await account.patch(path, {"title": "Again"})

    assert too_soon.status == 422
    assert assigned.json()["status"] == "assigned"
    assert (declined.json()["status"], declined.json()["assignedTeamMemberId"]) == ("pending", None)
    assert started.json()["startedAt"] == home.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (done.json()["status"], late.status) == ("completed", 409)
    types = [one["type"] for one in (await account.get(f"/properties/{account.property_id}/activity")).json()["data"]]
    assert types == [
        "mission.completed",
        "mission.started",
        "mission.assigned",
        "mission.declined",
        "mission.assigned",
        "mission.created",
    ]


async def test_a_confirmed_booking_has_a_cleaning_at_check_out_that_moves_and_ends_with_it(account: Account) -> None:
    booking = await account.new_booking("2026-07-14", 4)

    async def cleaning() -> list[tuple[str, str]]:
        found = (await account.get("/missions", bookingId=booking.id)).json()["data"]
        return [(one["scheduledAt"], one["status"]) for one in found]

    assert await cleaning() == [("2026-07-18T09:00:00Z", "pending")]
    shown = (await account.get(f"/bookings/{booking.id}")).json()
    assert len(shown["missionIds"]) == 1
    await account.patch(f"/bookings/{booking.id}", {"departure": "2026-07-20"})
    assert await cleaning() == [("2026-07-20T09:00:00Z", "pending")]
    await account.patch(f"/bookings/{booking.id}", {"checkOutTime": "10:00:00"})
    assert await cleaning() == [("2026-07-20T08:00:00Z", "pending")]
    await account.patch(f"/bookings/{booking.id}", {"status": "cancelled"})
    assert await cleaning() == [("2026-07-20T08:00:00Z", "cancelled")]
    await account.patch(f"/bookings/{booking.id}", {"status": "confirmed"})
    assert sorted(await cleaning()) == [("2026-07-20T08:00:00Z", "cancelled"), ("2026-07-20T08:00:00Z", "pending")]


@pytest.mark.parametrize("status", ["pending", "unavailable"])
async def test_what_is_not_confirmed_has_no_cleaning(account: Account, status: str) -> None:
    booking = await account.new_booking(status=status)

    assert (await account.get(f"/bookings/{booking.id}")).json()["missionIds"] == []


async def test_missions_are_listed_by_day_of_their_own_zone(account: Account) -> None:
    for at, zone in (("2026-07-18T22:30:00Z", "Europe/Paris"), ("2026-07-18T22:30:00Z", "Europe/London")):
        await account.post("/missions", mission_of(account, scheduledAt=at, timezone=zone))

    first = await account.get("/missions", fromDate="2026-07-18", toDate="2026-07-18")
    second = await account.get("/missions", fromDate="2026-07-19", toDate="2026-07-19", type="cleaning")

    assert [one["timezone"] for one in first.json()["data"]] == ["Europe/London"]
    assert [one["timezone"] for one in second.json()["data"]] == ["Europe/Paris"]
    assert (await account.get("/missions", status="unheard")).status == 422
    assert (await account.get("/missions", missionType="unheard")).status == 422


async def test_the_team_is_listed_with_the_properties_that_apps_may_see(account: Account) -> None:
    closed = await account.new_property(name="Closed")
    marie = await account.new_member([account.property_id, closed])
    await account.new_member([closed], first_name="Jo", roles=["maintenance"], email=None, phone="+33612345678")
    async with account.api.begin() as tx:
        await properties.entitle(tx, closed, is_entitled=False)

    everyone = (await account.get("/team-members")).json()["data"]
    cleaners = (await account.get("/team-members", role="cleaning", propertyId=account.property_id)).json()["data"]

    assert [(one["firstName"], one["propertyIds"]) for one in everyone] == [
        ("Marie", [account.property_id]),
        ("Jo", []),
    ]
    assert [one["id"] for one in cleaners] == [marie]
    assert (await account.get(f"/team-members/{marie}")).json() == cleaners[0]
    assert (await account.get("/team-members", role="king")).status == 422
    assert (await account.get("/team-members", active="true")).json()["pagination"]["totalItems"] == 2
