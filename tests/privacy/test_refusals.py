"""Who may not be erased, and why (case P9); and what stands in the audit log (case P19)."""

import pytest

from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import bookings, record
from tests.living import Api
from tests.property_api.account import Account


@pytest.fixture
async def account(api: Api) -> Account:
    return await Account.open(api.home, api)


async def new_stay(account: Account, arrival: str, **fields: object) -> bookings.Booking:
    return await account.new_booking(arrival, guest=bookings.Party(first_name="Ana", email="ana@example.com"), **fields)


@pytest.mark.parametrize("arrival", ["2026-07-14", "2026-06-18", "2026-06-16"])
async def test_a_guest_whose_stay_is_not_over_is_not_erased_and_told_why(account: Account, arrival: str) -> None:
    """P9: to come, in house, and leaving today."""
    stay = await new_stay(account, arrival)

    refused = await account.api.workspace("DELETE", f"/guests/{stay.guest_id}")

    assert (refused.status, f"Booking {stay.id}" in refused.json()["detail"]) == (409, True)
    assert (await account.api.get(f"/crm/guests/{stay.guest_id}")).json()["email"] == "ana@example.com"


@pytest.mark.parametrize(("arrival", "status"), [("2026-06-10", "confirmed"), ("2026-07-14", "cancelled")])
async def test_a_stay_that_is_over_or_cancelled_stands_in_nobodys_way(
    account: Account, arrival: str, status: str
) -> None:
    """P9"""
    stay = await new_stay(account, arrival, status=status)

    erased = await account.api.workspace("DELETE", f"/guests/{stay.guest_id}")

    assert erased.status == 204


async def test_a_workspace_may_choose_to_erase_whoever_has_a_stay_to_come(account: Account) -> None:
    """P9: as configured."""
    stay = await new_stay(account, "2026-07-14", notes="Brings a dog")
    async with account.api.begin() as tx:
        await record.retention.put(tx, record.retention.Settings(erases_with_stay=True))

    erased = await account.api.workspace("DELETE", f"/guests/{stay.guest_id}")

    assert erased.status == 204
    after = await bookings.get(account.api.reader(), stay.id)
    assert (after.status, after.guest_name, after.notes) == ("confirmed", None, None)


async def test_a_guest_who_is_held_is_not_erased_until_somebody_lets_go(api: Api) -> None:
    """P9"""
    guest, other = await api.new_guest(email="ana@example.com"), await api.new_guest(name="Ana L.")
    held = await api.workspace("PUT", f"/guests/{guest['id']}/hold", {"reason": "The bill of May is not paid."})
    await api.workspace("PUT", f"/guests/{other['id']}/hold", {"reason": "Lawsuit."})

    refused = await api.workspace("DELETE", f"/guests/{guest['id']}")
    released = await api.workspace("DELETE", f"/guests/{guest['id']}/hold")
    erased = await api.workspace("DELETE", f"/guests/{guest['id']}")

    assert (held.status, refused.status, released.status, erased.status) == (204, 409, 204, 204)
    assert "The bill of May is not paid." in refused.json()["detail"]
    assert (await api.workspace("DELETE", f"/guests/{other['id']}")).status == 409
    assert (await api.workspace("DELETE", f"/guests/{guest['id']}/hold")).status == 404
    with pytest.raises(Conflict, match="Lawsuit"):
        async with api.begin() as tx:
            await record.erase(tx, other["id"], evidence="test")


async def test_only_managers_erase_and_nobody_in_another_workspace(api: Api) -> None:
    guest, other = await api.new_guest(), await api.home.new_api()

    by_staff = await api.workspace("DELETE", f"/guests/{guest['id']}", role="staff")
    by_others = await other.workspace("DELETE", f"/guests/{guest['id']}")

    assert (by_staff.status, by_others.status) == (403, 404)
    assert (await api.get(f"/crm/guests/{guest['id']}")).status == 200


async def test_each_erasure_hold_and_setting_is_one_line_of_the_audit_log_without_a_person(api: Api) -> None:
    """P19"""
    guest = await api.new_guest(name="Anna", email="anna@example.com")
    settings = record.retention.Settings(network_days=30)

    async with api.begin() as tx:
        await record.keep(tx, guest["id"], reason="Anna owes 20 euros")
        await record.let_go(tx, guest["id"])
        await record.retention.put(tx, settings)
        await record.erase(tx, guest["id"], evidence="letter")
    with pytest.raises(NotFound):
        async with api.begin() as tx:
            await record.erase(tx, guest["id"], evidence="letter")

    entries = (await api.workspace("GET", "/audit")).json()["items"]
    assert [(entry["action"], entry["actor"]) for entry in reversed(entries)] == [
        ("guest.held", "Test"),
        ("guest.released", "Test"),
        ("privacy.changed", "Test"),
        ("guest.erased", "Test"),
    ]
    assert "anna" not in str(entries).lower()
