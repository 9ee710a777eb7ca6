"""Secrets at rest: none in the clear anywhere, none that opens elsewhere (cases P24 to P26, P29, P31)."""

import pytest

from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import bookings, staff
from hospes.capabilities.calendars import subscriptions
from tests.living import Api, Home, Receiver
from tests.privacy.planted import dumped
from tests.property_api.account import Account

PLACE = "7/bookings/lock_code/9001"


async def test_no_secret_stands_in_the_clear_in_any_row_of_any_table(
    home: Home, api: Api, vault: Vault, receiver: Receiver
) -> None:
    """P24, P29, P31: a copy of the database opens nothing and signs nobody in."""
    account = await Account.open(home, api)
    webhook = await api.new_webhook(receiver)
    body = {"propertyId": account.property_id, "url": receiver.url, "events": ["booking.created"]}
    subscription = (await account.post("/webhooks", body)).json()
    booking = await account.new_booking()
    await api.workspace("GET", "/audit")
    session = await staff.sessions.sign_in(
        home.server.database,
        email=account.person.email,
        password="correct horse battery",
        address="10.0.0.1",
        browser="Firefox",
        now=home.clock.now(),
    )
    assert session is not None
    async with api.begin() as tx:
        place = bookings.stays.lock_place(api.workspace_id, booking.id)
        await bookings.stays.set_lock_code(tx, booking, vault.seal(b"zq-code-483920", place))
        calendar = {"property_id": account.property_id, "url": f"{receiver.url}/zq-feed-77", "channel": "airbnb"}
        await subscriptions.create(tx, vault, home.server.destinations, **calendar)

    dump = await dumped(home.dsn)

    secrets = {
        "API key": api.key,
        "staff token": api.tokens["owner"],
        "access token": account.app.token,
        "refresh token": account.app.refresh,
        "webhook": webhook["secret"],
        "subscription": subscription["signingSecret"],
        "password": "correct horse battery",
        "session": session,
        "lock code": "zq-code-483920",
        "calendar": "zq-feed-77",
    }
    assert all(len(secret) > 8 for secret in secrets.values())
    assert [name for name, secret in secrets.items() if secret in dump] == []


def test_a_sealed_value_that_was_moved_opens_nowhere_else(vault: Vault) -> None:
    """P25: row, column, table or workspace."""
    sealed = vault.seal(b"483920", PLACE)

    assert vault.open(sealed, PLACE) == b"483920"
    for other in (
        "7/bookings/lock_code/9002",
        "7/bookings/notes/9001",
        "7/calendars/url/9001",
        "8/bookings/lock_code/9001",
    ):
        with pytest.raises(Unreadable):
            vault.open(sealed, other)


def test_every_single_bit_that_changes_and_every_cut_is_noticed(vault: Vault) -> None:
    """P26"""
    sealed = vault.seal(b"483920", PLACE)

    broken = [_flipped(sealed, bit) for bit in range(8 * len(sealed))]
    broken += [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]

    for one in broken:
        with pytest.raises(Unreadable):
            vault.open(one, PLACE)


def test_another_key_opens_nothing(vault: Vault) -> None:
    """P26"""
    other = Vault(bytes(range(1, 33)))

    with pytest.raises(Unreadable):
        other.open(vault.seal(b"483920", PLACE), PLACE)
    with pytest.raises(Unreadable):
        other.signed(vault.sign({"g": 1}, "wallet"), "wallet")


def _flipped(sealed: bytes, bit: int) -> bytes:
    return sealed[: bit // 8] + bytes([sealed[bit // 8] ^ (1 << bit % 8)]) + sealed[bit // 8 + 1 :]
