"""The pixel and the links of a campaign's mail, and the pages that take consent back."""

import re

import pytest

from hospes.capabilities import campaigns, events, guests
from tests.campaigns.planning import broadcast, html_of, mail_to, new_guest, rows, visit
from tests.living import Api, Home, ask

OFFER = campaigns.Content(
    subject="An offer",
    html='<html><body><a class="x" href="https://shop.example/a?b=1&amp;c=2">Shop</a> '
    '<a href="mailto:us@cafe.example">Write</a> <a href="{{ unsubscribe_url }}">Stop</a></body></html>',
)
MACHINES = [
    "Mozilla/5.0",
    "",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    "python-requests/2.32",
]


async def sent_offer(home: Home, api: Api) -> tuple[int, int, str]:
    """A campaign that went out a minute ago: its id, the guest's, and the HTML that came."""
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna, content=OFFER)
    await api.deliver()
    home.clock.advance(minutes=1)
    return campaign_id, anna, html_of(mail_to(home, api, "anna@example.com"))


def pixel(html: str) -> str:
    return re.findall(r'src="([^"]+/u/o/[^"]+)"', html)[0]


def link(html: str) -> str:
    return re.findall(r'href="([^"]+/u/c/[^"]+)"', html)[0]


async def told(api: Api, guest_id: int, type_: str) -> list[dict[str, object]]:
    found = await events.list_newest(api.reader(), events.Filter([guest_id], [type_]), limit=50, offset=0)
    return [entry.payload for entry in found]


async def test_a_mail_without_a_way_out_gets_one_at_its_end(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    await broadcast(api, anna)
    await api.deliver()
    mail = mail_to(home, api, "anna@example.com")

    [url] = re.findall(r'<a href="([^"]+)"[^>]*>Unsubscribe</a>', html_of(mail))

    assert f"<{url}>" == mail["List-Unsubscribe"]
    text = mail.get_body(("plain",))
    assert text is not None and text.get_content().strip().endswith(f"Unsubscribe: {url}")


async def test_what_has_a_way_out_or_was_asked_for_gets_none(home: Home, api: Api) -> None:
    _, _, html = await sent_offer(home, api)
    assert html.count("unsubscribe") == html.count("Unsubscribe") == 0
    ben = await new_guest(api, "Ben")
    await broadcast(api, ben, is_transactional=True)
    await api.deliver()
    assert "Unsubscribe" not in html_of(mail_to(home, api, "ben@example.com"))


async def test_only_web_links_lead_through_us_and_the_pixel_stands_before_the_end(home: Home, api: Api) -> None:
    _, _, html = await sent_offer(home, api)

    assert 'class="x" href="http://127.0.0.1:8000/u/c/' in html
    assert 'href="mailto:us@cafe.example"' in html
    assert len(re.findall("/u/c/", html)) == 1
    assert re.search(r'<img src="[^"]+/u/o/[^"]+\.gif"[^>]*></body></html>', html)


async def test_a_person_who_opens_and_clicks_is_counted_once_and_told_in_the_log(home: Home, api: Api) -> None:
    campaign_id, anna, html = await sent_offer(home, api)

    shown = await visit(home, pixel(html))
    await visit(home, pixel(html))
    led = await visit(home, link(html))

    assert (shown.status, shown.headers["content-type"]) == (200, "image/gif")
    assert (led.status, led.headers["location"]) == (303, "https://shop.example/a?b=1&c=2")
    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert (figures.opened, figures.opens, figures.clicked, figures.clicks) == (1, 2, 1, 1)
    assert (figures.opened_by_machines, figures.clicked_by_machines) == (0, 0)
    [opened] = await told(api, anna, "message.opened")
    [clicked] = await told(api, anna, "message.clicked")
    assert (opened["campaign_id"], opened["channel"]) == (campaign_id, "email")
    assert (clicked["campaign_id"], clicked["url"]) == (campaign_id, "https://shop.example/a?b=1&c=2")


@pytest.mark.parametrize("agent", MACHINES)
async def test_machines_are_counted_apart(home: Home, api: Api, agent: str) -> None:
    campaign_id, anna, html = await sent_offer(home, api)

    await visit(home, pixel(html), agent=agent)
    led = await visit(home, link(html), agent=agent)

    assert led.headers["location"].startswith("https://shop.example/")
    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert (figures.opened, figures.clicked) == (0, 0)
    assert (figures.opened_by_machines, figures.clicked_by_machines) == (1, 1)
    assert await told(api, anna, "message.opened") == []


async def test_whoever_opens_within_seconds_is_no_person(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna, content=OFFER)
    await api.deliver()
    html = html_of(mail_to(home, api, "anna@example.com"))

    home.clock.advance(seconds=9)
    await visit(home, pixel(html))
    home.clock.advance(seconds=1)
    await visit(home, pixel(html))

    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert (figures.opened_by_machines, figures.opens) == (1, 1)


async def test_a_look_by_head_counts_nothing(home: Home, api: Api) -> None:
    campaign_id, _, html = await sent_offer(home, api)

    statuses = [(await visit(home, url, method="HEAD")).status for url in (pixel(html), link(html))]

    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert statuses == [200, 303]
    assert (figures.opens, figures.clicks, figures.opened_by_machines, figures.clicked_by_machines) == (0, 0, 0, 0)


async def test_an_address_with_any_character_changed_is_not_here(home: Home, api: Api) -> None:
    _, _, html = await sent_offer(home, api)

    statuses = set()
    for url in (pixel(html), link(html)):
        start = url.index("/u/") + 5
        for place in range(start, len(url)):
            other = "B" if url[place] == "A" else "A"
            answer = await visit(home, url[:place] + other + url[place + 1 :])
            statuses.add((answer.status, answer.headers.get("location")))

    assert statuses == {(404, None)}


async def test_one_click_takes_consent_back_and_counts_for_the_campaign(home: Home, api: Api) -> None:
    campaign_id, anna, _ = await sent_offer(home, api)
    url = mail_to(home, api, "anna@example.com")["List-Unsubscribe"].strip("<>")

    looked = await visit(home, url)
    before = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id].unsubscribed
    await visit(home, url, method="POST", form="List-Unsubscribe=One-Click")
    await visit(home, url, method="POST", form="List-Unsubscribe=One-Click")

    assert (looked.status, before) == (200, 0)
    assert (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id].unsubscribed == 1
    assert not (await guests.get(api.reader(), anna)).marketing_consent
    [fact] = await told(api, anna, "message.unsubscribed")
    assert fact["campaign_id"] == campaign_id
    second = await broadcast(api, anna)
    await api.deliver()
    assert await rows(api, second) == {anna: "unsubscribed"}


# As mail programs send it (RFC 8058, 3.2), and as a browser does that has no script.
ONE_CLICK = {
    "application/x-www-form-urlencoded": b"List-Unsubscribe=One-Click",
    "multipart/form-data; boundary=zq": (
        b'--zq\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--zq--\r\n'
    ),
}


@pytest.mark.parametrize("kind", ONE_CLICK)
async def test_looking_changes_nothing_however_often_and_one_click_takes_consent_back(
    home: Home, api: Api, kind: str
) -> None:
    """P16: by scanners that follow every link, and by mail programs without a session or a page before."""
    _, anna, _ = await sent_offer(home, api)
    mail = mail_to(home, api, "anna@example.com")
    url = mail["List-Unsubscribe"].strip("<>")
    before = await guests.consents.history(api.reader(), anna)

    looked = [
        (await visit(home, url + end, agent=agent, method=method)).status
        for agent in MACHINES
        for method in ("GET", "HEAD")
        for end in ("", "?List-Unsubscribe=One-Click", "/preferences")
    ]
    unchanged = await guests.consents.history(api.reader(), anna)
    headers = [(b"host", b"testserver"), (b"content-type", kind.encode())]
    path = url.removeprefix(home.server.settings.public_url)
    clicked = await ask(home.application, "POST", path, headers=headers, body=ONE_CLICK[kind])

    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert set(looked) == {200}
    assert unchanged == before
    assert clicked.status == 200
    answers = (await guests.get(api.reader(), anna)).answers
    assert (answers.email, answers.sms, answers.push, answers.whatsapp) == (False,) * 4


async def test_the_preference_page_keeps_one_way_and_gives_up_another(home: Home, api: Api) -> None:
    campaign_id, anna, _ = await sent_offer(home, api)
    url = mail_to(home, api, "anna@example.com")["List-Unsubscribe"].strip("<>") + "/preferences"

    shown = await visit(home, url)
    saved = await visit(home, url, method="POST", form="sms=yes&push=yes&whatsapp=yes")

    assert shown.body.count(b" checked") == 4
    assert (saved.status, saved.body.count(b" checked")) == (200, 3)
    answers = (await guests.get(api.reader(), anna)).answers
    assert (answers.email, answers.sms, answers.push) == (False, True, True)
    assert (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id].unsubscribed == 1
    history = await guests.consents.history(api.reader(), anna)
    assert (history[-1].channel, history[-1].is_granted, history[-1].evidence) == ("email", False, "preference page")


async def test_without_the_setting_nothing_is_tracked(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        await campaigns.rules.change(tx, campaigns.rules.Rules(tracks_opens=False, tracks_clicks=False))

    _, _, html = await sent_offer(home, api)

    assert "/u/o/" not in html
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in html
