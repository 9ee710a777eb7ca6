"""What is told of a guest after the erasure brings nothing back (case P7)."""

import asyncio
from datetime import date

import asyncpg
import pytest

from hospes.capabilities import bookings, guests, messaging, record, tracking, webhooks
from hospes.capabilities.calendars import imports, tables
from hospes.house import chores
from tests.living import Home, Receiver
from tests.privacy.planted import Planted


def late_event(planted: Planted, **attributes: str) -> tracking.entries.Event:
    user = tracking.entries.User(user_id=planted.user_id)
    return tracking.entries.Event(
        user=user, name="late", attributes=attributes, context={}, ltv=None, device_id=None, at=None, id=None
    )


@pytest.fixture(params=[False, True], ids=["not met", "met"])
def met(request: pytest.FixtureRequest, planted: Planted) -> tracking.tracked.Met:
    """Whom the process has found before: nobody, or the guest."""
    return {(planted.api.workspace_id, planted.user_id): planted.guest["id"]} if request.param else {}


async def somebody_waits(home: Home) -> None:
    """Until a lock of our own kind is waited for."""
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"
    )
    connection = await asyncpg.connect(home.dsn)
    async with asyncio.timeout(10):
        while not await connection.fetchval(waiting):
            pass
    await connection.close()


@pytest.fixture
async def erased(planted: Planted) -> Planted:
    answer = await planted.api.workspace("DELETE", f"/guests/{planted.guest['id']}")
    assert answer.status == 204, answer
    return planted


async def test_a_late_event_does_not_find_the_guest(erased: Planted) -> None:
    """P7"""
    async with erased.api.begin() as tx:
        await tracking.tracked.record(tx, [late_event(erased)], is_merging=False)

    listed = (await erased.api.get("/crm/guests")).json()["items"]
    assert erased.guest["id"] not in [guest["id"] for guest in listed]
    assert [(guest["name"], guest["email"]) for guest in listed] == [(None, None)]


async def test_an_event_that_is_being_written_goes_with_the_guest(
    home: Home, planted: Planted, met: tracking.tracked.Met
) -> None:
    """P7"""
    async with planted.api.begin() as tx:
        event = late_event(planted, said=planted.canary())
        [told] = await tracking.tracked.record(tx, [event], is_merging=False, met=met)
        erasing = asyncio.create_task(planted.api.workspace("DELETE", f"/guests/{planted.guest['id']}"))
        await somebody_waits(home)

    assert told.guest_id == planted.guest["id"]
    assert (await erasing).status == 204
    assert await planted.found() == []


async def test_an_event_that_comes_while_its_guest_is_erased_is_somebody_elses(
    home: Home, planted: Planted, met: tracking.tracked.Met
) -> None:
    """P7"""

    async def tell() -> int | None:
        async with planted.api.begin() as tx:
            [told] = await tracking.tracked.record(tx, [late_event(planted)], is_merging=False, met=met)
        return told.guest_id

    async with planted.api.begin() as tx:
        await record.erase(tx, planted.guest["id"], evidence="asked for")
        telling = asyncio.create_task(tell())
        await somebody_waits(home)

    assert await telling not in (None, planted.guest["id"])
    assert met == {}


async def test_a_delivery_that_is_sent_again_tells_of_nobody(home: Home, erased: Planted, receiver: Receiver) -> None:
    """P7"""
    receiver.received.clear()
    connection = await asyncpg.connect(home.dsn)
    sent = "SELECT endpoint_id, id FROM webhook_deliveries WHERE workspace_id = $1 AND event LIKE 'booking%'"
    async with erased.api.begin() as tx:
        for endpoint_id, delivery_id in await connection.fetch(sent, erased.api.workspace_id):
            await webhooks.replay(tx, endpoint_id, delivery_id)
    await connection.close()

    await erased.api.deliver()

    assert "booking.created" in [one.headers.get("x-nowistay-event") for one in receiver.received]
    assert [canary for canary in erased.canaries if any(canary.encode() in one.body for one in receiver.received)] == []


async def test_a_stop_from_the_network_closes_nothing_and_names_nobody(home: Home, erased: Planted) -> None:
    """P7"""
    home.clock.advance(minutes=10)

    for kind in ("Interim-Update", "Stop"):
        await erased.network.account(
            kind, "s-1", Calling_Station_Id=erased.mac, Framed_IP_Address=erased.ip, Acct_Session_Time=600
        )

    assert await erased.found() == []
    home.clock.advance(days=1)
    await chores.end_visits(home.server, erased.api.workspace_id)
    assert await erased.found() == []


async def test_a_bounce_suppresses_nobody(erased: Planted) -> None:
    """P7"""
    email = str(erased.guest["email"])
    messages = (await erased.api.workspace("GET", "/messages", limit=200)).json()["items"]

    async with erased.api.begin() as tx:
        for message in messages:
            told = messaging.feedback.Told("", "bounced", f"550 <{email}> is unknown")
            assert not await messaging.feedback.note(tx, message["id"], told)

    assert len(messages) > 30
    assert await erased.found() == []


async def test_a_file_and_a_form_that_name_the_guest_again_change_the_stay_alone(erased: Planted) -> None:
    """P7"""
    name, email = erased.canary(), erased.email()
    named = bookings.Party(first_name=name, email=email)
    changes = bookings.Changes(guest=named, notes=f"{name} again", departure_on=date(2026, 5, 6))

    async with erased.api.begin() as tx:
        after = await bookings.change(tx, erased.booking_id, changes, evidence="feed of airbnb")
        text = f"id,notes,adults\n{erased.booking_id},{name},3\n".encode()
        report = await imports.run(tx, tables.read(text), name="a.csv", property_id=erased.account.property_id)

    assert (after.departure_on, after.guest_name) == (date(2026, 5, 6), None)
    assert (report.conflicting, report.unreadable) == ([], [])
    assert await erased.found() == []


async def test_who_signs_up_again_is_a_new_guest(erased: Planted) -> None:
    """P7"""
    again = await erased.api.new_guest(name="Anna", email=erased.guest["email"])

    assert again["id"] not in (erased.guest["id"], erased.other["id"])
    assert (await erased.api.get(f"/crm/guests/{again['id']}/notes")).json()["total"] == 0
    async with erased.api.begin() as tx:
        assert await guests.known_by(tx, email=str(erased.guest["email"])) == again["id"]
