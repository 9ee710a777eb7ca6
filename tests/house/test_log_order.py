"""The log's order holds while transactions commit in another order than they began."""

from hospes.capabilities import events, guests
from tests.living import Api


async def _positions(api: Api, after: int) -> list[int]:
    entries = await events.list_after(api.reader(), after, events.Filter(), limit=100)
    return [entry.position for entry in entries]


async def test_a_reader_never_meets_an_event_behind_one_it_has_read(api: Api) -> None:
    profile = guests.Profile(location_id=api.location_id, name="Anna")
    async with api.begin() as slow:
        first = await guests.create(slow, profile, evidence="test")
        async with api.begin() as quick:
            second = await guests.create(quick, profile, evidence="test")
        # The quick one has committed, but stands behind the slow one: neither is to be read yet.
        assert await _positions(api, 0) == []

    read = await events.list_after(api.reader(), 0, events.Filter(), limit=100)
    assert [entry.guest_id for entry in read] == [first, second]
    assert await _positions(api, read[-1].position) == []


async def test_each_guest_counts_its_events_without_gaps(api: Api) -> None:
    guest = await api.new_guest(email="anna@example.com")
    for name in ("Anna B.", "Anna C."):
        await api.patch(f"/crm/guests/{guest['id']}", {"name": name})
    refused = await api.patch(f"/crm/guests/{guest['id']}", {"tags": ["unknown"]})
    await api.post(f"/crm/guests/{guest['id']}/notes", {"text": "Hello"})

    entries = (await api.get(f"/crm/guests/{guest['id']}/timeline")).json()["items"]

    assert refused.status == 422
    assert [entry["sequence"] for entry in entries] == [4, 3, 2, 1]


async def test_the_log_is_read_on_from_any_event_in_its_order(api: Api) -> None:
    made = [await api.new_guest(name=f"Guest {number}") for number in range(5)]

    first = (await api.get("/crm/events", after=0, limit=2)).json()["items"]
    rest = (await api.get("/crm/events", after=first[-1]["id"])).json()["items"]

    assert [entry["guest_id"] for entry in first + rest] == [guest["id"] for guest in made]
