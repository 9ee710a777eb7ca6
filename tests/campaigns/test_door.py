"""Campaigns through the Workspace API: planned, tried, steered, reported on, exported."""

from typing import Any

import pytest

from tests.campaigns.planning import new_guest, visit
from tests.living import Api, Home

NEWS = {"channel": "email", "name": "May", "subject": "News", "html": "<p>Hello @{first_name|there}@.</p>"}


async def plan(api: Api, *guest_ids: int, **more: Any) -> dict[str, Any]:
    answer = await api.workspace("POST", "/campaigns", NEWS | {"guest_ids": list(guest_ids)} | more)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def test_a_campaign_is_tried_planned_and_told_of(home: Home, api: Api) -> None:
    anna, silent = await new_guest(api, "Anna"), await new_guest(api, "Silent", marketing_consent=None)
    body = NEWS | {"guest_ids": [anna, silent]}

    tried = await api.workspace("POST", "/campaigns/rehearsal", body)
    made = await plan(api, anna, silent)
    await api.deliver()
    shown = (await api.workspace("GET", f"/campaigns/{made['id']}")).json()
    report = (await api.workspace("GET", f"/campaigns/{made['id']}/report")).json()
    rows = (await api.workspace("GET", f"/campaigns/{made['id']}/messages", figure="excluded.no_consent")).json()
    series = (await api.workspace("GET", f"/campaigns/{made['id']}/series", every="monthly")).json()
    listed = (await api.workspace("GET", "/campaigns", state="completed")).json()

    assert tried.json() == {"targeted": 2, "sent": 1, "waiting": 0, "excluded": {"no_consent": 1}}
    assert (made["state"], made["recipients"]) == ("scheduled", 2)
    assert (shown["state"], shown["content"]["subject"], shown["guest_ids"]) == ("completed", "News", [anna, silent])
    assert (report["figures"]["sent"], report["figures"]["booked"], report["excluded"]) == (1, 0, {"no_consent": 1})
    assert [row["guest_id"] for row in rows["items"]] == [silent]
    assert [(bucket["day"], bucket["sent"]) for bucket in series["items"]] == [("2026-06-01", 1)]
    assert [one["id"] for one in listed["items"]] == [made["id"]]


async def test_the_messages_behind_a_figure_come_in_pages(home: Home, api: Api) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(3)]
    made = await plan(api, *ids)
    await api.deliver()

    first = (await api.workspace("GET", f"/campaigns/{made['id']}/messages", limit=2)).json()
    second = (
        await api.workspace("GET", f"/campaigns/{made['id']}/messages", limit=2, after=first["next_after"])
    ).json()

    assert [row["guest_id"] for row in first["items"] + second["items"]] == ids
    assert second["next_after"] is None


async def test_a_campaign_is_paused_resumed_and_cancelled_once(home: Home, api: Api) -> None:
    made = await plan(api, await new_guest(api, "Anna"), scheduled_at="2026-06-20T18:00:00+00:00")

    steps = [
        await api.workspace("POST", f"/campaigns/{made['id']}/{step}")
        for step in ("pause", "pause", "resumption", "cancellation", "cancellation", "resumption")
    ]

    assert [answer.status for answer in steps] == [200, 409, 200, 200, 409, 409]
    assert [answer.json()["state"] for answer in steps if answer.status == 200] == ["paused", "scheduled", "cancelled"]


async def test_an_export_is_given_once_and_not_for_a_changed_address(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    made = await plan(api, anna)
    await api.deliver()
    offered = (await api.workspace("POST", f"/campaigns/{made['id']}/export", {"format": "ndjson"})).json()
    url = offered["url"]

    wrong = await visit(home, url[:-1] + ("A" if url[-1] != "A" else "B"))
    once = await visit(home, url)
    twice = await visit(home, url)
    late = (await api.workspace("POST", f"/campaigns/{made['id']}/export", {})).json()["url"]
    home.clock.advance(days=1)
    ended = await visit(home, late)

    assert [answer.status for answer in (wrong, once, twice, ended)] == [404, 200, 404, 404]
    assert once.headers["content-disposition"] == f'attachment; filename="campaign-{made["id"]}.ndjson"'
    assert f'"guest_id":{anna}'.encode() in once.body
    assert str(anna) not in url


async def test_a_message_to_one_guest_says_at_once_whether_it_is_sent(home: Home, api: Api) -> None:
    anna, silent = await new_guest(api, "Anna"), await new_guest(api, "Silent", marketing_consent=None)
    said = {"channel": "email", "subject": "Your key", "html": "<p>It is ready.</p>"}

    sent = await api.workspace("POST", "/messages", said | {"guest_id": anna})
    skipped = await api.workspace("POST", "/messages", said | {"guest_id": silent})
    asked_for = await api.workspace("POST", "/messages", said | {"guest_id": silent, "is_transactional": True})
    nobody = await api.workspace("POST", "/messages", said | {"guest_id": 999_999_999})
    await api.deliver()
    report = (await api.workspace("GET", f"/campaigns/{asked_for.json()['campaign_id']}/report")).json()

    assert (sent.status, sent.json()["recipients"], sent.json()["cause"]) == (202, 1, None)
    assert (skipped.json()["recipients"], skipped.json()["skipped"], skipped.json()["cause"]) == (0, 1, "no_consent")
    assert asked_for.json()["recipients"] == 1
    assert nobody.status == 422
    assert report["figures"]["delivered"] == 1


async def test_rules_are_kept_and_told(api: Api) -> None:
    rules = {"quiet_from": "22:00:00", "quiet_until": "08:00:00", "email_most": 3, "email_days": 7}

    saved = await api.workspace("PUT", "/campaigns/rules", rules)
    shown = await api.workspace("GET", "/campaigns/rules")

    assert saved.status == 200
    assert saved.json() == shown.json()
    assert {name: shown.json()[name] for name in rules} == rules
    assert (shown.json()["sms_most"], shown.json()["tracks_opens"], shown.json()["tracks_transactional"]) == (
        None,
        True,
        False,
    )


async def test_all_campaigns_of_a_time_are_told_by_channel(home: Home, api: Api) -> None:
    await plan(api, await new_guest(api, "Anna"))
    await api.deliver()

    told = await api.workspace(
        "GET", "/campaigns/overview", since="2026-06-20T00:00:00Z", before="2026-06-21T00:00:00Z"
    )
    backwards = await api.workspace(
        "GET", "/campaigns/overview", since="2026-06-21T00:00:00Z", before="2026-06-20T00:00:00Z"
    )

    [email] = told.json()["channels"]
    assert (email["channel"], email["campaigns"], email["figures"]["delivered"]) == ("email", 1, 1)
    assert backwards.status == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheduled_at": "2026-06-20T11:59:59+00:00"}, "scheduled_at"),
        ({"scheduled_at": "2026-06-20T13:00:00"}, "body.scheduled_at"),
        ({"local_at": "2026-06-20T13:00:00+00:00"}, "body.local_at"),
        ({"local_at": "2026-06-20T09:00:00"}, "local_at"),
        ({"local_at": "9999-12-31T23:59:59"}, "local_at"),
        ({"scheduled_at": "2026-06-20T13:00:00Z", "local_at": "2026-06-20T18:00:00"}, "local_at"),
        ({"html": None}, "html"),
        ({"subject": "  "}, "subject"),
        ({"channel": "sms"}, "text"),
        ({"channel": "fax"}, "body.channel"),
        ({"guest_ids": None}, "segment_id"),
        ({"everyone": True}, "segment_id"),
        ({"guest_ids": None, "segment_id": 999_999}, "segment_id"),
        ({"guest_ids": None, "list_id": 999_999}, "list_id"),
        ({"html": "{% for %}"}, "html"),
        ({"buttons": [{"title": "x", "url": "https://x.example"}]}, "buttons"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_field(api: Api, change: dict[str, Any], field: str) -> None:
    anna = await new_guest(api, "Anna")

    answer = await api.workspace("POST", "/campaigns", NEWS | {"guest_ids": [anna]} | change)

    assert answer.status == 422, answer
    assert answer.json()["errors"][0]["field"] == field
    assert (await api.workspace("GET", "/campaigns")).json()["items"] == []


async def test_staff_may_look_and_try_but_not_send(api: Api) -> None:
    body = NEWS | {"guest_ids": [await new_guest(api, "Anna")]}

    statuses = [
        (await api.workspace(method, path, sent, role="staff")).status
        for method, path, sent in (
            ("GET", "/campaigns", None),
            ("POST", "/campaigns/rehearsal", body),
            ("POST", "/campaigns", body),
            ("POST", "/messages", body),
            ("PUT", "/campaigns/rules", {}),
        )
    ]

    assert statuses == [200, 200, 403, 403, 403]
