"""A lock reports that a guest's code opened the door, and the property's activity tells it."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities import bookings
from hospes.capabilities.automations import Concierge, locks
from hospes.doors import lock_hook
from tests.automations.staying import Stays, until
from tests.channels.test_commands import hospes
from tests.living import Answer, Home, ask

UNLOCKED = "smart_lock.unlocked"

Form = Callable[[str, str, datetime], dict[str, Any]]


def ours(ref: str, name: str, at: datetime) -> dict[str, Any]:
    return {"brand": "nuki", "lock_id": ref, "name": name, "unlocked_at": at.isoformat()}


def nuki(ref: str, name: str, at: datetime, *, action: int = 1, trigger: int = 255, state: int = 0) -> dict[str, Any]:
    """As Nuki's webhook tells of a new entry in a lock's log."""
    entry = {
        "id": "65a1",
        "smartlockId": int(ref),
        "deviceType": 4,
        "accountUserId": 7,
        "authId": "65f",
        "name": name,
        "action": action,
        "trigger": trigger,
        "state": state,
        "autoUnlock": False,
        "date": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        "source": 1,
    }
    return {"feature": "DEVICE_LOGS", "smartlockLog": entry}


async def report(home: Home, vault: Vault, body: Any, *, method: str = "POST", token: str | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    path = f"/hooks/locks/{token or lock_hook.secret(vault)}"
    return await ask(home.application, method, path, headers=headers, body=raw)


@pytest.fixture
async def booking(stays: Stays, worker: Concierge) -> bookings.Booking:
    """A stay that began an hour ago, at the door 17 of Nuki's."""
    await stays.use_lock("nuki", "17")
    booking = await stays.book(3)
    await until(stays, worker, booking.begins_at + timedelta(hours=1))
    return booking


def name(stays: Stays, booking: bookings.Booking) -> str:
    return locks.name(stays.api.workspace_id, booking.id)


async def openings(stays: Stays) -> list[dict[str, Any]]:
    """What the activity feed shows of doors that were opened."""
    path = f"/properties/{stays.account.property_id}/activity"
    # Days have passed: a token of now.
    app = await stays.account.new_app("activity.read")
    answer = await stays.account.get(path, token=app.token, category="automation")
    return [one for one in answer.json()["data"] if one["type"] == UNLOCKED]


@pytest.mark.parametrize("form", [ours, nuki])
async def test_an_unlocked_door_is_in_the_activity_at_its_instant(
    stays: Stays, vault: Vault, booking: bookings.Booking, form: Form
) -> None:
    at = stays.home.clock.now() - timedelta(minutes=5)

    answer = await report(stays.home, vault, form("17", name(stays, booking), at))

    assert (answer.status, answer.body) == (200, b"1 noted.\n")
    [shown] = await openings(stays)
    assert (shown["bookingId"], shown["data"]) == (booking.id, {"lockBrand": "nuki"})
    assert abs(datetime.fromisoformat(shown["occurredAt"]) - at) < timedelta(seconds=1)


async def test_a_report_that_comes_again_is_known_and_the_next_opening_is_not(
    stays: Stays, vault: Vault, booking: bookings.Booking
) -> None:
    at = stays.home.clock.now()
    first, next_ = (nuki("17", name(stays, booking), at - timedelta(minutes=minutes)) for minutes in (9, 4))

    answers = await asyncio.gather(*(report(stays.home, vault, first) for _ in range(5)))
    both = await report(stays.home, vault, [first, next_])

    assert sorted(answer.body for answer in answers) == [b"0 noted.\n"] * 4 + [b"1 noted.\n"]
    assert both.body == b"1 noted.\n"
    assert len(await openings(stays)) == 2


async def test_what_opened_no_door_with_a_guests_code_is_not_told(
    home: Home, stays: Stays, vault: Vault, booking: bookings.Booking
) -> None:
    at, called = stays.home.clock.now(), name(stays, booking)
    other = await home.new_api()
    reports = [
        nuki("17", called, at, action=2),
        nuki("17", called, at, trigger=5),
        nuki("17", called, at, state=224),
        nuki("18", called, at),
        nuki("17", "Owner", at),
        nuki("17", locks.name(stays.api.workspace_id, 1), at),
        nuki("17", locks.name(other.workspace_id, booking.id), at),
        nuki("17", called + "0" * 30, at),
        nuki("17", called, at + timedelta(days=1)),
        nuki("17", called, booking.begins_at - timedelta(days=400)),
        ours("17", called, at) | {"brand": "simulator"},
        {"feature": "DEVICE_STATUS", "smartlockId": 17, "state": {"state": 3}},
    ]

    answers = [await report(stays.home, vault, one) for one in reports]

    assert {(answer.status, answer.body) for answer in answers} == {(200, b"0 noted.\n")}
    assert await openings(stays) == []


async def test_what_cannot_be_read_is_refused_and_strangers_find_nothing(
    stays: Stays, vault: Vault, booking: bookings.Booking
) -> None:
    well = ours("17", name(stays, booking), stays.home.clock.now())
    bad: list[Any] = [b"{", b"\xff", 7, [7], {}, [well] * 1001, well | {"unlocked_at": "today"}, well | {"name": 7}]
    bad.append({"feature": "DEVICE_LOGS", "smartlockLog": None})

    answers = [await report(stays.home, vault, one) for one in bad]

    assert [answer.status for answer in answers] == [400] * len(bad)
    assert (await report(stays.home, vault, well, token="0" * 20)).status == 404
    assert (await report(stays.home, vault, well, method="GET")).status == 405
    assert await openings(stays) == []


async def test_the_hooks_address_is_printed(home: Home, vault: Vault, settings: Settings) -> None:
    done = hospes(home, settings, "locks", "hook", HOSPES_PUBLIC_URL="https://hotel.example")

    assert done.stdout.strip() == f"https://hotel.example/hooks/locks/{lock_hook.secret(vault)}", done.stderr
