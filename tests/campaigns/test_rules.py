"""Who gets a message and who does not: consent, suppression, quiet hours, frequency; and that a dry run says so."""

from datetime import UTC, datetime, time, timedelta

import pytest

from hospes.base.errors import Invalid
from hospes.capabilities import campaigns, guests, messaging
from hospes.capabilities.campaigns.rules import Rules, quiet_ends
from tests.campaigns.planning import NEWS, broadcast, new_guest, rows, state
from tests.campaigns.test_life import launched
from tests.living import Api, Home


async def set_rules(api: Api, **fields: object) -> None:
    async with api.begin() as tx:
        await campaigns.rules.change(tx, Rules(**fields))  # type: ignore[arg-type]


async def withdraw(api: Api, guest_id: int) -> None:
    async with api.begin() as tx:
        await guests.update(tx, guest_id, guests.Changes(consents={"email": False}), evidence="test")


async def test_each_guest_who_gets_nothing_has_the_first_cause_that_holds(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    silent = await new_guest(api, "Silent", marketing_consent=None)
    stopped = await new_guest(api, "Stopped")
    await withdraw(api, stopped)
    bounced = await new_guest(api, "Bounced")
    async with api.begin() as tx:
        await messaging.suppressions.add(tx, "email", "bounced@example.com", reason="550")
    nowhere = await new_guest(api, "Nowhere", email="", phone="+33612345678")
    campaign_id = await broadcast(api, anna, silent, stopped, bounced, nowhere)

    await api.deliver()

    assert await rows(api, campaign_id) == {
        anna: "delivered",
        silent: "no_consent",
        stopped: "unsubscribed",
        bounced: "suppressed",
        nowhere: "no_address",
    }


async def test_what_a_guest_asked_for_needs_no_consent_but_an_address_that_takes_it(home: Home, api: Api) -> None:
    await set_rules(api, quiet_from=time(0, 0), quiet_until=time(23, 59), email_most=1, email_days=30)
    silent = await new_guest(api, "Silent", marketing_consent=False)
    nowhere = await new_guest(api, "Nowhere", email="", phone="+33612345678")

    async with api.begin() as tx:
        sent = await campaigns.send_one(tx, silent, "email", NEWS, is_transactional=True)
        skipped = await campaigns.send_one(tx, nowhere, "email", NEWS, is_transactional=True)
        refused = await campaigns.send_one(tx, silent, "email", NEWS)
    await api.deliver()

    assert (sent.recipients, sent.skipped, sent.cause) == (1, 0, None)
    assert (skipped.recipients, skipped.skipped, skipped.cause) == (0, 1, "no_address")
    assert (refused.recipients, refused.skipped, refused.cause) == (0, 1, "unsubscribed")
    assert await rows(api, sent.campaign_id) == {silent: "delivered"}
    assert await rows(api, refused.campaign_id) == {silent: "unsubscribed"}
    assert await state(api, refused.campaign_id) == "completed"
    assert await campaigns.list_after(api.reader(), None, limit=10) == []


async def test_nothing_is_taken_for_sending_after_consent_was_taken_back(home: Home, api: Api) -> None:
    """Case P13: the transaction that takes a message reads the newest answer."""
    ids = [await new_guest(api, f"Guest{number}") for number in range(6)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)

    for guest_id in ids[::2]:
        await withdraw(api, guest_id)
    await api.deliver()

    expected = {guest_id: "unsubscribed" if place % 2 == 0 else "delivered" for place, guest_id in enumerate(ids)}
    assert await rows(api, campaign_id) == expected


async def test_quiet_hours_hold_a_message_until_they_end_on_the_guests_own_clock(home: Home, api: Api) -> None:
    await set_rules(api, quiet_from=time(20, 0), quiet_until=time(8, 0))
    tokyo = await new_guest(api, "Aiko", attributes={"time_zone": "Asia/Tokyo"})  # 21:00 there
    paris = await new_guest(api, "Luc")  # 14:00 there
    campaign_id = await broadcast(api, tokyo, paris)

    await api.deliver()
    at_once = await rows(api, campaign_id)
    home.clock.advance(hours=10, minutes=59)
    await api.deliver()
    before = await rows(api, campaign_id)
    home.clock.advance(minutes=1)
    await api.deliver()

    assert at_once == before == {tokyo: "queued", paris: "delivered"}
    assert await rows(api, campaign_id) == {tokyo: "delivered", paris: "delivered"}
    assert await state(api, campaign_id) == "completed"


async def test_a_guest_gets_so_many_campaigns_in_so_many_days_and_not_one_more(home: Home, api: Api) -> None:
    await set_rules(api, email_most=2, email_days=7)
    anna, ben = await new_guest(api, "Anna"), await new_guest(api, "Ben")
    made = [await broadcast(api, anna), await broadcast(api, anna, ben), await broadcast(api, anna, ben)]
    await api.deliver()
    home.clock.advance(days=7, seconds=1)
    made.append(await broadcast(api, anna, ben))
    await api.deliver()

    found = [await rows(api, campaign_id) for campaign_id in made]

    assert found == [
        {anna: "delivered"},
        {anna: "delivered", ben: "delivered"},
        {anna: "frequency_cap", ben: "delivered"},
        {anna: "delivered", ben: "delivered"},
    ]


async def test_a_dry_run_says_what_is_then_sent(home: Home, api: Api) -> None:
    await set_rules(api, quiet_from=time(20, 0), quiet_until=time(8, 0), email_most=1, email_days=7)
    people = {
        "Anna": {},
        "Silent": {"marketing_consent": None},
        "Stopped": {"marketing_consent": False},
        "Nowhere": {"email": "", "phone": "+33612345678"},
        "Aiko": {"attributes": {"time_zone": "Asia/Tokyo"}},
        "Heard": {},
    }
    ids = [await new_guest(api, name, **fields) for name, fields in people.items()]  # type: ignore[arg-type]
    await broadcast(api, ids[-1])
    await api.deliver()
    plan = campaigns.Plan(channel="email", content=NEWS, audience=campaigns.audiences.named(ids))

    rehearsed = await campaigns.rehearse(api.reader(), plan)
    campaign_id = await broadcast(api, *ids)
    await api.deliver()

    report = await campaigns.reports.report(api.reader(), campaign_id)
    assert rehearsed.excluded == {"frequency_cap": 1, "no_address": 1, "no_consent": 1, "unsubscribed": 1}
    assert (rehearsed.targeted, rehearsed.sent, rehearsed.waiting) == (6, 1, 1)
    assert report.excluded == rehearsed.excluded
    assert (report.figures.targeted, report.figures.sent, report.figures.queued) == (6, 1, 1)


async def test_rules_that_say_half_of_something_are_refused(api: Api) -> None:
    for fields in (
        {"quiet_from": time(22, 0)},
        {"quiet_from": time(8, 0), "quiet_until": time(8, 0)},
        {"email_most": 3},
        {"sms_most": 0, "sms_days": 3},
    ):
        with pytest.raises(Invalid):
            await set_rules(api, **fields)

    assert await campaigns.rules.get(api.reader()) == Rules()


@pytest.mark.parametrize(
    ("at", "zone", "ends"),
    [
        ("2026-06-20T21:59:59", "UTC", None),
        ("2026-06-20T22:00:00", "UTC", "2026-06-21T08:00:00"),
        ("2026-06-21T07:59:59", "UTC", "2026-06-21T08:00:00"),
        ("2026-06-21T08:00:00", "UTC", None),
        ("2026-06-20T20:30:00", "Europe/Paris", "2026-06-21T06:00:00"),
        ("2026-03-28T22:30:00", "Europe/Paris", "2026-03-29T06:00:00"),  # the night the clocks go forward
        ("2026-10-24T21:30:00", "Europe/Paris", "2026-10-25T07:00:00"),  # and back
    ],
)
def test_quiet_hours_over_midnight_end_in_the_morning(at: str, zone: str, ends: str | None) -> None:
    night = Rules(quiet_from=time(22, 0), quiet_until=time(8, 0))
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)

    found = quiet_ends(night, now, zone)

    assert found == (datetime.fromisoformat(ends).replace(tzinfo=UTC) if ends else None)


def test_quiet_hours_within_a_day_end_on_it() -> None:
    noon = Rules(quiet_from=time(12, 0), quiet_until=time(14, 0))
    now = datetime(2026, 6, 20, 13, 0, tzinfo=UTC)

    assert quiet_ends(noon, now, "UTC") == now + timedelta(hours=1)
    assert quiet_ends(noon, now + timedelta(hours=1), "UTC") is None
