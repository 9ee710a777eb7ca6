"""What came of a campaign: every figure opens to its rows and equals their count, on the way out too."""

import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import pytest

from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns, events, messaging
from hospes.capabilities.bookings.party import Party
from hospes.capabilities.campaigns import reports
from hospes.capabilities.messaging.feedback import Told
from hospes.capabilities.promotions.happenings import PromotionRedeemed
from hospes.capabilities.wifi.happenings import VisitStarted
from tests.campaigns.planning import broadcast, new_guest, visit
from tests.campaigns.test_life import launched
from tests.campaigns.test_links import OFFER, link, pixel
from tests.living import Api, Home
from tests.messaging.mailing import Post, sending_campaigns
from tests.property_api.account import Account

ANSWERS = {
    "gone@example.com": "550 5.1.1 No such user",
    "broken@example.com": "554 5.7.1 Not wanted",
    "late@example.com": "451 4.7.1 Later",
}


async def busy_campaign(home: Home, api: Api, vault: Vault, post: Post) -> tuple[int, dict[str, int]]:
    """A campaign to which everything happened that can; returns its id and its guests."""
    names = ("Reader", "Clicker", "Robot", "Leaver", "Angry", "Arrived", "Gone", "Broken", "Late")
    people = {name: await new_guest(api, name) for name in names}
    people["Silent"] = await new_guest(api, "Silent", marketing_consent=None)
    people["Nowhere"] = await new_guest(api, "Nowhere", email="", phone="+33612345678")
    post.to_recipient = lambda address: ANSWERS.get(address, "250 OK")
    campaign_id = await broadcast(api, *people.values(), content=OFFER)
    await launched(api, campaign_id)
    async with sending_campaigns(home, vault, post.port) as room:
        await room.run(api.workspace_id)
    home.clock.advance(minutes=1)
    html = {str(mail["To"]).partition("@")[0]: str(mail.get_body(("html",)).get_content()) for mail in post.mails}
    await visit(home, pixel(html["reader"]))
    await visit(home, pixel(html["reader"]))
    await visit(home, pixel(html["clicker"]))
    await visit(home, link(html["clicker"]))
    await visit(home, pixel(html["robot"]), agent="Mozilla/5.0")
    await visit(home, link(html["robot"]), agent="curl/8")
    leaving = next(mail for mail in post.mails if mail["To"] == "leaver@example.com")
    await visit(home, leaving["List-Unsubscribe"].strip("<>"), method="POST", form="List-Unsubscribe=One-Click")
    sent = {row.guest_id: row.message_id for row in await all_rows(api, campaign_id, "sent")}
    async with api.begin() as tx:
        await messaging.feedback.note(tx, sent[people["Angry"]], Told("", "complained"))
        await messaging.feedback.note(tx, sent[people["Arrived"]], Told("", "delivered"))
    return campaign_id, people


async def all_rows(api: Api, campaign_id: int, figure: str, *, limit: int = 2) -> list[reports.Row]:
    """Every row behind a figure, by pages."""
    found: list[reports.Row] = []
    while page := await reports.rows(
        api.reader(), campaign_id, figure, after=found[-1].message_id if found else None, limit=limit
    ):
        found += page
    return found


async def test_every_figure_equals_the_count_of_its_rows(home: Home, api: Api, vault: Vault, post: Post) -> None:
    campaign_id, people = await busy_campaign(home, api, vault, post)
    account = await Account.open(home, api)
    await account.new_booking(guest=Party(email="reader@example.com"))
    async with api.begin() as tx:
        await events.record(tx, VisitStarted(people["Clicker"], 1, api.location_id), location_id=api.location_id)
        await events.record(tx, PromotionRedeemed(people["Robot"], 7, 1, api.location_id), location_id=api.location_id)

    report = await reports.report(api.reader(), campaign_id)

    figures: dict[str, Any] = {name: getattr(report.figures, name) for name in reports.FIGURES}
    figures |= {name: getattr(report.followed, name) for name in reports.FOLLOWED}
    figures |= {f"excluded.{cause}": count for cause, count in report.excluded.items()}
    counted = {name: len(await all_rows(api, campaign_id, name)) for name in figures}
    assert counted == figures
    assert figures == {
        "targeted": 11,
        "queued": 1,
        "excluded": 2,
        "sent": 6,
        "delivered": 1,
        "bounced": 1,
        "failed": 1,
        "opened": 2,
        "opened_by_machines": 1,
        "clicked": 1,
        "clicked_by_machines": 1,
        "unsubscribed": 1,
        "complained": 1,
        "booked": 1,
        "visited": 1,
        "redeemed": 1,
        "excluded.no_address": 1,
        "excluded.no_consent": 1,
    }
    assert (report.figures.opens, report.figures.clicks) == (3, 1)
    assert sum(row.opens for row in await all_rows(api, campaign_id, "opened")) == report.figures.opens
    assert sum(row.clicks for row in await all_rows(api, campaign_id, "clicked")) == report.figures.clicks


async def test_what_follows_counts_within_its_window_and_not_before_the_message(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    async with api.begin() as tx:
        await events.record(tx, VisitStarted(anna, 1, api.location_id), location_id=api.location_id)
    home.clock.advance(minutes=1)
    campaign_id = await broadcast(api, anna)
    await api.deliver()
    before = (await reports.report(api.reader(), campaign_id)).followed.visited
    home.clock.advance(days=7)
    async with api.begin() as tx:
        await events.record(tx, VisitStarted(anna, 2, api.location_id), location_id=api.location_id)

    in_week = await reports.report(api.reader(), campaign_id)
    in_eight_days = await reports.report(api.reader(), campaign_id, window_days=8)

    assert (before, in_week.followed.visited, in_eight_days.followed.visited) == (0, 0, 1)


async def test_a_series_tells_when_and_adds_up(home: Home, api: Api, vault: Vault, post: Post) -> None:
    campaign_id, _ = await busy_campaign(home, api, vault, post)
    home.clock.advance(days=1)
    leaver = next(mail for mail in post.mails if mail["To"] == "leaver@example.com")
    await visit(home, pixel(str(leaver.get_body(("html",)).get_content())))

    days = await reports.series(api.reader(), [campaign_id])
    years = await reports.series(api.reader(), [campaign_id], every="annual")

    figures = (await reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert [bucket.day_on for bucket in days] == [date(2026, 6, 20), date(2026, 6, 21)]
    assert [bucket.day_on for bucket in years] == [date(2026, 1, 1)]
    for name in ("sent", "delivered", "bounced", "failed", "opened", "clicked", "unsubscribed", "complained"):
        assert sum(getattr(bucket, name) for bucket in days) == getattr(figures, name), name
    with pytest.raises(Invalid):
        await reports.series(api.reader(), [campaign_id], every="hourly")


async def test_figures_of_a_channel_are_the_sum_of_its_campaigns(home: Home, api: Api) -> None:
    anna, ben = await new_guest(api, "Anna", phone="+33612345678"), await new_guest(api, "Ben")
    await broadcast(api, anna, ben)
    await broadcast(api, anna)
    await broadcast(api, anna, channel="sms", content=campaigns.Content(text="Hi"))
    await api.deliver()

    now = home.clock.now()
    found = {one.channel: one for one in await reports.by_channel(api.reader(), now, now + timedelta(days=1))}
    later = await reports.by_channel(api.reader(), now + timedelta(seconds=1), now + timedelta(days=1))

    assert (found["email"].campaigns, found["email"].figures["delivered"]) == (2, 3)
    assert [(bucket.day_on, bucket.sent) for bucket in found["email"].series] == [(date(2026, 6, 20), 3)]
    assert (found["sms"].campaigns, found["sms"].figures["delivered"]) == (1, 1)
    assert later == []


async def test_the_log_tells_of_each_message_whose_campaign_it_was(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    campaign_id, people = await busy_campaign(home, api, vault, post)

    told: dict[str, list[str]] = {}
    for name, guest_id in people.items():
        found = await events.list_newest(api.reader(), events.Filter([guest_id]), limit=50, offset=0)
        told[name] = sorted(entry.type for entry in found if entry.payload.get("campaign_id") == campaign_id)

    assert told == {
        "Reader": ["message.opened", "message.sent"],
        "Clicker": ["message.clicked", "message.opened", "message.sent"],
        "Robot": ["message.sent"],
        "Leaver": ["message.sent", "message.unsubscribed"],
        "Angry": ["message.complained", "message.sent"],
        "Arrived": ["message.delivered", "message.sent"],
        "Gone": ["message.bounced"],
        "Broken": ["message.failed"],
        "Late": [],
        "Silent": [],
        "Nowhere": [],
    }


async def test_an_export_holds_every_message_once_and_no_cell_that_would_be_calculated(home: Home, api: Api) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(4)]
    formula = await new_guest(api, "Formula", email="=1+1@example.com")
    campaign_id = await broadcast(api, *ids, formula)
    await api.deliver()

    tables = {}
    for form in campaigns.exports.FORMATS:
        pages = await campaigns.exports.written(api.reader(), campaign_id, form)
        tables[form] = "".join([page async for page in pages])

    lines = list(csv.DictReader(io.StringIO(tables["csv"])))
    objects = [json.loads(line) for line in tables["ndjson"].splitlines()]
    assert [int(line["guest_id"]) for line in lines] == [one["guest_id"] for one in objects] == [*ids, formula]
    assert lines[-1]["address"] == "'=1+1@example.com"
    assert objects[-1]["address"] == "=1+1@example.com"
    assert {line["status"] for line in lines} == {"delivered"}


async def test_an_export_of_what_is_not_there_is_refused_before_it_begins(api: Api) -> None:
    campaign_id = await broadcast(api, await new_guest(api, "Anna"))

    with pytest.raises(Invalid):
        await campaigns.exports.written(api.reader(), campaign_id, "xlsx")
    with pytest.raises(Invalid):
        await campaigns.exports.written(api.reader(), campaign_id, "csv", figure="nothing")
    with pytest.raises(NotFound):
        await campaigns.exports.written(api.reader(), 999_999_999, "csv")
