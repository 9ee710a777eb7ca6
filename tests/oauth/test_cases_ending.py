"""Cases O113 to O122: giving tokens back, asking about them, metadata, and what lies in the database."""

import io
import re
from typing import Any

import asyncpg
import pytest
import structlog

from hospes.base import logs
from hospes.capabilities import oauth
from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home, ask
from tests.oauth.acting import (
    ISSUER,
    PASSWORD,
    RESOURCE,
    SITE,
    VERIFIER,
    App,
    Person,
    challenge_of,
    new_app,
    new_peer,
    new_person,
)

FLOWS = 1_000 if IS_FULL else 5
SERVER = "/.well-known/oauth-authorization-server/public-api"
PROTECTED = "/.well-known/oauth-protected-resource/public/v1"
DEAD = b'{"active":false}'


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


@pytest.fixture
async def app(home: Home) -> App:
    return await new_app(home)


async def read(home: Home, path: str, method: str = "GET", **headers: str) -> Answer:
    sent = {"host": "testserver"} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    return await ask(home.application, method, path, headers=raw, peer=new_peer())


async def test_giving_back_what_is_not_known_is_well(person: Person, app: App) -> None:
    """O113"""
    given = await app.connect(person)

    assert (await app.post("revoke", {"token": "unknown"})).status == 200
    assert (await app.post("revoke", {"token": "x\0" + "x" * 10_000})).status == 200
    missing = await app.post("revoke", {})
    assert (missing.status, missing.json()["error"]) == (400, "invalid_request")
    wrong_hint = {"token": given["access_token"], "token_type_hint": "refresh_token"}
    assert (await app.post("revoke", wrong_hint)).status == 200
    assert not await app.is_live(given["access_token"])
    unknown_hint = {"token": given["refresh_token"], "token_type_hint": "cookie"}
    assert (await app.post("revoke", unknown_hint)).status == 200
    assert (await app.refresh(given["refresh_token"])).status == 400


@pytest.mark.parametrize(("method", "status"), [("client_secret_post", 400), ("none", 200)])
async def test_another_clients_token_lives_on(home: Home, person: Person, app: App, method: str, status: int) -> None:
    """O114: an app with a secret is told so, anybody else learns nothing."""
    given, other = await app.connect(person), await new_app(home, tokenEndpointAuthMethod=method)

    for token in (given["access_token"], given["refresh_token"]):
        assert (await other.post("revoke", {"token": token})).status == status

    assert await app.is_live(given["access_token"])
    assert (await app.refresh(given["refresh_token"])).status == 200


async def test_giving_the_refresh_token_back_ends_the_grant_and_an_access_token_itself(
    home: Home, neighbour: Home, person: Person, app: App
) -> None:
    """O115"""
    given = await app.connect(person)
    renewed = (await app.refresh(given["refresh_token"])).json()

    await app.post("revoke", {"token": given["access_token"]})
    assert not await app.is_live(given["access_token"])
    assert await app.is_live(renewed["access_token"])
    app.application = neighbour.application
    await app.post("revoke", {"token": renewed["refresh_token"]})

    assert not await app.is_live(renewed["access_token"])
    app.application = home.application
    assert (await app.refresh(renewed["refresh_token"])).status == 400


@pytest.mark.parametrize("endpoint", ["revoke", "introspect"])
async def test_both_ask_who_calls(home: Home, app: App, endpoint: str) -> None:
    """O117"""
    public = await new_app(home, tokenEndpointAuthMethod="none")

    nobody = await public.post(endpoint, {"token": "x", "client_id": None})
    wrong = await app.post(endpoint, {"token": "x", "client_secret": "wrong"})
    without_a_secret = await public.post(endpoint, {"token": "x"})

    assert (nobody.status, wrong.status) == (401, 401)
    assert without_a_secret.status == (401 if endpoint == "introspect" else 200)
    assert (await read(home, f"/public/oauth/{endpoint}")).headers["allow"] == "POST"


async def test_of_a_dead_token_nothing_is_told(home: Home, person: Person, app: App) -> None:
    """O118"""
    given, other = await app.connect(person), await new_app(home)
    renewed = (await app.refresh(given["refresh_token"])).json()

    async def told(token: str, by: App = app) -> bytes:
        answer = await by.post("introspect", {"token": token})
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        return answer.body

    assert await told("garbage") == DEAD
    assert await told(renewed["access_token"], other) == DEAD
    assert await told(renewed["refresh_token"], other) == DEAD
    assert await told(given["refresh_token"]) == DEAD
    assert (await told(renewed["access_token"])) != DEAD
    home.clock.advance(hours=1)
    assert await told(renewed["access_token"]) == DEAD
    assert (await told(renewed["refresh_token"])) != DEAD
    await app.post("revoke", {"token": renewed["refresh_token"]})
    assert await told(renewed["refresh_token"]) == DEAD


async def test_of_a_live_token_its_client_learns_what_it_is_for(home: Home, person: Person, app: App) -> None:
    given = await app.connect(person, scope="properties.read")

    told = (await app.post("introspect", {"token": given["access_token"]})).json()

    now = int(home.clock.now().timestamp())
    assert told == {
        "active": True,
        "scope": "properties.read",
        "client_id": app.id,
        "token_type": "Bearer",
        "exp": now + 3600,
        "iat": now,
        "sub": str(person.staff_id),
        "aud": RESOURCE,
        "iss": ISSUER,
    }


async def test_metadata_stands_where_clients_look_for_it(home: Home) -> None:
    """O119"""
    answer = await read(home, SERVER)

    told = answer.json()
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert told["issuer"] == ISSUER
    # RFC 8414 section 3.1: the well-known part stands before the issuer's path.
    assert told["issuer"].replace(SITE, SITE + "/.well-known/oauth-authorization-server") == SITE + SERVER
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["scopes_supported"] == list(oauth.scopes.SCOPES)
    assert (await read(home, SERVER, "HEAD")).status == 200
    assert (await read(home, SERVER, "POST")).headers["allow"] == "GET, HEAD"


async def test_every_address_in_the_metadata_answers(home: Home) -> None:
    """O119"""
    told = (await read(home, SERVER)).json() | (await read(home, PROTECTED)).json()

    addresses = {name: value for name, value in told.items() if isinstance(value, str) and value.startswith(SITE)}

    for name, address in addresses.items():
        if name in ("issuer", "resource"):
            continue
        answer = await read(home, address.removeprefix(SITE))
        # Those that take a form alone say so; the page asks for a client.
        assert answer.status == {"authorization_endpoint": 400}.get(name, 405 if "endpoint" in name else 200), name
    assert len(addresses) == 9


async def test_the_resource_names_its_server(home: Home) -> None:
    """RFC 9728"""
    told = (await read(home, PROTECTED)).json()

    assert told["resource"] == RESOURCE
    assert told["authorization_servers"] == [ISSUER]
    assert (await read(home, SERVER)).json()["protected_resources"] == [RESOURCE]


async def test_no_header_changes_the_metadata(home: Home) -> None:
    """O120"""
    plain = await read(home, SERVER)

    forwarded = await read(home, SERVER, x_forwarded_host="evil.com", x_forwarded_proto="gopher")
    foreign = await read(home, SERVER, host="evil.com")

    assert forwarded.body == plain.body
    assert (foreign.status, b"evil" in foreign.body) == (400, False)


async def test_pages_of_other_origins_may_read_the_metadata(home: Home) -> None:
    asked = await read(home, SERVER, "OPTIONS", origin="https://spa.example.com")
    closed = await read(home, "/public/oauth/introspect", "OPTIONS", origin="https://spa.example.com")

    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert (closed.status, "access-control-allow-origin" in closed.headers) == (405, False)


@pytest.mark.parametrize(
    "path",
    ["/.well-known/oauth-authorization-server", "/.well-known/oauth-x", "/public/oauth/", "/public/oauth/authorize/x"],
)
async def test_elsewhere_there_is_nothing(home: Home, path: str) -> None:
    assert (await read(home, path)).status == 404


async def test_nothing_secret_lies_in_the_database_or_the_log(home: Home, person: Person) -> None:
    """O122"""
    written = io.BytesIO()
    configured = structlog.get_config()
    logs.configure(level="debug", form="json")
    structlog.configure(logger_factory=structlog.BytesLoggerFactory(written), cache_logger_on_first_use=False)
    canaries: list[str] = [PASSWORD]
    try:
        for number in range(FLOWS):
            app = await new_app(home)
            verifier, state = f"canary-verifier-{number}-" + "x" * 43, f"canary-state-{number}"
            code = await app.allowed(person, code_challenge=challenge_of(verifier), state=state)
            given = (await app.exchange(code, code_verifier=verifier)).json()
            renewed = (await app.refresh(given["refresh_token"])).json()
            await app.exchange("canary-code", code_verifier=VERIFIER)
            canaries += [verifier, state, code, app.secret or "?", "canary-code"]
            canaries += [one[name] for one in (given, renewed) for name in ("access_token", "refresh_token")]
            home.clock.advance(seconds=10)
        canaries.append(person.browser.cookies["hospes_session"])
    finally:
        structlog.configure(**configured)

    dump = await dumped(home)
    assert b"/public/oauth/token" in written.getvalue()
    assert person.email.encode() not in written.getvalue()
    for canary in canaries:
        assert canary.encode() not in written.getvalue()
        assert canary not in dump
    # Bytes are shown in hexadecimal.
    assert not [one for one in canaries if one.encode().hex() in dump]


async def dumped(home: Home) -> str:
    """Every row of every table that has to do with staff and apps, as text."""
    connection = await asyncpg.connect(home.dsn)
    tables = await connection.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows: list[Any] = []
    for table in tables:
        if re.match(r"oauth|staff|audit|membership|message", table["name"]):
            rows += [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table['name']} t")]
    await connection.close()
    assert len(rows) > FLOWS
    return "\n".join(rows)
