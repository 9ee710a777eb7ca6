"""Cases O1 to O24: what may be registered."""

import json
from typing import Any

import asyncpg
import pytest

from hospes.base.secrets import digest
from hospes.capabilities import oauth
from hospes.house import chores
from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home, Receiver, ask
from tests.oauth.acting import App, metadata, new_app, new_peer, new_person, page, register

UNUSED = 100_000 if IS_FULL else 2_000

BAD_URIS = {
    "O1": ["https://example.com/cb#x", "https://example.com/cb#"],
    "O2": ["https://*.example.com/cb", "https://example.com/*"],
    "O3": ["https://a:b@example.com/cb", "https://example.com@evil.com/"],
    "O4": [
        "http://example.com/cb",
        "http://127.0.0.1.evil.com/",
        "http://localhost.evil.com/",
        "http://testlocalhost/",
    ],
    "O5": [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://example.com/x",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
    "O6": ["myapp://cb", "myapp:/cb"],
    "O7": [
        "/cb",
        "//evil.com/cb",
        "https:///cb",
        "https://example.com:0/cb",
        "https://example.com:99999/cb",
        "https://example.com/\tcb",
        "https://example.com/\ncb",
        "https://example.com\\evil",
        "https://example.com/a/../cb",
        "https://exämple.com/cb",
        "https://ex%2eample.com/cb",
        "https://example.com/" + "x" * 2_048,
    ],
    "O8": [
        f"https://example.com/cb?{name}=1"
        for name in ("code", "state", "iss", "error", "error_description", "response")
    ],
}


async def count(home: Home, name: str) -> int:
    connection = await asyncpg.connect(home.dsn)
    found: int = await connection.fetchval("SELECT count(*) FROM oauth_clients WHERE name = $1", name)
    await connection.close()
    return found


def refused(answer: Answer, code: str) -> None:
    assert (answer.status, answer.json()["error"]) == (400, code), answer
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("case", "uri"), [(case, uri) for case, uris in BAD_URIS.items() for uri in uris])
async def test_a_redirect_uri_that_could_lead_elsewhere_is_refused(home: Home, case: str, uri: str) -> None:
    """O1 to O8"""
    name = f"App {case}"

    answer = await register(home, metadata(clientName=name, redirectUris=[uri]))

    refused(answer, "invalid_redirect_uri")
    assert await count(home, name) == 0


async def test_redirect_uris_that_native_apps_and_web_apps_use_are_taken(home: Home) -> None:
    uris = [
        "https://app.example.com/cb?tenant=1",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "http://localhost/cb",
        "com.example.app:/cb",
    ]

    answer = await register(home, metadata(redirectUris=uris))

    assert (answer.status, answer.json()["redirect_uris"]) == (201, uris)


@pytest.mark.parametrize(
    "uris",
    [
        ...,
        None,
        [],
        [f"https://example.com/{number}" for number in range(11)],
        [5],
        ["https://example.com/cb"] * 2,
        "https://example.com/cb",
    ],
)
async def test_the_list_has_one_to_ten_different_uris(home: Home, uris: Any) -> None:
    """O9"""
    given = metadata(redirectUris=uris)
    if uris is ...:
        del given["redirectUris"]

    refused(await register(home, given), "invalid_redirect_uri")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"\xff{}", "application/json"),
        (b"[" * 5_000, "application/json"),
        (b"clientName=x", "application/x-www-form-urlencoded"),
        (json.dumps(metadata()).encode(), "text/plain"),
        (json.dumps(metadata(x="x" * 65_536)).encode(), "application/json"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(home: Home, raw: bytes, kind: str) -> None:
    """O10"""
    answer = await register(home, None, raw=raw, content_type=kind)

    assert answer.status in (400, 413)
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize(
    "changes",
    [
        {"grantTypes": ["implicit"]},
        {"grantTypes": ["authorization_code", "password"]},
        {"grantTypes": ["client_credentials"]},
        {"responseTypes": ["token"]},
        {"grantTypes": []},
        {"grantTypes": "authorization_code"},
        {"grantTypes": [["authorization_code"]]},
    ],
)
async def test_only_the_code_flow_can_be_registered(home: Home, changes: dict[str, Any]) -> None:
    """O11"""
    refused(await register(home, metadata(**changes)), "invalid_client_metadata")


@pytest.mark.parametrize("changes", [{"grantTypes": ["refresh_token"]}, {"responseTypes": []}])
async def test_the_code_grant_and_its_response_type_go_together(home: Home, changes: dict[str, Any]) -> None:
    """O12"""
    refused(await register(home, metadata(**changes)), "invalid_client_metadata")


@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt", "x", 5, ["none"], ""])
async def test_other_ways_to_authenticate_are_refused(home: Home, method: Any) -> None:
    """O13"""
    answer = await register(home, metadata(tokenEndpointAuthMethod=method))

    refused(answer, "invalid_client_metadata")


async def test_without_a_method_it_is_basic(home: Home) -> None:
    """O13"""
    given = metadata()
    del given["tokenEndpointAuthMethod"]

    assert (await register(home, given)).json()["token_endpoint_auth_method"] == "client_secret_basic"


async def test_both_spellings_work_and_may_not_contradict_each_other(home: Home) -> None:
    """O14"""
    snake = {"client_name": "Snake", "redirect_uris": ["https://example.com/cb"], "token_endpoint_auth_method": "none"}

    alike = await register(home, snake | {"redirectUris": ["https://example.com/cb"]})
    different = await register(home, snake | {"redirectUris": ["https://example.com/other"]})

    assert (alike.status, alike.json()["client_name"]) == (201, "Snake")
    refused(different, "invalid_client_metadata")


async def test_the_same_name_twice_is_refused(home: Home) -> None:
    """O15"""
    raw = b'{"clientName": "A", "clientName": "B", "redirectUris": ["https://example.com/cb"]}'

    refused(await register(home, None, raw=raw), "invalid_client_metadata")


async def test_ids_and_secrets_are_ours_whatever_the_caller_sends(home: Home) -> None:
    """O16"""
    theirs = {
        "client_id": "client_theirs",
        "client_secret": "theirs",
        "client_id_issued_at": 1,
        "registration_access_token": "theirs",
    }

    answer = await register(home, metadata(**theirs))

    assert answer.status == 201
    assert b"theirs" not in answer.body
    assert answer.json()["client_id_issued_at"] == int(home.clock.now().timestamp())
    assert await oauth.clients.find(home.server.database, "client_theirs") is None


async def test_unknown_metadata_is_neither_kept_nor_echoed(home: Home) -> None:
    """O17"""
    answer = await register(home, metadata(software_id="canary-17", jwks={"keys": ["canary-17"]}))

    connection = await asyncpg.connect(home.dsn)
    row = await connection.fetchval("SELECT c::text FROM oauth_clients c WHERE id = $1", answer.json()["client_id"])
    await connection.close()
    assert answer.status == 201
    assert b"canary" not in answer.body
    assert "canary" not in row


@pytest.mark.parametrize("scope", ["bookings", "properties.read  bookings.read", "properties.read everything", "*", 5])
async def test_an_unknown_scope_is_refused(home: Home, scope: Any) -> None:
    """O18"""
    refused(await register(home, metadata(scope=scope)), "invalid_client_metadata")


async def test_without_a_scope_it_is_all_that_reads_and_nothing_sensitive(home: Home) -> None:
    given = metadata()
    del given["scope"]

    scope = (await register(home, given)).json()["scope"].split(" ")

    assert all(one.endswith(".read") for one in scope)
    assert "bookings.sensitive.read" not in scope


@pytest.mark.parametrize(
    "name", ["A\u202eppA", "A\u200bpp", "A\u2066pp", "A\x07pp", "A\x00pp", "A\npp", "\ud800", "x" * 121, "", "  ", 5]
)
async def test_a_name_that_could_pass_for_another_is_refused(home: Home, name: Any) -> None:
    """O19"""
    refused(await register(home, metadata(clientName=name)), "invalid_client_metadata")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "</title><b>x", "x" * 101])
async def test_any_other_name_is_shown_as_text(home: Home, api: Api, name: str) -> None:
    """O19"""
    person = await new_person(api)
    app = await new_app(home, clientName=name)

    shown = await (await person.sign_in()).get(app.url())

    assert name in page(shown)
    assert b"<script" not in shown.body
    assert b"<b>x" not in shown.body


async def test_no_address_of_an_app_is_ever_asked_for(home: Home, api: Api, receiver: Receiver) -> None:
    """O20"""
    person = await new_person(api)
    links = {"logo_uri": "https://169.254.169.254/logo", "client_uri": "https://127.0.0.1/home"}
    app = await new_app(home, jwks_uri=receiver.url, sector_identifier_uri=receiver.url, **links)

    shown = await (await person.sign_in()).get(app.url())
    await app.connect(person)

    assert receiver.received == []
    assert b"<img" not in shown.body
    assert 'rel="noreferrer' in page(shown)


@pytest.mark.parametrize("uri", ["http://example.com/logo.png", "javascript:alert(1)", "https://a b/", 5])
async def test_links_of_an_app_are_https(home: Home, uri: Any) -> None:
    refused(await register(home, metadata(client_uri=uri)), "invalid_client_metadata")


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "none"])
async def test_a_secret_is_given_once_to_who_can_keep_one(home: Home, method: str) -> None:
    """O21"""
    answer = await register(home, metadata(tokenEndpointAuthMethod=method))

    told = answer.json()
    stored = await oauth.clients.find(home.server.database, told["client_id"])
    assert stored is not None
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert "registration_client_uri" not in told
    if method == "none":
        assert not {"client_secret", "client_secret_expires_at"} & set(told)
        assert stored.secret_hash is None
    else:
        assert told["client_secret_expires_at"] == 0
        assert stored.secret_hash == digest(told["client_secret"])


async def test_the_twenty_first_registration_of_a_minute_has_to_wait(home: Home) -> None:
    """O22"""
    peer = new_peer()

    async def once(number: int) -> Answer:
        headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
        headers.append((b"x-forwarded-for", f"198.51.100.{number}".encode()))
        body = json.dumps(metadata()).encode()
        return await ask(home.application, "POST", "/public/oauth/register", headers=headers, body=body, peer=peer)

    answers = [await once(number) for number in range(21)]
    wait = int(answers[-1].headers["retry-after"])
    home.clock.advance(seconds=wait)
    later = await once(22)

    assert [answer.status for answer in answers] == [201] * 20 + [429]
    assert answers[-1].json()["error"] == "rate_limit_exceeded"
    assert later.status == 201


async def test_what_was_registered_and_never_used_goes_after_a_week(home: Home, api: Api) -> None:
    """O23"""
    person, used = await new_person(api), await new_app(home)
    await used.connect(person)
    young = await new_app(home)
    connection = await asyncpg.connect(home.dsn)
    await connection.execute(
        "INSERT INTO oauth_clients (id, name, auth_method, redirect_uris, grant_types, scope, created_at)"
        " SELECT 'client_unused_' || n, 'Unused', 'none', '{https://example.com}', '{authorization_code}',"
        " 'bookings.read', $2::timestamptz - interval '8 days' FROM generate_series(1, $1::int) n",
        UNUSED,
        home.clock.now(),
    )

    await chores.sweep_apps(home.server)

    assert await count(home, "Unused") == 0
    plan = "\n".join(
        row[0] for row in await connection.fetch("EXPLAIN SELECT * FROM oauth_clients WHERE id = 'client_x'")
    )
    await connection.close()
    assert "oauth_clients_pkey" in plan or UNUSED < 10_000
    for app in (used, young):
        assert await oauth.clients.find(home.server.database, app.id) is not None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_registration_cannot_be_managed(home: Home, method: str) -> None:
    """O24"""
    app: App = await new_app(home)

    answer = await ask(
        home.application, method, f"/public/oauth/register/{app.id}", headers=[(b"host", b"testserver")], peer=app.peer
    )

    assert answer.status == 404
    assert not any("registration" in name for name in app.registered)


async def test_other_methods_are_not_allowed_and_other_origins_may_register(home: Home) -> None:
    headers = [(b"host", b"testserver"), (b"origin", b"https://app.example.com")]

    shown = await ask(home.application, "GET", "/public/oauth/register", headers=headers)
    asked = await ask(home.application, "OPTIONS", "/public/oauth/register", headers=headers)

    assert (shown.status, shown.headers["allow"]) == (405, "POST")
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "content-type" in asked.headers["access-control-allow-headers"]
