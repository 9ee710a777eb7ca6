"""What guests see, on a phone: legible, reachable, in their language, without JavaScript, and safe (A49)."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import NewPage, Serve
from playwright.async_api import Page, expect

from hospes.capabilities import loyalty
from tests.living import Api, Home

PHONE = {"width": 375, "height": 740}
WORDS = {"en": "Send me offers and news by email.", "fr": "Envoyez-moi des offres.", "es": "Envíenme ofertas."}
SETTINGS: dict[str, Any] = {
    "colour": "#1f6f5c",
    "fields": [{"name": "name"}, {"name": "email", "required": True}, {"name": "phone"}],
    "marketing_words": WORDS,
    "terms_text": {"en": "Be kind.", "fr": "Soyez gentils.", "es": "Sean amables."},
}
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "<svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}",
    "<a href=javascript:alert(1)>x</a>",
]


class Guest:
    """A guest with a bit of everything, and the addresses of their pages."""

    def __init__(self, portal: str, wallet: str, reward_id: int, unsubscribe: str) -> None:
        self.pages = {
            "portal": portal,
            "wallet": wallet,
            "code": f"{wallet}/code",
            "reward": f"{wallet}/rewards/{reward_id}",
            "unsubscribe": unsubscribe,
            "lost": "/w/nothing",
        }


async def with_everything(api: Api, name: str = "Alex Martin", offer: str = "Two for one") -> Guest:
    portal = (await api.workspace("PUT", f"/portals/{api.portal_id}", SETTINGS)).json()
    guest = await api.new_guest(name=name, email="alex@example.com", marketing_consent=True)
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": 450})
    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="silver", name="Silver", min_points=300)
        await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=1000)
        reward_id = await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name=offer, points_cost=100))
        await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name="Dinner", points_cost=5000))
    promotion = (await api.workspace("POST", "/promotions", {"name": offer, "type": "free_item"})).json()["id"]
    await api.workspace("POST", f"/promotions/{promotion}/activate")
    await api.post(f"/promotions/{promotion}/grant", {"guest_id": guest["id"]})
    url = (await api.post("/wallet/link", {"guest_id": guest["id"], "portal_id": api.portal_id})).json()["url"]
    content = {"subject": "x", "html": "x", "text": "{{ unsubscribe_url }}"}
    template = (await api.workspace("POST", "/templates", {"slug": "news", "purpose": "marketing"} | content)).json()
    shown = await api.workspace("POST", f"/templates/{template['id']}/preview", {"guest_id": guest["id"]})
    base = "http://127.0.0.1:8000"
    return Guest(f"/p/{portal['slug']}", url.removeprefix(base), reward_id, shown.json()["text"].removeprefix(base))


async def faults(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fr", "es"])
async def test_every_page_can_be_used_by_everybody(
    api: Api, home: Home, serve: Serve, new_page: NewPage, dark: bool, language: str
) -> None:
    guest = await with_everything(api)
    site = await serve(home.application)

    for name, path in guest.pages.items():
        visit = await new_page(site, dark=dark, **PHONE)
        await visit.page.goto(f"{site}{path}?lang={language}")
        assert await faults(visit.page) == [], name
        assert await visit.page.locator("html").get_attribute("lang") == language
        # Nothing to scroll sideways for on a phone.
        assert await visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        tapped = await visit.page.locator("a.button, button, input:not([type=hidden])").all()
        for one in tapped:
            box = await one.bounding_box()
            assert box is not None
            assert box["height"] >= 24, (name, await one.evaluate("e => e.outerHTML"))
        assert (visit.attempts, visit.violations) == ([], [])


async def test_a_guest_signs_in_without_javascript_and_opens_the_wallet(
    api: Api, home: Home, serve: Serve, new_page: NewPage
) -> None:
    guest = await with_everything(api)
    site = await serve(home.application)
    visit = await new_page(site, javascript=False, **PHONE)
    page = visit.page

    await page.goto(f"{site}{guest.pages['portal']}?mac=a4:83:e7:00:00:77")
    await page.get_by_role("textbox", name="Email address").fill("no address")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_text("This is not an email address.")).to_be_visible()
    await expect(page.get_by_text("Accept the terms to go online.")).to_be_visible()
    await page.get_by_role("textbox", name="Name").fill("Zoë")
    await page.get_by_role("textbox", name="Email address").fill("zoe@example.com")
    await page.get_by_role("checkbox", name="I accept the terms of use").check()
    await page.get_by_role("checkbox", name="Send me offers").check()
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_role("heading", name="You are online")).to_be_visible()
    await page.get_by_role("link", name="My wallet").click()
    await expect(page.get_by_role("heading", name="Hello Zoë")).to_be_visible()
    await page.get_by_role("link", name="Your member code").click()

    await expect(page.locator(".qr svg")).to_be_visible()
    [known] = (await api.get("/crm/guests", search="zoe@example.com")).json()["items"]
    assert (known["name"], known["marketing_consent"]) == ("Zoë", True)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_anybody_typed_is_shown_as_text(
    api: Api, home: Home, serve: Serve, new_page: NewPage, payload: str
) -> None:
    """A49"""
    guest = await with_everything(api, name=payload, offer=payload)
    site = await serve(home.application)
    visit = await new_page(site, **PHONE)
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: dialogs.append(dialog.message))

    for path in guest.pages.values():
        await visit.page.goto(site + path)
    await visit.page.goto(site + guest.pages["wallet"])
    await expect(visit.page.get_by_text(payload, exact=True).first).to_be_visible()
    await visit.page.goto(site + guest.pages["portal"])
    await visit.page.get_by_role("textbox", name="Name").fill(payload)
    await visit.page.get_by_role("button", name="Connect").click()
    await expect(visit.page.get_by_role("textbox", name="Name")).to_have_value(payload)

    assert (dialogs, visit.violations, visit.attempts) == ([], [], [])
