"""The links of a campaign's text messages: short, ours, and leading where the text led."""

import re
from datetime import timedelta

import pytest

from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import campaigns, messaging, record
from hospes.capabilities.messaging import short_links, texts
from tests.campaigns.planning import PERSON, broadcast, new_guest, rows, visit
from tests.campaigns.test_links import told
from tests.living import Api, Home

OURS = re.compile(r"http://127\.0\.0\.1:8000/l/[0-9A-Za-z]{12}")
LONG = "https://shop.example/offers/summer?utm_source=sms&utm_medium=text&code=@{first_name}@"
PREVIEW = "facebookexternalhit/1.1 Facebot Twitterbot/1.0"


async def sent(home: Home, api: Api, text: str, *phones: str, **more: object) -> tuple[int, list[int], list[str]]:
    """A text to these numbers that went out a minute ago: the campaign, the guests, and what each was sent."""
    guests = [await new_guest(api, f"Anna{place}", phone=phone) for place, phone in enumerate(phones)]
    content = campaigns.Content(text=text)
    campaign_id = await broadcast(api, *guests, channel="sms", content=content, **more)
    await api.deliver()
    home.clock.advance(minutes=1)
    return campaign_id, guests, [text_to(home, api, phone) for phone in phones]


def text_to(home: Home, api: Api, phone: str) -> str:
    folder = home.server.settings.data_dir / "outbox"
    found = [path.read_text() for path in folder.glob(f"{api.workspace_id}.*.sms")]
    [kept] = [one for one in found if f"To: {phone}\n" in one]
    return kept.partition("\n\n")[2]


async def test_a_link_is_short_leads_where_the_text_led_and_counts_as_a_click(home: Home, api: Api) -> None:
    text = f"Hello @{{first_name}}@, see {LONG}."
    campaign_id, guests, said = await sent(home, api, text, "+33612380001", "+33612380002")

    urls = [OURS.findall(one)[0] for one in said]
    led = await visit(home, urls[0])
    await visit(home, urls[0])

    assert [one.replace(url, "#") for one, url in zip(said, urls, strict=True)] == [
        "Hello Anna0, see #.",
        "Hello Anna1, see #.",
    ]
    assert urls[0] != urls[1]
    target = "https://shop.example/offers/summer?utm_source=sms&utm_medium=text&code=Anna0"
    assert (led.status, led.headers["location"]) == (303, target)
    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert (figures.clicked, figures.clicks, figures.clicked_by_machines) == (1, 2, 0)
    [_, clicked] = await told(api, guests[0], "message.clicked")
    assert (clicked["campaign_id"], clicked["channel"], clicked["url"]) == (campaign_id, "sms", target)
    assert await told(api, guests[1], "message.clicked") == []


async def test_what_is_sent_is_one_segment_where_the_link_alone_would_have_made_two(home: Home, api: Api) -> None:
    text = f"Hello, see https://shop.example/{'a' * 160}"

    _, _, [said] = await sent(home, api, text, "+33612380003")

    assert (texts.measure(text).segments, texts.measure(said).segments) == (2, 1)
    assert len(short_links.example(text, public_url="http://127.0.0.1:8000")) == len(said)


@pytest.mark.parametrize(("agent", "method", "counted"), [(PREVIEW, "GET", 1), ("", "GET", 1), (PERSON, "HEAD", 0)])
async def test_machines_and_looks_are_no_clicks(home: Home, api: Api, agent: str, method: str, counted: int) -> None:
    campaign_id, _, [said] = await sent(home, api, "https://shop.example/a", "+33612380004")

    led = await visit(home, OURS.findall(said)[0], agent=agent, method=method)

    assert led.headers["location"] == "https://shop.example/a"
    figures = (await campaigns.reports.figures(api.reader(), [campaign_id]))[campaign_id]
    assert (figures.clicks, figures.clicked_by_machines) == (0, counted)


async def test_an_address_with_any_character_changed_is_not_here(home: Home, api: Api) -> None:
    _, _, [said] = await sent(home, api, "https://shop.example/a", "+33612380005")
    [url] = OURS.findall(said)

    answers = set()
    for place in range(url.index("/l/") + 3, len(url)):
        other = "B" if url[place] == "A" else "A"
        answer = await visit(home, url[:place] + other + url[place + 1 :])
        answers.add((answer.status, answer.headers.get("location")))
    for other in (url[:-1], url + "A", url.replace("/l/", "/l/a"), url[: url.index("/l/") + 3] + "9" * 19):
        answer = await visit(home, other)
        answers.add((answer.status, answer.headers.get("location")))

    assert answers == {(404, None)}


async def test_another_servers_key_makes_no_link_of_ours(home: Home, api: Api, vault: Vault) -> None:
    _, _, [said] = await sent(home, api, "https://shop.example/a", "+33612380006")
    name = OURS.findall(said)[0][-12:]

    found = await short_links.find(home.server.database, vault, name)
    with pytest.raises(Unreadable):
        await short_links.find(home.server.database, Vault(b"another server's key of 32 bytes"), name)

    assert (found.workspace_id, found.url) == (api.workspace_id, "https://shop.example/a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(see https://a.example/x_(y)), or http://b.example/?q=1!", "(see #), or #!"),
        ("HTTPS://A.EXAMPLE/x", "#"),
        ("Wi-Fi https://café.example/été", "Wi-Fi #"),
        (
            "a.example, www.a.example, mailto:a@b.example, https://",
            "a.example, www.a.example, mailto:a@b.example, https://",
        ),
        ("http://[x and https://.", "http://[x and https://."),
        ("Stop: {{ unsubscribe_url }}", "Stop: http://127.0.0.1:8000/u/…"),
    ],
)
async def test_web_links_alone_are_led(home: Home, api: Api, text: str, expected: str) -> None:
    _, _, [said] = await sent(home, api, text, "+33612380007")

    assert re.sub(r"/u/\S+", "/u/…", OURS.sub("#", said)) == expected


async def test_a_link_beyond_ascii_leads_on_as_browsers_write_it(home: Home, api: Api) -> None:
    _, _, [said] = await sent(home, api, "https://shop.example/été?q=ü%20x", "+33612380008")

    led = await visit(home, OURS.findall(said)[0])

    assert led.headers["location"] == "https://shop.example/%C3%A9t%C3%A9?q=%C3%BC%20x"


async def test_without_the_setting_links_stay_as_they_are(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        await campaigns.rules.change(tx, campaigns.rules.Rules(tracks_clicks=False))

    _, _, [said] = await sent(home, api, "See https://shop.example/a", "+33612380009")

    assert said == "See https://shop.example/a"


async def test_a_link_goes_with_its_guest_and_with_the_texts_of_its_time(home: Home, api: Api) -> None:
    campaign_id, [anna, ben], said = await sent(home, api, "https://shop.example/a", "+33612380010", "+33612380011")
    first, second = (OURS.findall(one)[0] for one in said)
    exported = await record.export(api.reader(), anna)

    async with api.begin() as tx:
        await record.erase(tx, anna, evidence="test")
    after_erasing = [(await visit(home, url)).status for url in (first, second)]
    home.clock.advance(days=2)
    async with api.begin() as tx:
        await messaging.personal.shorten(tx, tx.now - timedelta(days=1), most=100)

    [link] = exported.tables["short_links"]
    assert b"https://shop.example/a" in bytes(link)
    assert after_erasing == [404, 303]
    assert (await visit(home, second)).status == 404
    assert set(await rows(api, campaign_id)) == {anna, ben}
