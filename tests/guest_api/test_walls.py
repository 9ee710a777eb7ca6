"""Every endpoint with every other workspace's ids: as if they did not exist."""

import re
from typing import Any

import pytest

from hospes.capabilities import messaging, promotions, wallet
from hospes.doors import guest_api
from tests.living import Api, Home, Receiver

NOT_FOUND = {"Guest not found", "Webhook not found", "Delivery not found", "Promotion not found", "Pass not found"}


async def their_own(other: Api, receiver: Receiver) -> dict[str, str]:
    """One of everything that paths name, in this workspace: ids by the names of the paths."""
    webhook = await other.new_webhook(receiver)
    guest = await other.new_guest(name="Theirs", email="theirs@example.com")
    await other.post(f"/crm/guests/{guest['id']}/notes", {"text": "Theirs"})
    [delivery, *_] = (await other.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    async with other.begin() as tx:
        promotion = await promotions.definitions.create(tx, promotions.Terms(name="Theirs", kind="free_item"))
        await promotions.definitions.activate(tx, promotion)
        draft = messaging.outbox.Draft(channel="email", purpose="transactional", address="a@example.com", text="Hello")
        message = await messaging.outbox.put(tx, draft)
        issued = await wallet.passes.issue(tx, other.home.server.vault, guest_id=guest["id"], portal_id=other.portal_id)
    return {
        "promotion_id": str(promotion),
        "request_id": str(message),
        "serial_ref": issued.serial,
        "guest_id": str(guest["id"]),
        "webhook_id": str(webhook["id"]),
        "delivery_ref": delivery["id"],
    }


@pytest.mark.parametrize(
    "route",
    [route for route in guest_api.ROUTES if "{" in route.path],
    ids=lambda route: f"{route.method} {route.path}",
)
async def test_another_workspaces_ids_are_404_and_nothing_of_theirs_changes(
    home: Home, api: Api, receiver: Receiver, route: Any
) -> None:
    other = await home.new_api()
    theirs = await their_own(other, receiver)
    before = [(await other.get(path)).body for path in ("/crm/guests", "/webhooks", "/crm/events")]

    path = re.sub(r"{(\w+)}", lambda found: theirs[found[1]], route.path)
    body = route.example
    if isinstance(body, dict) and "guest_id" in body:
        body = {**body, "guest_id": int(theirs["guest_id"])}
    answer = await api.ask(route.method, path, body)

    assert answer.status == 404, answer
    assert answer.json()["detail"] in NOT_FOUND
    assert [(await other.get(path)).body for path in ("/crm/guests", "/webhooks", "/crm/events")] == before


async def test_another_workspaces_ids_in_bodies_and_queries_find_nothing(home: Home, api: Api) -> None:
    other = await home.new_api()
    guest = await other.new_guest(name="Theirs", email="theirs@example.com")

    created = await api.post("/crm/guests", {"location_id": other.location_id, "name": "Anna"})
    portal = await api.post("/crm/guests", {"location_id": api.location_id, "portal_id": other.portal_id, "name": "A"})
    listed = await api.get("/crm/guests", location_id=other.location_id)
    events = await api.get("/crm/events", guest_id=guest["id"])
    same_email = await api.post("/crm/guests", {"location_id": api.location_id, "email": "theirs@example.com"})

    assert (created.status, portal.status, events.status) == (404, 404, 404)
    assert listed.json()["total"] == 0
    assert same_email.status == 201
    assert (await api.get("/crm/guests", search="theirs")).json()["total"] == 1
