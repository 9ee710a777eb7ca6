"""Erasing a guest: the person goes, the rows stay (cases P7 to P10)."""

from hospes.cli import doctor
from tests.living import Receiver
from tests.privacy.planted import Planted, figures


async def erase(planted: Planted) -> None:
    answer = await planted.api.workspace("DELETE", f"/guests/{planted.guest['id']}")
    assert answer.status == 204, answer


async def test_of_two_hundred_things_a_guest_left_everywhere_none_is_found_after_erasure(planted: Planted) -> None:
    before = await planted.found()

    await erase(planted)

    assert len(planted.canaries) >= 200
    # A place where a push goes is sealed, and a phone's name is hashed.
    assert len(before) >= len(planted.canaries) - 2
    assert await planted.found() == []


async def test_figures_ledgers_and_totals_are_what_they_were(planted: Planted) -> None:
    """P8"""
    before = await figures(planted)
    wrong = await examined(planted)

    await erase(planted)

    assert await figures(planted) == before
    assert await examined(planted) == wrong


async def examined(planted: Planted) -> list[int]:
    """What `hospes doctor` counts as wrong."""
    database = planted.api.home.server.database
    rows = [await database.fetchrow(check) for check in doctor.CHECKS.values()]
    return [int(row[0]) for row in rows if row is not None]


async def test_an_erased_guest_is_nowhere(planted: Planted) -> None:
    api, guest_id = planted.api, planted.guest["id"]
    ben = await api.new_guest(name="Ben")

    await erase(planted)

    for path in (f"/crm/guests/{guest_id}", f"/crm/guests/{planted.other['id']}", f"/crm/guests/{guest_id}/notes"):
        assert (await api.get(path)).status == 404
    assert (await api.patch(f"/crm/guests/{guest_id}", {"name": "Anna"})).status == 404
    assert (await api.workspace("DELETE", f"/guests/{guest_id}")).status == 404
    listed = (await api.get("/crm/guests")).json()
    assert ([guest["id"] for guest in listed["items"]], listed["total"]) == ([ben["id"]], 1)
    assert (await api.get("/crm/guests", search=planted.mark)).json()["total"] == 0
    assert (await api.get("/wifi/live-guests")).json()["total"] == 0


async def test_everyone_who_was_told_of_a_guest_hears_of_the_erasure_with_the_id_only(
    planted: Planted, receiver: Receiver
) -> None:
    """P10"""
    await planted.api.new_webhook(receiver, "visit.ended")
    receiver.answers(200)
    await planted.api.deliver()
    receiver.received.clear()

    await erase(planted)
    await planted.api.deliver()

    told = [one.json() for one in receiver.received]
    payloads = [one["payload"] for one in told if one.get("event") == "guest.erased"]
    apps = [one for one in told if "guestId" in one]
    ids_ = [planted.guest["id"], planted.other["id"]]
    assert sorted(payload["guest_id"] for payload in payloads) == sorted(ids_)
    assert all(set(payload) == {"guest_id"} for payload in payloads)
    assert sorted(one["guestId"] for one in apps) == sorted(ids_)
    assert all(set(one) == {"guestId", "bookingIds"} for one in apps)
    assert [len(one["bookingIds"]) for one in apps if one["guestId"] == planted.guest["id"]] == [1]
    assert len(told) == len(payloads) + len(apps)
