"""Partner apps: connected by somebody's consent, for good, until they are disconnected."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from hospes.capabilities import oauth
from hospes.capabilities.oauth.partners import PartnerApp
from tests.audience_api.brand import Brand, said
from tests.living import Answer, Api, Home, ask
from tests.oauth.acting import Browser, Person, field, new_peer, new_person, page

CALLBACK = "https://partner.example.com/back?from=hospes"
USERS = "/api/v1/user/create"
ONE = {"nv": [{"userID": "u-1", "user_attributes": {"name": "Ben"}}]}


class Partner:
    """An app as its makers wrote it."""

    def __init__(self, home: Home, app: PartnerApp, secret: str) -> None:
        self.home = home
        self.app = app
        self.secret = secret

    @property
    def address(self) -> str:
        asked = {"app_client_id": self.app.client_id, "app_redirect_uri": CALLBACK}
        return "/api/oauth/authorize?" + urlencode(asked)

    async def allowed(self, person: Person, **form: str) -> Answer:
        """The answer of somebody who was asked."""
        browser = await person.sign_in()
        shown = await browser.get(self.address)
        told = {"token": field(shown, "token"), "account": str(person.workspace_id), "answer": "allow", **form}
        return await browser.post("/api/oauth/authorize", told)

    async def exchange(self, code: str, *, is_form: bool = False, **more: str) -> Answer:
        told = {"auth_code": code, "app_client_secret": self.secret, **more}
        kind = b"application/x-www-form-urlencoded" if is_form else b"application/json"
        return await ask(
            self.home.application,
            "POST",
            "/api/oauth/access_token",
            headers=[(b"host", b"testserver"), (b"content-type", kind)],
            body=(urlencode(told) if is_form else json.dumps(told)).encode(),
            peer=new_peer(),
        )


@pytest.fixture
async def partner(home: Home) -> Partner:
    app, secret = await oauth.partners.register(
        home.server.database, name="Mailer", redirect_uri=CALLBACK, now=home.clock.now()
    )
    return Partner(home, app, secret)


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


def told(answer: Answer) -> dict[str, str]:
    assert answer.status == 303, answer
    parts = urlsplit(answer.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://partner.example.com/back"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def token_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(answer.json()["response"]["data"]["access_token"])


async def test_a_consent_gives_a_code_and_the_code_a_token_for_good(
    home: Home, brand: Brand, partner: Partner, person: Person
) -> None:
    answered = told(await partner.allowed(person))
    token = token_of(await partner.exchange(answered["code"]))
    home.clock.advance(days=800)

    answer = await brand.post(USERS, ONE, headers={"authorization": f"Bearer {token}"})

    assert answered["from"] == "hospes"
    assert said(answer) == (200, "success", "success")
    assert (await brand.user("u-1"))["user_attributes"]["name"] == "Ben"


async def test_the_page_names_app_place_and_account(partner: Partner, person: Person) -> None:
    browser = await person.sign_in()

    shown = page(await browser.get(partner.address))

    assert "Connect <bdi>Mailer</bdi>?" in shown
    assert "partner.example.com" in shown
    assert "until you disconnect it" in shown


async def test_the_clients_id_may_come_encoded(partner: Partner, person: Person) -> None:
    browser = await person.sign_in()
    raw = f"/api/oauth/authorize?app_client_id={partner.app.client_id}&app_redirect_uri={quote(CALLBACK, safe='')}"

    assert (await browser.get(raw)).status == 200
    assert (await browser.get(raw.replace(partner.app.client_id, quote(partner.app.client_id, safe="")))).status == 200


async def test_who_is_not_signed_in_signs_in_first(partner: Partner, person: Person) -> None:
    browser = Browser(partner.home.application)

    answer = await browser.get(partner.address)

    assert answer.status == 303
    onward = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert onward == partner.address
    assert (await browser.sign_in(person.email, onward=onward)).headers["location"] == partner.address


@pytest.mark.parametrize(
    "query",
    [
        {"app_client_id": "NOBODY", "app_redirect_uri": CALLBACK},
        {"app_redirect_uri": CALLBACK},
        {"app_client_id": "\0", "app_redirect_uri": CALLBACK},
    ],
)
async def test_an_unknown_app_gets_a_page_and_nobody_is_sent_away(
    partner: Partner, person: Person, query: dict[str, str]
) -> None:
    browser = await person.sign_in()

    answer = await browser.get("/api/oauth/authorize?" + urlencode(query))

    assert answer.status == 400


@pytest.mark.parametrize("uri", ["https://evil.example.com/", CALLBACK + "&x=1", CALLBACK.upper(), ""])
async def test_another_address_gets_a_page_and_nobody_is_sent_away(partner: Partner, person: Person, uri: str) -> None:
    browser = await person.sign_in()
    asked = {"app_client_id": partner.app.client_id, "app_redirect_uri": uri}

    assert (await browser.get("/api/oauth/authorize?" + urlencode(asked))).status == 400


async def test_a_refusal_goes_back_and_state_is_passed_through(partner: Partner, person: Person) -> None:
    browser = await person.sign_in()
    shown = await browser.get(partner.address + "&state=a%26b")

    answer = await browser.post("/api/oauth/authorize", {"token": field(shown, "token"), "answer": "refuse"})

    assert told(answer) == {"from": "hospes", "error": "access_denied", "state": "a&b"}


async def test_a_forged_answer_gives_nothing(home: Home, partner: Partner, person: Person, api: Api) -> None:
    stranger = await new_person(await home.new_api())
    browser, other = await person.sign_in(), await stranger.sign_in()
    token = field(await browser.get(partner.address), "token")
    form = {"token": token, "account": str(api.workspace_id), "answer": "allow"}

    refused = [
        await other.post("/api/oauth/authorize", form),
        await browser.post("/api/oauth/authorize", {**form, "token": token[:-1]}),
        await browser.post("/api/oauth/authorize", form, sec_fetch_site="cross-site"),
        await browser.post("/api/oauth/authorize", {**form, "account": str(stranger.workspace_id)}),
    ]
    home.clock.advance(minutes=10)
    refused.append(await browser.post("/api/oauth/authorize", form))

    assert [answer.status for answer in refused] == [403] * 5


async def test_staff_cannot_connect_apps(api: Api, partner: Partner) -> None:
    person = await new_person(api, "staff")

    assert (await partner.allowed(person)).status == 403


async def test_a_code_works_once_for_ten_minutes_and_with_the_apps_secret(
    home: Home, partner: Partner, person: Person
) -> None:
    code, late = [told(await partner.allowed(person))["code"] for _ in range(2)]

    wrong = await partner.exchange(code, app_client_secret="pas_wrong")
    answers = await asyncio.gather(*(partner.exchange(code, is_form=bool(number % 2)) for number in range(6)))
    home.clock.advance(minutes=10)
    too_late = await partner.exchange(late)

    assert said(wrong) == (401, "error", "Invalid auth")
    assert sorted(answer.status for answer in answers) == [200] + [400] * 5
    assert too_late.status == 400


@pytest.mark.parametrize("body", [{}, {"auth_code": 1}, {"auth_code": "pac_x"}, {"auth_code": "\0"}, None])
async def test_requests_that_are_none_are_400(partner: Partner, body: Any) -> None:
    answer = await ask(
        partner.home.application,
        "POST",
        "/api/oauth/access_token",
        headers=[(b"host", b"testserver"), (b"content-type", b"application/json")],
        body=json.dumps(body).encode() if body is not None else b"{",
        peer=new_peer(),
    )

    assert answer.status == 400
    assert answer.json()["response"]["status"] == "error"


async def test_a_disconnected_app_is_refused_even_beside_a_key_that_works(
    brand: Brand, partner: Partner, person: Person
) -> None:
    token = token_of(await partner.exchange(told(await partner.allowed(person))["code"]))
    headers = {**brand.credentials, "authorization": f"Bearer {token}"}
    assert (await brand.post(USERS, ONE, headers=headers)).status == 200
    browser = await person.sign_in()
    shown = await browser.get("/staff/apps")
    assert "Mailer" in page(shown)

    form = {
        "form": field(shown, "form"),
        "workspace": str(person.workspace_id),
        "partner": field(shown, "partner"),
    }
    assert (await browser.post("/staff/apps", form)).status == 303

    async with asyncio.timeout(1):
        while (await brand.post(USERS, ONE, headers=headers)).status != 401:
            await asyncio.sleep(0)
    assert "Mailer" not in page(await browser.get("/staff/apps"))
