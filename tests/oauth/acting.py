"""The cast of OAuth: a person with a browser, an app, and the flow between them."""

import base64
import hashlib
import itertools
import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from hospes.capabilities import oauth, properties, staff
from tests.living import Answer, Api, Home, ask

PASSWORD = "correct horse battery"
SITE = "http://127.0.0.1:8000"
ISSUER, RESOURCE = f"{SITE}/public-api", f"{SITE}/public/v1"
CALLBACK = "https://app.example.com/callback"
ALL = " ".join(oauth.scopes.SCOPES)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
FORM = "application/x-www-form-urlencoded"

_numbers = itertools.count(1)


def new_peer() -> tuple[str, int]:
    """An address of the test's own: limits by address do not reach from one test into the next."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 50000


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def place_of(answer: Answer) -> dict[str, str]:
    """The parameters that a redirect carries."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True))


def page(answer: Answer) -> str:
    return unescape(answer.body.decode())


def field(answer: Answer, name: str) -> str:
    """The value of a page's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.body.decode())
    assert found, answer
    return unescape(found[1])


class Browser:
    """Keeps cookies, and sends what a browser sends with a form of our own page."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.peer = new_peer()
        self.cookies: dict[str, str] = {}
        self.headers = {"host": "testserver"}

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None, **more: Any
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = self.headers | (headers or {})
        if self.cookies:
            sent = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} | sent
        raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
        answer = await ask(
            self.application, method, path, headers=raw, query=query.encode(), body=body, peer=self.peer, **more
        )
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.ask("GET", target, headers=headers)

    async def post(self, target: str, form: dict[str, str], **headers: str) -> Answer:
        sent = {"content-type": FORM, "origin": "null", "sec-fetch-site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", target, urlencode(form).encode(), sent)

    async def sign_in(self, email: str, password: str = PASSWORD, onward: str = "/staff") -> Answer:
        shown = await self.get("/staff/sign-in?" + urlencode({"next": onward}))
        form = {"form": field(shown, "form"), "next": onward, "email": email, "password": password}
        return await self.post("/staff/sign-in", form)


class Person:
    """Somebody of a workspace, with a browser."""

    def __init__(self, home: Home, email: str, staff_id: int, workspace_id: int) -> None:
        self.home = home
        self.email = email
        self.staff_id = staff_id
        self.workspace_id = workspace_id
        self.browser = Browser(home.application)

    async def sign_in(self) -> Browser:
        """The browser, signed in."""
        if (await self.browser.get("/staff")).status == 200:
            return self.browser
        answer = await self.browser.sign_in(self.email)
        assert answer.status == 303, answer
        return self.browser


async def new_person(api: Api, role: str = "owner", *, is_entitled: bool = True) -> Person:
    """With a property whose plan includes the API."""
    database, now = api.home.server.database, api.home.clock.now()
    email = f"olga{next(_numbers)}@example.com"
    made = await staff.create(database, email=email, name="Olga Berg", password=PASSWORD, now=now)
    async with api.begin() as tx:
        await staff.join(tx, made.id, role)
        new = properties.NewProperty(location_id=api.location_id, name="Lilas", time_zone="Europe/Paris")
        property_id = await properties.create(tx, new)
        await properties.entitle(tx, property_id, is_entitled=is_entitled)
    return Person(api.home, email, made.id, api.workspace_id)


class App:
    """An app as its makers wrote it."""

    def __init__(self, home: Home, registered: dict[str, Any]) -> None:
        self.home = home
        self.application = home.application
        self.peer = new_peer()
        self.registered = registered
        self.id: str = registered["client_id"]
        self.secret: str | None = registered.get("client_secret")
        self.method: str = registered["token_endpoint_auth_method"]
        self.uri: str = registered["redirect_uris"][0]

    def url(self, **changes: str | None) -> str:
        """Where it sends people. A change to None leaves the parameter out."""
        given: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.uri,
            "state": f"s{next(_numbers)}",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return "/public/oauth/authorize?" + urlencode({k: v for k, v in (given | changes).items() if v is not None})

    async def allowed(self, person: Person, **changes: str | None) -> str:
        """A code, after the person said yes."""
        answer = await answered(await person.sign_in(), self.url(**changes))
        assert answer.status == 303, answer
        return place_of(answer)["code"]

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and fields that say who it is."""
        if self.method == "client_secret_basic":
            both = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
            return {"authorization": f"Basic {both}"}, {}
        return {}, {"client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})

    async def post(
        self, endpoint: str, fields: dict[str, str | None], *, query: str = "", raw: bytes | None = None, **headers: str
    ) -> Answer:
        known, said = self.credentials()
        form = {name: value for name, value in {**said, **fields}.items() if value is not None}
        sent = {"host": "testserver", "content-type": FORM} | known | headers
        return await ask(
            self.application,
            "POST",
            f"/public/oauth/{endpoint}",
            headers=[(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items()],
            query=query.encode(),
            body=urlencode(form).encode() if raw is None else raw,
            peer=self.peer,
        )

    async def exchange(self, code: str, **changes: str | None) -> Answer:
        fields: dict[str, str | None] = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return await self.post("token", fields | changes)

    async def refresh(self, token: str, **changes: str | None) -> Answer:
        return await self.post("token", {"grant_type": "refresh_token", "refresh_token": token} | changes)

    async def is_live(self, token: str) -> bool:
        """Whether a call with this access token would get in."""
        found = await oauth.callers.find(self.home.server.database, hashlib.sha256(token.encode()).digest())
        return found is not None and found.expires_at > self.home.clock.now()

    async def connect(self, person: Person, **changes: str | None) -> dict[str, Any]:
        """Tokens, from the first step to the last."""
        answer = await self.exchange(await self.allowed(person, **changes))
        assert answer.status == 200, answer
        told: dict[str, Any] = answer.json()
        return told


async def answered(browser: Browser, url: str, answer: str = "allow") -> Answer:
    """What comes of the consent page at this address."""
    shown = await browser.get(url)
    assert shown.status == 200, shown
    form = {"token": field(shown, "token"), "answer": answer}
    if 'name="account"' in shown.body.decode():
        form["account"] = field(shown, "account")
    return await browser.post("/public/oauth/consent", form)


async def register(home: Home, metadata: Any, *, raw: bytes | None = None, **headers: str) -> Answer:
    sent = {"host": "testserver", "content-type": "application/json"} | headers
    return await ask(
        home.application,
        "POST",
        "/public/oauth/register",
        headers=[(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items()],
        body=json.dumps(metadata).encode() if raw is None else raw,
        peer=new_peer(),
    )


def metadata(**changes: Any) -> dict[str, Any]:
    return {
        "clientName": "My PMS",
        "redirectUris": [CALLBACK],
        "tokenEndpointAuthMethod": "client_secret_post",
        "scope": ALL,
    } | changes


async def new_app(home: Home, **changes: Any) -> App:
    answer = await register(home, metadata(**changes))
    assert answer.status == 201, answer
    return App(home, answer.json())
