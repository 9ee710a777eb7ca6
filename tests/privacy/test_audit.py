"""What is written down of who did what, and who may read it (cases P19, P21)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hospes.capabilities import record, staff
from hospes.capabilities.staff.audit import Entry
from tests.living import SECRET_KEY, Api, Home, Receiver
from tests.oauth.acting import PASSWORD, new_person
from tests.privacy.test_key_rotation import run
from tests.staff.test_cases_signing_in import attempt

GUEST = {"name": "Zoë Quandt", "email": "zoe.quandt@example.com", "phone": "+33612349876"}


async def entries(api: Api) -> list[Entry]:
    return list(reversed(await staff.audit.list_after(api.reader(), None, limit=100)))


async def by_signing_in(api: Api, _receiver: Receiver) -> None:
    person = await new_person(api)
    await attempt(person.browser, person.email, PASSWORD)


async def by_a_wrong_password(api: Api, _receiver: Receiver) -> None:
    person = await new_person(api)
    await attempt(person.browser, person.email, "not the password")


async def by_a_role(api: Api, _receiver: Receiver) -> None:
    person = await new_person(api)
    async with api.begin() as tx:
        await staff.join(tx, person.staff_id, "manager")


async def by_exporting(api: Api, _receiver: Receiver) -> None:
    guest = await api.new_guest(**GUEST)
    answer = await api.workspace("POST", f"/guests/{guest['id']}/export")
    assert answer.status < 300, answer


async def by_erasing(api: Api, _receiver: Receiver) -> None:
    guest = await api.new_guest(**GUEST)
    answer = await api.workspace("DELETE", f"/guests/{guest['id']}")
    assert answer.status < 300, answer


async def by_holding(api: Api, _receiver: Receiver) -> None:
    guest = await api.new_guest(**GUEST)
    async with api.begin() as tx:
        await record.keep(tx, guest["id"], reason=f"{GUEST['name']} did not pay.")


async def by_replaying(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver, "guest.created")
    await api.new_guest(**GUEST)
    await api.deliver()
    [sent] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    answer = await api.post(f"/webhooks/{webhook['id']}/deliveries/{sent['id']}/replay")
    assert answer.status < 300, answer


DEEDS: list[tuple[Callable[[Api, Receiver], Awaitable[None]], str, str]] = [
    (by_signing_in, "staff.signed_in", "staff"),
    (by_a_wrong_password, "staff.sign_in_refused", "staff"),
    (by_a_role, "staff.joined", "test"),
    (by_exporting, "guest.export_offered", "workspace_api"),
    (by_erasing, "guest.erased", "workspace_api"),
    (by_holding, "guest.held", "test"),
    (by_replaying, "webhook.replayed", "guest_api"),
]


@pytest.mark.parametrize(("deed", "action", "door"), DEEDS)
async def test_each_deed_leaves_one_entry_without_a_secret_and_without_the_person(
    home: Home, api: Api, receiver: Receiver, deed: Callable[[Api, Receiver], Awaitable[None]], action: str, door: str
) -> None:
    """P19: who, what, when, from where."""
    await deed(api, receiver)

    found = [entry for entry in await entries(api) if entry.action == action]
    told = found[-1]
    assert len(found) == (2 if action == "staff.joined" else 1)
    assert told.actor
    assert told.acted_at == home.clock.now()
    assert told.facts["door"] == door
    assert door == "test" or re.fullmatch(r"[0-9.]+", told.facts["address"])
    kept = str(await entries(api))
    assert not [value for value in (*GUEST.values(), PASSWORD, api.key, *api.tokens.values()) if value in kept]


async def test_keys_and_people_are_written_down_by_the_command_line(home: Home, api: Api) -> None:
    """P19"""
    person = await new_person(api)
    environment = {"HOSPES_DATABASE_URL": home.dsn, "HOSPES_SECRET_KEY": SECRET_KEY}
    mine = str(api.workspace_id)
    made: dict[str, str] = {}
    for name, arguments in {
        "key": ["keys", "create", mine, "--scope", "*"],
        "token": ["tokens", "create", mine],
        "brand": ["brand-keys", "create", mine],
    }.items():
        status, made[name] = await run(*arguments, **environment)
        assert status == 0, made
    created = {entry.action: entry.facts for entry in await entries(api)}
    for arguments in (
        ["keys", "revoke", str(created["key.created"]["key_id"])],
        ["tokens", "revoke", str(created["token.created"]["token_id"])],
        ["brand-keys", "deactivate", str(created["brand_key.created"]["key_id"])],
        ["staff", "password", person.email, "--generate"],
        ["staff", "disable", person.email],
        ["staff", "enable", person.email],
    ):
        status, said = await run(*arguments, **environment)
        assert status == 0, said

    told = await entries(api)
    assert [entry.action for entry in told if entry.facts["door"] == "cli"] == [
        *("key.created", "token.created", "brand_key.created"),
        *("key.revoked", "token.revoked", "brand_key.deactivated"),
        *("staff.password_changed", "staff.disabled", "staff.enabled"),
    ]
    secrets = [line for said in made.values() for line in said.split() if len(line) > 20]
    assert len(secrets) >= 3
    assert not [secret for secret in secrets if secret in str(told)]


async def test_nobody_reads_another_workspaces_log(home: Home, api: Api) -> None:
    """P21: there is no address that names one, and no id that leads into one."""
    other = await home.new_api()
    async with api.begin() as tx:
        await staff.audit.note(tx, "app.allowed", app="ours")
    async with other.begin() as tx:
        await staff.audit.note(tx, "app.allowed", app="theirs")
    [theirs] = await entries(other)

    pages: list[Any] = [
        (await api.workspace("GET", "/audit")).json(),
        (await api.workspace("GET", "/audit", after=theirs.id)).json(),
        (await api.workspace("GET", "/audit", after=theirs.id + 1)).json(),
    ]
    by_id = await api.workspace("GET", f"/audit/{theirs.id}")
    by_workspace = await api.workspace("GET", f"/workspaces/{other.workspace_id}/audit")
    staffs = await api.workspace("GET", "/audit", role="staff")

    assert "theirs" not in str(pages)
    assert "ours" in str(pages[0])
    assert (by_id.status, by_workspace.status) == (404, 404)
    assert staffs.status == 403
