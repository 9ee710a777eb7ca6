"""Campaigns through the contract: to one, to a segment, to everybody; and what came of them."""

from typing import Any

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities import messaging, tracking
from hospes.capabilities.messaging.registrations import Target
from tests.audience_api.brand import Brand, data, said
from tests.campaigns.planning import html_of, mail_to, visit

EMAIL = {"subject": "Hello @{first_name}@", "message": "<p>Hello @{name}@, from @{city}@.</p>"}
PUSH = {"title": "Hello @{name}@", "message": "Your room is ready", "url": "https://hotel.example.com/stay"}


async def people(brand: Brand) -> None:
    await brand.tell("u-1", name="Ann <b>", first_name="Ann", email="ann@example.com", email_opt_in="1")
    await brand.tell("u-2", name="Ben", email="ben@example.com", email_opt_in="0")
    await brand.tell("u-3", name="Cy", email="cy@example.com", mobile="+33612345678", sms_opt_in="1")


async def device(brand: Brand, vault: Vault, user_id: str, platform: str = "android") -> int:
    guest = await tracking.users.find(brand.api.reader(), user_id)
    async with brand.api.begin() as tx:
        address = "ab" * 32 if platform == "ios" else f"{user_id}:APA91b-{'x' * 120}"
        target = Target(platform=platform, address=address)
        return await messaging.registrations.register(tx, vault, guest.id, target)


async def test_an_email_reaches_who_subscribed_with_their_own_words(brand: Brand) -> None:
    await people(brand)

    answer = await brand.post("/api/v1/email/send", {"userID": "u-1", **EMAIL})
    await brand.api.deliver()

    told = data(answer)
    assert (told["state"], told["recipients"], told["skipped"]) == ("queued", 1, 0)
    mail = mail_to(brand.home, brand.api, "ann@example.com")
    assert mail["Subject"] == "Hello Ann"
    assert "Hello Ann &lt;b&gt;, from ." in html_of(mail)


@pytest.mark.parametrize("recipient", [{"userID": "u-2"}, {"email": "ben@example.com"}, {"userID": "u-3"}])
async def test_who_did_not_subscribe_is_skipped(brand: Brand, recipient: dict[str, str]) -> None:
    await people(brand)

    answer = await brand.post("/api/v1/email/send", {**recipient, **EMAIL})

    assert answer.status == 200
    assert (data(answer)["recipients"], data(answer)["skipped"]) == (0, 1)


async def test_a_text_message_goes_to_the_number(brand: Brand) -> None:
    await people(brand)

    answer = await brand.post("/api/v1/sms/send", {"mobile": "+33612345678", "message": "Hi @{name}@"})

    assert data(answer)["recipients"] == 1


async def test_a_push_fans_out_to_every_device_on_the_platform(brand: Brand, vault: Vault) -> None:
    await people(brand)
    subscriber = await device(brand, vault, "u-1")
    await device(brand, vault, "u-1", "ios")

    by_user = await brand.post("/api/v1/android/send", {"userID": "u-1", **PUSH})
    by_device = await brand.post("/api/v1/android/send", {"subscriber_id": str(subscriber), **PUSH})
    other = await brand.post("/api/v1/web/send", {"userID": "u-1", **PUSH})
    elsewhere = await brand.post("/api/v1/ios/send", {"subscriber_id": str(subscriber), **PUSH})

    assert [data(answer).get("recipients") for answer in (by_user, by_device, other)] == [0, 0, 0]
    assert elsewhere.status == 400
    await brand.tell("u-1", push_opt_in="1")
    again = await brand.post("/api/v1/android/send", {"userID": "u-1", **PUSH})
    assert (data(again)["state"], data(again)["recipients"]) == ("queued", 1)
    assert data(again)["notificationId"].isdecimal()


async def new_segment(brand: Brand) -> int:
    """Everybody who agreed to emails."""
    rules = {"combinator": "and", "rules": [{"field": "consent.email", "operator": "=", "value": True}]}
    answer = await brand.api.workspace("POST", "/segments", {"name": "Subscribed", "rules": {"version": 1, **rules}})
    assert answer.status == 201, answer
    segment_id = int(answer.json()["id"])
    published = await brand.api.workspace("POST", f"/segments/{segment_id}/publish")
    assert published.status < 300, published
    await brand.api.deliver()
    return segment_id


async def test_a_campaign_to_a_segment_at_a_time_is_reported(brand: Brand) -> None:
    await people(brand)
    segment_id = await new_segment(brand)

    answer = await brand.post(
        "/api/v1/email/broadcast/segment",
        {"segment_id": str(segment_id), "scheduled_at": "2026-06-20T15:00:00", "campaign_name": "June", **EMAIL},
    )
    assert data(answer)["state"] == "scheduled"
    assert (data(answer)["scheduled_at"], data(answer)["recipients"]) == ("2026-06-20T15:00:00+0000", 1)
    await brand.tell("u-3", email_opt_in="1")
    await brand.api.deliver()
    brand.home.clock.advance(hours=3)
    await brand.api.deliver()

    body = {"fromDate": "2026-06-01", "toDate": "2026-06-30", "timeseries": "daily"}
    report = data(await brand.post("/api_in/v1/get_campaign", body))
    [campaign] = report["campaigns"]
    assert (report["total"], report["page"], report["limit"]) == (1, 1, 50)
    assert campaign["campaign_id"] == data(answer)["campaign_id"]
    assert (campaign["campaign_name"], campaign["channel"], campaign["segment_id"], campaign["state"]) == (
        "June",
        "email",
        segment_id,
        "completed",
    )
    assert (campaign["stats"]["sent"], campaign["stats"]["delivered"], campaign["stats"]["revenue"]) == (2, 2, 0)
    assert [(point["date"], point["sent"]) for point in campaign["series"]] == [("2026-06-20", 2)]


async def test_what_guests_spend_after_a_message_is_its_revenue(brand: Brand) -> None:
    await people(brand)
    segment_id = await new_segment(brand)
    answer = await brand.post("/api/v1/email/broadcast/segment", {"segment_id": segment_id, **EMAIL})
    await brand.api.deliver()
    brand.home.clock.advance(hours=1)

    await brand.track(
        {"userID": "u-1", "event_name": "Order Placed", "ltv": "25.5"},
        {"userID": "u-1", "event_name": "Order Placed", "ltv": 10},
        {"userID": "u-2", "event_name": "Order Placed", "ltv": 99},
    )

    asked = {"campaign_id": data(answer)["campaign_id"]}
    [campaign] = data(await brand.post("/api_in/v1/get_campaign", asked))["campaigns"]
    assert campaign["stats"]["revenue"] == 35.5


async def test_everybody_with_an_address_is_asked_and_only_subscribers_get_it(brand: Brand) -> None:
    await people(brand)

    answer = await brand.post("/api/v1/email/broadcast/all", EMAIL)
    await brand.api.deliver()

    asked = {"campaign_id": data(answer)["campaign_id"]}
    [campaign] = data(await brand.post("/api_in/v1/get_campaign", asked))["campaigns"]
    assert data(answer)["recipients"] == 3
    assert campaign["stats"]["sent"] == 1


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no subject": ("email/send", {"userID": "u-1", "message": "<p>Hi</p>"}),
    "no recipient": ("email/send", EMAIL),
    "two recipients": ("email/send", {"userID": "u-1", "email": "ann@example.com", **EMAIL}),
    "unknown user": ("email/send", {"userID": "nobody", **EMAIL}),
    "unknown address": ("email/send", {"email": "nobody@example.com", **EMAIL}),
    "no message": ("sms/send", {"userID": "u-1"}),
    "no url on the web": ("web/send", {"userID": "u-1", "title": "T", "message": "M"}),
    "no title": ("android/send", {"userID": "u-1", "message": "M"}),
    "unknown subscriber": ("ios/send", {"subscriber_id": "77", **PUSH}),
    "unknown segment": ("email/broadcast/segment", {"segment_id": 77, **EMAIL}),
    "no segment": ("email/broadcast/segment", EMAIL),
    "in the past": ("email/broadcast/all", {"scheduled_at": "2026-06-20T11:59:59", **EMAIL}),
    "some time": ("email/broadcast/all", {"scheduled_at": "soon", **EMAIL}),
    "broken Liquid": ("email/send", {"userID": "u-1", "subject": "Hi", "message": "{% if %}"}),
    "a script as link": ("web/send", {"userID": "u-1", **PUSH, "url": "javascript:alert(1)"}),
}


@pytest.mark.parametrize("what", BAD)
async def test_bad_campaigns_are_400_and_send_nothing(brand: Brand, what: str) -> None:
    await people(brand)
    path, body = BAD[what]

    answer = await brand.post(f"/api/v1/{path}", body)

    status, outcome, message = said(answer)
    assert (status, outcome) == (400, "error")
    assert message.startswith("Invalid resource: ")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fromDate": "2026-06-01"},
        {"fromDate": "2026-06-02", "toDate": "2026-06-01"},
        {"fromDate": "2024-06-01", "toDate": "2026-06-01"},
        {"campaign_id": "c-77"},
        {"campaign_id": "77x"},
        {"fromDate": "2026-06-01", "toDate": "2026-06-02", "limit": 101},
    ],
)
async def test_reports_that_make_no_sense_are_told(brand: Brand, body: dict[str, Any]) -> None:
    assert (await brand.post("/api_in/v1/get_campaign", body)).status == 400


async def test_a_link_in_a_text_message_is_reported_as_clicked(brand: Brand) -> None:
    await people(brand)
    link = "https://shop.example/summer?who=@{name}@"
    answer = await brand.post(
        "/api/v1/sms/send", {"userID": "u-3", "message": f"Hi, see {link}", "sender_id": "Bistro"}
    )
    await brand.api.deliver()
    folder = brand.home.server.settings.data_dir / "outbox"
    [kept] = [path.read_text() for path in folder.glob(f"{brand.api.workspace_id}.*.sms")]
    brand.home.clock.advance(minutes=1)

    led = await visit(brand.home, kept.rpartition(" ")[2])

    assert "\nFrom: Bistro\n" in kept
    assert led.headers["location"] == "https://shop.example/summer?who=Cy"
    report = data(await brand.post("/api_in/v1/get_campaign", {"campaign_id": data(answer)["campaign_id"]}))
    [campaign] = report["campaigns"]
    assert (campaign["channel"], campaign["stats"]["sent"], campaign["stats"]["unique_clicked"]) == ("sms", 1, 1)
