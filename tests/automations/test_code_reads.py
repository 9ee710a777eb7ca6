"""Who reads the code of a door leaves an entry in the audit log, and after the stay there is none (case P30)."""

from typing import Any

from hospes.capabilities import staff
from hospes.capabilities.automations import Concierge
from tests.automations.staying import Door, Stays, until
from tests.property_api.account import EVERYTHING


async def reads(stays: Stays) -> list[dict[str, Any]]:
    entries = await staff.audit.list_after(stays.api.reader(), None, limit=50)
    return [entry.facts | {"actor": entry.actor} for entry in entries if entry.action == "booking.sensitive_read"]


async def test_the_code_is_read_with_the_scope_alone_each_time_on_record_and_gone_after_the_stay(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    """P30"""
    account = stays.account
    booking = await stays.book(3)
    path = f"/bookings/{booking.id}"
    plain = await account.new_app("bookings.read")
    before = await account.get(path)
    await worker.run(stays.api.workspace_id)

    answers = [await account.get(path), await account.get(path), await account.get(path, token=plain.token)]
    code = next(iter(door.at().values()))
    during = await reads(stays)
    await until(stays, worker, booking.ends_at)
    later = await account.new_app(EVERYTHING)
    after = await account.get(path, token=later.token)

    assert [answer.json().get("smartLockCode") for answer in (before, *answers, after)] == [
        None,
        code,
        code,
        None,
        None,
    ]
    assert {answer.status for answer in (before, *answers, after)} == {200}
    assert not {"guestEmail", "guestPhone", "guestAddress", "smartLockCode"} & set(answers[2].json())
    assert [read["lock_code"] for read in reversed(await reads(stays))] == [False, True, True, False]
    assert door.at() == {}
    told = during[0]
    assert (told["booking_id"], told["door"], told["address"]) == (booking.id, "property_api", "127.0.0.1")
    assert told["client_id"] == account.app.client.id
    assert told["actor"].startswith("App: ")
    assert code not in str(await reads(stays))
    assert "ana@example.com" not in str(await reads(stays))
