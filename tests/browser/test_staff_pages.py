"""What staff see in a browser: signing in, deciding about an app, and what apps cannot do to these pages."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import NewPage, Serve, Visit
from playwright.async_api import Page, expect

from hospes.capabilities import oauth, staff
from tests.living import Api, Home
from tests.oauth.acting import PASSWORD, App, Person, new_app, new_person

PHONE, DESK = {"width": 375, "height": 740}, {"width": 1280, "height": 900}
CALLBACK = "http://127.0.0.1/callback"


class Callback:
    """The app's own server, and what the browser brought there."""

    def __init__(self) -> None:
        self.brought: list[dict[str, list[str]]] = []

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/callback":
            self.brought.append(parse_qs(scope["query_string"].decode()))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>Back</title><h1>Back</h1>"})


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


@pytest.fixture
async def app(home: Home) -> App:
    links = {"client_uri": "https://app.example.com/", "policy_uri": "https://app.example.com/privacy"}
    return await new_app(home, redirectUris=[CALLBACK], clientName="Lemon <b>PMS</b>", **links)


async def sign_in(page: Page, email: str) -> None:
    await page.get_by_role("textbox", name="Email address").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def faults(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]


async def look(visit: Visit, width: int, name: str) -> None:
    """What must hold on every page."""
    assert await faults(visit.page) == [], name
    assert await visit.page.locator("html").get_attribute("lang") == "en"
    assert await visit.page.evaluate("document.documentElement.scrollWidth") <= width, name
    for one in await visit.page.locator("a, button, input:not([type=hidden]), summary").all():
        box = await one.bounding_box()
        assert box is None or box["height"] >= 20, (name, await one.evaluate("e => e.outerHTML"))
    assert (visit.attempts, visit.violations) == ([], []), name


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_page_can_be_used_by_everybody(
    home: Home, api: Api, person: Person, app: App, serve: Serve, new_page: NewPage, dark: bool, size: dict[str, int]
) -> None:
    """O55: and none asks for anything elsewhere."""
    other = await home.new_api()
    await new_person(other)
    async with other.begin() as tx:
        await staff.join(tx, person.staff_id, "manager")
    helper = await new_person(await home.new_api(), "staff")
    await app.connect(person)
    partner, _ = await oauth.partners.register(
        home.server.database, name="Mailer", redirect_uri=CALLBACK, now=home.clock.now()
    )
    site = await serve(home.application)
    visit = await new_page(site, dark=dark, **size)

    await visit.page.goto(site + app.url(redirect_uri=CALLBACK))
    await look(visit, size["width"], "sign in")
    await visit.page.get_by_role("textbox", name="Email address").fill(person.email)
    await visit.page.get_by_label("Password").fill("wrong horse battery")
    await visit.page.get_by_role("button", name="Sign in").click()
    await expect(visit.page.get_by_text("is wrong.")).to_be_visible()
    await look(visit, size["width"], "wrong password")
    await sign_in(visit.page, person.email)
    await expect(visit.page.get_by_role("heading", name="Connect Lemon <b>PMS</b>?")).to_be_visible()
    await look(visit, size["width"], "consent")
    asks = urlencode({"app_client_id": partner.client_id, "app_redirect_uri": CALLBACK})
    await visit.page.goto(f"{site}/api/oauth/authorize?{asks}")
    await expect(visit.page.get_by_role("heading", name="Connect Mailer?")).to_be_visible()
    await expect(visit.page.get_by_role("radio")).to_have_count(2)
    await look(visit, size["width"], "a partner's consent")
    for path in ("/staff", "/staff/apps", app.url(client_id="x"), "/staff/nothing"):
        await visit.page.goto(site + path)
        await look(visit, size["width"], path)
    second = await new_page(site, dark=dark, **size)
    await second.page.goto(site + app.url(redirect_uri=CALLBACK))
    await sign_in(second.page, helper.email)
    await expect(second.page.get_by_text("Only an owner or a manager")).to_be_visible()
    await look(second, size["width"], "no right")
    await second.page.goto(f"{site}/api/oauth/authorize?{asks}")
    await expect(second.page.get_by_text("Only an owner or a manager")).to_be_visible()
    await expect(second.page.get_by_role("button")).to_have_text("Back to the app")
    await look(second, size["width"], "no right to connect a partner")


@pytest.mark.parametrize(("button", "says"), [("Allow", "code"), ("Refuse", "error")])
async def test_the_answer_reaches_the_app_without_javascript(
    home: Home, person: Person, app: App, serve: Serve, new_page: NewPage, button: str, says: str
) -> None:
    """The page's policy lets the form's redirect through to the app, and nowhere else."""
    callback = Callback()
    site, theirs = await serve(home.application), await serve(callback)
    visit = await new_page(site, javascript=False, **PHONE)
    await visit.page.goto(site + app.url(redirect_uri=f"{theirs}/callback", state="s"))
    await sign_in(visit.page, person.email)

    await visit.page.get_by_role("button", name=button).click()
    await expect(visit.page.get_by_role("heading", name="Back")).to_be_visible()

    [told] = callback.brought
    assert (told["state"], says in told) == (["s"], True)
    assert visit.errors == []


async def test_the_pages_policy_stops_a_form_that_leads_anywhere_else(
    home: Home, person: Person, app: App, serve: Serve, new_page: NewPage
) -> None:
    callback = Callback()
    site, elsewhere = await serve(home.application), await serve(callback)
    visit = await new_page(site, **PHONE)
    await visit.page.goto(site + app.url(redirect_uri=CALLBACK))
    await sign_in(visit.page, person.email)
    await expect(visit.page.get_by_role("button", name="Allow")).to_be_visible()

    await visit.page.evaluate("to => { document.forms[0].action = to + '/callback'; }", elsewhere)
    # By script: the driver's own click would wait for the navigation that never begins.
    await visit.page.evaluate("document.querySelector('button[value=allow]').click()")
    async with asyncio.timeout(10):
        while not visit.violations:
            await asyncio.sleep(0.02)

    assert callback.brought == []
    assert [one.partition(":")[0] for one in visit.violations] == ["form-action"]


async def test_an_apps_fault_reaches_it_after_signing_in(
    home: Home, person: Person, app: App, serve: Serve, new_page: NewPage
) -> None:
    callback = Callback()
    site, theirs = await serve(home.application), await serve(callback)
    visit = await new_page(site, **PHONE)
    await visit.page.goto(site + app.url(redirect_uri=f"{theirs}/callback", scope="everything"))
    assert callback.brought == []

    await sign_in(visit.page, person.email)
    await expect(visit.page.get_by_role("heading", name="Back")).to_be_visible()

    [told] = callback.brought
    assert told["error"] == ["invalid_scope"]


async def test_no_other_page_can_show_these_in_a_frame(
    home: Home, person: Person, app: App, serve: Serve, new_page: NewPage
) -> None:
    """O54: login, consent, denial, error."""
    site = await serve(home.application)
    visit = await new_page(site, **DESK)
    await visit.page.goto(site + "/staff/sign-in")
    await sign_in(visit.page, person.email)
    await expect(visit.page.get_by_role("heading", name="Olga Berg")).to_be_visible()
    lonely = await new_person(await home.new_api(), "staff")
    cases = {
        "login": ("/staff/sign-in", None),
        "consent": (app.url(redirect_uri=CALLBACK), person),
        "denial": (app.url(redirect_uri=CALLBACK), lonely),
        "error": (app.url(client_id="x"), person),
    }
    for name, (path, who) in cases.items():
        framing = await new_page(site, **DESK)
        if who is not None:
            await framing.page.goto(site + "/staff/sign-in")
            await sign_in(framing.page, who.email)
            await expect(framing.page.get_by_role("heading", name="Olga Berg")).to_be_visible()
        # A page without a policy of its own, on the very same origin: the friendliest frame there is.
        await framing.page.goto(site + "/healthz")
        await framing.page.evaluate(
            "src => { document.body.innerHTML = ''; const f = document.createElement('iframe');"
            " f.src = src; document.body.append(f); }",
            path,
        )
        await framing.page.wait_for_timeout(300)
        [frame] = framing.page.frames[1:]
        text = await frame.evaluate("document.body ? document.body.innerText : ''") if _is_open(frame.url) else ""
        assert "Sign in" not in text, name
        assert not _is_open(frame.url), name


def _is_open(url: str) -> bool:
    """Chromium shows its own error page instead of one that may not be framed."""
    return not url.startswith("chrome-error:")


async def test_somebody_disconnects_an_app(
    home: Home, person: Person, app: App, serve: Serve, new_page: NewPage
) -> None:
    given = await app.connect(person)
    site = await serve(home.application)
    visit = await new_page(site, **PHONE)
    await visit.page.goto(site + "/staff/apps")
    await sign_in(visit.page, person.email)

    await visit.page.get_by_text("What it may do").click()
    await expect(visit.page.get_by_text("See your properties and their settings")).to_be_visible()
    await look(visit, PHONE["width"], "apps")
    await visit.page.get_by_role("button", name="Disconnect Lemon <b>PMS</b>").click()

    await expect(visit.page.get_by_text("No app is connected.")).to_be_visible()
    assert not await app.is_live(given["access_token"])


async def test_somebody_signs_out(home: Home, person: Person, serve: Serve, new_page: NewPage) -> None:
    site = await serve(home.application)
    visit = await new_page(site, **PHONE)
    await visit.page.goto(site + "/staff")
    await sign_in(visit.page, person.email)

    await visit.page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await visit.page.goto(site + "/staff")

    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visit.violations == []
