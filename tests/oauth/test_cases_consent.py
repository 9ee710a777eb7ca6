"""Cases O50 to O65: what a person sees and says before an app may act for them."""

import asyncio
from typing import Any

import asyncpg
import pytest

from hospes.capabilities import properties, staff
from hospes.capabilities.staff import audit
from tests.living import Answer, Api, Home
from tests.oauth.acting import (
    App,
    Browser,
    Person,
    answered,
    field,
    metadata,
    new_app,
    new_person,
    page,
    place_of,
    register,
)

CONSENT = "/public/oauth/consent"


@pytest.fixture
async def person(api: Api) -> Person:
    person = await new_person(api)
    await person.sign_in()
    return person


@pytest.fixture
async def app(home: Home) -> App:
    return await new_app(home)


async def form_of(browser: Browser, url: str, answer: str = "allow") -> dict[str, str]:
    shown = await browser.get(url)
    return {"token": field(shown, "token"), "account": field(shown, "account"), "answer": answer}


async def codes_of(app: App) -> int:
    connection = await asyncpg.connect(app.home.dsn)
    count: int = await connection.fetchval("SELECT count(*) FROM oauth_codes WHERE client_id = $1", app.id)
    await connection.close()
    return count


async def actions(api: Api) -> list[str]:
    return [entry.action for entry in await audit.list_after(api.reader(), None, limit=50)]


def refused(answer: Answer, status: int = 403) -> None:
    assert answer.status == status, answer
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_an_app_that_was_allowed_before_is_asked_about_again(home: Home, person: Person, method: str) -> None:
    """O50"""
    app = await new_app(home, tokenEndpointAuthMethod=method)
    await app.connect(person)

    again = await person.browser.get(app.url())

    assert (again.status, "Allow</button>" in page(again)) == (200, True)


async def test_an_answer_without_the_pages_token_counts_for_nothing(api: Api, person: Person, app: App) -> None:
    """O51"""
    form = await form_of(person.browser, app.url())
    other = await new_person(api)
    theirs = await form_of(await other.sign_in(), app.url())

    refused(await person.browser.post(CONSENT, {"answer": "allow", "account": form["account"]}))
    for token in (theirs["token"], form["token"][:-2] + "xx", "x", "é.é", form["token"].partition(".")[0] + "."):
        refused(await person.browser.post(CONSENT, form | {"token": token}))
    assert await codes_of(app) == 0
    assert (await person.browser.post(CONSENT, form)).status == 303
    refused(await person.browser.post(CONSENT, form))
    assert await codes_of(app) == 1


async def test_a_token_for_another_form_is_none(person: Person, app: App) -> None:
    """O51"""
    form = await form_of(person.browser, app.url())
    home_page = await person.browser.get("/staff")

    refused(await person.browser.post(CONSENT, form | {"token": field(home_page, "form")}))


async def test_the_page_ends_after_ten_minutes(home: Home, person: Person, app: App) -> None:
    """O51"""
    first, second = app.url(), app.url()
    early, late = await form_of(person.browser, first), await form_of(person.browser, second)

    home.clock.advance(minutes=9, seconds=59)
    assert (await person.browser.post(CONSENT, early)).status == 303
    home.clock.advance(seconds=1)
    refused(await person.browser.post(CONSENT, late))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "origin": "https://evil.com"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
    ],
)
async def test_an_answer_from_another_page_is_refused(person: Person, app: App, headers: dict[str, str]) -> None:
    """O53"""
    form = await form_of(person.browser, app.url())

    refused(await person.browser.post(CONSENT, form, **headers))
    assert await codes_of(app) == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.com", 403),
        ("http://testserver.evil.com", 403),
        ("http://127.0.0.1:8001", 403),
        ("http://127.0.0.1:8000", 303),
        ("http://testserver", 303),
        ("null", 303),
    ],
)
async def test_without_sec_fetch_site_the_origin_decides(person: Person, app: App, origin: str, status: int) -> None:
    """O53; our own pages say null, for they send no referrer."""
    form = await form_of(person.browser, app.url())
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    headers = {"origin": origin, "content-type": "application/x-www-form-urlencoded"}

    assert (await person.browser.ask("POST", CONSENT, body, headers)).status == status


async def test_a_form_of_another_kind_is_refused(person: Person, app: App) -> None:
    """O53"""
    form = await form_of(person.browser, app.url())

    refused(await person.browser.post(CONSENT, form, content_type="text/plain"), 415)
    refused(await person.browser.post(CONSENT, form, content_type="application/json"), 415)
    refused(await person.browser.post(CONSENT, form, content_type="multipart/form-data; boundary=x"))
    refused(await person.browser.get(CONSENT), 405)


async def test_the_pages_cannot_be_framed_and_send_no_referrer(person: Person, home: Home, app: App) -> None:
    """O54, O55"""
    stranger = Browser(home.application)
    pages = [
        await stranger.get("/staff/sign-in"),
        await person.browser.get(app.url()),
        await person.browser.get(app.url(client_id="x")),
        await person.browser.get("/staff/apps"),
        await person.browser.post(CONSENT, {}),
    ]

    for one in pages:
        policy = one.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert one.headers["x-frame-options"] == "DENY"
        assert one.headers["referrer-policy"] == "no-referrer"
        assert one.headers["cache-control"] == "no-store"
    assert "form-action 'self' https://app.example.com;" in pages[1].headers["content-security-policy"]
    assert "form-action 'self';" in pages[2].headers["content-security-policy"]


async def test_a_refusal_goes_back_to_the_app_and_into_the_audit_log(api: Api, person: Person, app: App) -> None:
    """O56"""
    answer = await answered(person.browser, app.url(state="s"), "refuse")

    told = place_of(answer)
    assert (told["error"], told["state"], "code" in told) == ("access_denied", "s", False)
    assert await codes_of(app) == 0
    assert (await actions(api))[0] == "app.refused"


async def test_what_was_allowed_stands_in_the_audit_log(api: Api, person: Person, app: App) -> None:
    await app.connect(person)

    assert (await actions(api))[:2] == ["app.connected", "app.allowed"]


async def test_after_a_form_the_browser_goes_on_with_get(person: Person, app: App) -> None:
    """O57"""
    allowed, denied = await answered(person.browser, app.url()), await answered(person.browser, app.url(), "refuse")
    out = await person.browser.post("/staff/sign-out", {"form": field(await person.browser.get("/staff"), "form")})
    back = await person.browser.sign_in(person.email)

    assert [answer.status for answer in (allowed, denied, out, back)] == [303] * 4


async def test_an_answer_counts_only_for_who_saw_the_page(api: Api, person: Person, app: App) -> None:
    """O58"""
    form = await form_of(person.browser, app.url())
    other = await new_person(api)
    person.browser.cookies.clear()
    await person.browser.sign_in(other.email)

    refused(await person.browser.post(CONSENT, form))
    assert await codes_of(app) == 0


async def test_an_answer_after_signing_out_is_refused(person: Person, app: App) -> None:
    """O58"""
    form = await form_of(person.browser, app.url())
    await person.browser.post("/staff/sign-out", {"form": field(await person.browser.get("/staff"), "form")})

    refused(await person.browser.post(CONSENT, form))


async def test_saying_yes_twice_gives_one_code(person: Person, app: App) -> None:
    """O62"""
    url = app.url()
    one, other = await form_of(person.browser, url), await form_of(person.browser, url)

    answers = await asyncio.gather(*(person.browser.post(CONSENT, form) for form in (one, other, one, other)))

    assert sorted(answer.status for answer in answers) == [303, 403, 403, 403]
    assert await codes_of(app) == 1


async def _delete(app: App, _api: Api, _person: Person) -> None:
    connection = await asyncpg.connect(app.home.dsn)
    await connection.execute("DELETE FROM oauth_clients WHERE id = $1", app.id)
    await connection.close()


async def _leave(app: App, api: Api, person: Person) -> None:
    other = await new_person(api)
    async with api.begin() as tx:
        await staff.leave(tx, person.staff_id)
    assert other.staff_id


async def _demote(_app: App, api: Api, person: Person) -> None:
    async with api.begin() as tx:
        await staff.join(tx, person.staff_id, "staff")


async def _disable(app: App, _api: Api, person: Person) -> None:
    await staff.set_active(app.home.server.database, person.staff_id, is_active=False)


async def _unsubscribe(_app: App, api: Api, _person: Person) -> None:
    async with api.begin() as tx:
        for one in await properties.list_page(api.reader(), limit=50, offset=0):
            await properties.entitle(tx, one.id, is_entitled=False)


@pytest.mark.parametrize(
    ("happening", "status", "says"),
    [
        (_delete, 400, "not registered"),
        (_leave, 403, "Only an owner or a manager"),
        (_demote, 403, "Only an owner or a manager"),
        (_disable, 403, "no longer be used"),
        (_unsubscribe, 403, "None of your properties"),
    ],
)
async def test_what_ended_while_the_page_was_open_is_told(
    api: Api, person: Person, app: App, happening: Any, status: int, says: str
) -> None:
    """O63"""
    form = await form_of(person.browser, app.url())

    await happening(app, api, person)
    answer = await person.browser.post(CONSENT, form)

    refused(answer, status)
    assert says in page(answer)
    assert await codes_of(app) == 0


@pytest.mark.parametrize(
    ("role", "is_entitled", "says"),
    [("owner", False, "None of your properties has a plan"), ("staff", True, "Only an owner or a manager")],
)
async def test_who_cannot_connect_an_app_is_told_so(
    home: Home, api: Api, role: str, is_entitled: bool, says: str
) -> None:
    """O64"""
    person, app = await new_person(api, role, is_entitled=is_entitled), await new_app(home)
    browser = await person.sign_in()

    shown = await browser.get(app.url())
    form = {"token": field(shown, "token"), "answer": "allow", "account": str(api.workspace_id)}
    answer = await browser.post(CONSENT, form)

    assert says in page(shown)
    assert "Allow</button>" not in page(shown)
    assert place_of(answer)["error"] == "access_denied"
    assert await codes_of(app) == 0


async def test_who_manages_several_workspaces_chooses_one(home: Home, api: Api, person: Person, app: App) -> None:
    other, third = await home.new_api(), await home.new_api()
    for one in (other, third):
        await new_person(one)
        async with one.begin() as tx:
            await staff.join(tx, person.staff_id, "manager")
    stranger = await home.new_api()
    await new_person(stranger)

    shown = await person.browser.get(app.url())
    token = field(shown, "token")
    unchosen = await person.browser.post(CONSENT, {"token": token, "answer": "allow"})
    foreign = await person.browser.post(
        CONSENT, {"token": token, "answer": "allow", "account": str(stranger.workspace_id)}
    )
    chosen = await person.browser.post(CONSENT, {"token": token, "answer": "allow", "account": str(third.workspace_id)})

    assert page(shown).count('type="radio"') == 3
    refused(unchosen)
    refused(foreign)
    assert (await app.exchange(place_of(chosen)["code"])).status == 200
    assert (await actions(third))[0] == "app.connected"


async def test_a_new_app_is_shown_with_where_it_leads_and_that_nobody_knows_it(home: Home, person: Person) -> None:
    """O65"""
    answer = await register(home, metadata(client_uri="https://app.example.com/about"))
    app = App(home, answer.json())

    text = page(await person.browser.get(app.url()))

    assert "My PMS" in text
    assert "Not verified" in text
    assert '<strong class="place">app.example.com</strong>' in text
    assert "https://app.example.com/about" in text


async def test_a_native_apps_place_is_its_scheme(home: Home, person: Person) -> None:
    """O65"""
    app = await new_app(home, redirectUris=["com.example.app:/cb"], tokenEndpointAuthMethod="none")

    shown = await person.browser.get(app.url())

    assert "the app com.example.app" in page(shown)
    assert "form-action 'self' com.example.app:;" in shown.headers["content-security-policy"]


async def test_an_app_is_disconnected_on_its_page_by_who_manages_the_workspace(
    home: Home, api: Api, person: Person, app: App
) -> None:
    given = await app.connect(person)
    other = await new_person(await home.new_api())
    helper = await new_person(api, "staff")
    shown = await person.browser.get("/staff/apps")
    form = {name: field(shown, name) for name in ("form", "workspace", "grant")}

    for stranger in (other, helper):
        browser = await stranger.sign_in()
        theirs = form | {"form": field(await browser.get("/staff"), "form")}
        refused(await browser.post("/staff/apps", theirs))
    refused(await person.browser.post("/staff/apps", {"grant": form["grant"], "workspace": form["workspace"]}))
    assert await app.is_live(given["access_token"])
    for nonsense in ({"grant": "x"}, {"workspace": "1e3"}, {"grant": "9" * 30}):
        refused(await person.browser.post("/staff/apps", form | nonsense), 422)
    done = await person.browser.post("/staff/apps", form)
    again = await person.browser.post("/staff/apps", form)

    assert (done.status, again.status) == (303, 303)
    assert not await app.is_live(given["access_token"])
    assert "No app is connected" in page(await person.browser.get("/staff/apps"))
