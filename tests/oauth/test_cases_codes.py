"""Cases O66 to O85: a code becomes tokens once, for who asked for it."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from hospes.base import ids
from hospes.capabilities import oauth, staff
from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home, ask
from tests.oauth.acting import (
    CALLBACK,
    CHALLENGE,
    FORM,
    RESOURCE,
    VERIFIER,
    App,
    Person,
    new_app,
    new_person,
)

ROUNDS = 200 if IS_FULL else 4
IDS = 1_000_000 if IS_FULL else 20_000


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


@pytest.fixture
async def app(home: Home) -> App:
    return await new_app(home)


def refused(answer: Answer, error: str, status: int = 400) -> None:
    assert (answer.status, answer.json()["error"]) == (status, error), answer
    assert answer.headers["cache-control"] == "no-store"
    assert all(" " <= char <= "~" and char not in '"\\' for char in answer.json()["error_description"])


async def grants_of(app: App) -> list[tuple[int, bool]]:
    """Live tokens of each of its grants, and whether the grant was revoked."""
    connection = await asyncpg.connect(app.home.dsn)
    rows = await connection.fetch(
        "SELECT (SELECT count(*) FROM oauth_tokens t WHERE t.grant_id = g.id), revoked_at IS NOT NULL"
        " FROM oauth_grants g WHERE client_id = $1 ORDER BY id",
        app.id,
    )
    await connection.close()
    return [tuple(row) for row in rows]


async def test_codes_are_taken_as_a_form_by_post(person: Person, app: App) -> None:
    """O66"""
    code = await app.allowed(person)
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "client_id": app.id}
    headers = [(b"host", b"testserver")]

    read = await ask(
        home_of(app), "GET", "/public/oauth/token", headers=headers, query=urlencode(fields).encode(), peer=app.peer
    )
    as_json = await app.post("token", {}, raw=str(fields).replace("'", '"').encode(), content_type="application/json")
    parts = await app.post("token", {}, raw=b"--x--", content_type="multipart/form-data; boundary=x")
    nothing = await app.post("token", {}, raw=b"", content_type="")

    assert (read.status, read.headers["allow"]) == (405, "POST")
    for answer in (as_json, parts, nothing):
        refused(answer, "invalid_request")
    assert (await app.exchange(code)).status == 200


def home_of(app: App) -> Any:
    return app.home.application


async def test_nothing_in_the_query_counts(person: Person, app: App) -> None:
    """O67"""
    code = await app.allowed(person)
    secret = urlencode({"client_id": app.id, "client_secret": app.secret})
    everything = urlencode({"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER})

    refused(await app.post("token", {}, query=secret, raw=everything.encode()), "invalid_client", 401)
    refused(await app.post("token", {}, query=everything), "invalid_request")
    assert (await app.exchange(code, code_verifier=VERIFIER)).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "grant_type",
        "code",
        "code_verifier",
        "redirect_uri",
        "client_id",
        "client_secret",
        "scope",
        "refresh_token",
        "unknown",
    ],
)
async def test_a_parameter_given_twice_is_refused(person: Person, app: App, name: str) -> None:
    """O68"""
    fields = {
        "grant_type": "authorization_code",
        "code": await app.allowed(person),
        "code_verifier": VERIFIER,
        "client_id": app.id,
        "client_secret": app.secret or "",
    }
    once = urlencode(fields)
    again = urlencode({name: fields.get(name, "x")})

    refused(await app.post("token", {}, raw=f"{once}&{again}&{again}".encode()), "invalid_request")
    assert (await app.post("token", {}, raw=once.encode())).status == 200


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (None, "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("client_credentials", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "unsupported_grant_type"),
        ('x"\\', "unsupported_grant_type"),
    ],
)
async def test_other_grant_types_are_refused(person: Person, app: App, kind: str | None, error: str) -> None:
    """O69"""
    refused(await app.exchange(await app.allowed(person), grant_type=kind), error)


async def test_a_client_uses_the_grants_it_registered_for(home: Home, person: Person) -> None:
    """O69"""
    app = await new_app(home, grantTypes=["authorization_code"])

    given = await app.connect(person)

    assert "refresh_token" not in given
    refused(await app.refresh("nis_rt_x"), "unauthorized_client")


async def test_a_code_that_is_not_one_is_refused(person: Person, app: App) -> None:
    """O70"""
    code = await app.allowed(person)

    for wrong in ("unknown", code[:-1], code.swapcase(), code + "\0", "x" * 10_240, code + " "):
        refused(await app.exchange(wrong), "invalid_grant")
    refused(await app.exchange(""), "invalid_request")
    assert (await app.exchange(code)).status == 200


async def test_a_code_lives_for_ten_minutes(home: Home, person: Person, app: App) -> None:
    """O71"""
    early, late = await app.allowed(person), await app.allowed(person)

    home.clock.advance(minutes=9, seconds=59)
    assert (await app.exchange(early)).status == 200
    home.clock.advance(seconds=1)
    refused(await app.exchange(late), "invalid_grant")


async def test_a_code_is_its_clients_own(home: Home, person: Person, app: App) -> None:
    """O72"""
    code, other = await app.allowed(person), await new_app(home)

    refused(await other.exchange(code), "invalid_grant")
    assert (await app.exchange(code)).status == 200


@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "a" * 43,
        CHALLENGE,
        VERIFIER[:42],
        "a" * 129,
        VERIFIER[:-1] + "!",
        VERIFIER + "\n",
        VERIFIER + "=",
        "é" * 43,
        VERIFIER[:-1] + "\0",
    ],
)
async def test_without_the_right_verifier_there_are_no_tokens(person: Person, app: App, verifier: str | None) -> None:
    """O73; one that is missing is told as one that is wrong."""
    refused(await app.exchange(await app.allowed(person), code_verifier=verifier), "invalid_grant")


async def test_five_wrong_verifiers_end_a_code(person: Person, app: App) -> None:
    """O74"""
    code, other = await app.allowed(person), await app.allowed(person)

    for _ in range(4):
        refused(await app.exchange(other, code_verifier="a" * 43), "invalid_grant")
    for _ in range(5):
        refused(await app.exchange(code, code_verifier="a" * 43), "invalid_grant")

    assert (await app.exchange(other)).status == 200
    refused(await app.exchange(code), "invalid_grant")


@pytest.mark.parametrize("verifier", [None, VERIFIER, "x"])
async def test_a_code_that_was_stored_without_a_challenge_is_worth_nothing(
    person: Person, app: App, verifier: str | None
) -> None:
    """O75"""
    code = await app.allowed(person)
    connection = await asyncpg.connect(app.home.dsn)
    await connection.execute("UPDATE oauth_codes SET code_challenge = '' WHERE client_id = $1", app.id)
    await connection.close()

    refused(await app.exchange(code, code_verifier=verifier), "invalid_grant")


async def test_the_redirect_uri_is_compared_when_it_is_sent(person: Person, app: App) -> None:
    """O76"""
    assert (await app.exchange(await app.allowed(person), redirect_uri=None)).status == 200
    assert (await app.exchange(await app.allowed(person), redirect_uri=CALLBACK)).status == 200
    refused(await app.exchange(await app.allowed(person), redirect_uri=CALLBACK + "/"), "invalid_grant")


async def test_an_exchange_cannot_widen_what_was_granted(person: Person, app: App) -> None:
    """O77"""
    code = await app.allowed(person, scope="properties.read")

    refused(await app.exchange(code, resource="https://other.example.com"), "invalid_target")
    given = await app.exchange(code, scope="properties.read bookings.write", resource=RESOURCE)

    assert given.json()["scope"] == "properties.read"


async def test_using_a_code_again_ends_all_that_it_gave(home: Home, neighbour: Home, person: Person, app: App) -> None:
    """O78"""
    code = await app.allowed(person)
    given = (await app.exchange(code)).json()
    renewed = (await app.refresh(given["refresh_token"])).json()

    app.application = neighbour.application
    refused(await app.exchange(code), "invalid_grant")

    for token in (given["access_token"], renewed["access_token"]):
        assert not await app.is_live(token)
    app.application = home.application
    refused(await app.refresh(renewed["refresh_token"]), "invalid_grant")
    assert await grants_of(app) == [(0, True)]


@pytest.mark.parametrize("changes", [{"code_verifier": "a" * 43}, {"code_verifier": None}, {"client_secret": "x"}])
async def test_a_second_use_that_is_not_valid_ends_nothing(
    home: Home, person: Person, app: App, changes: dict[str, str | None]
) -> None:
    """O79, C2: or anybody who saw a code could log the client out."""
    code, other = await app.allowed(person), await new_app(home)
    given = (await app.exchange(code)).json()

    assert (await app.exchange(code, **changes)).status in (400, 401)
    refused(await other.exchange(code), "invalid_grant")

    assert await app.is_live(given["access_token"])
    assert (await app.refresh(given["refresh_token"])).status == 200


async def test_fifty_exchanges_at_once_give_one_pair(neighbour: Home, person: Person) -> None:
    """O80"""
    app = await new_app(neighbour)
    for _ in range(ROUNDS):
        # Pages have a limit of their own.
        neighbour.clock.advance(seconds=10)
        code = await app.allowed(person)

        answers = await asyncio.gather(*(app.exchange(code) for _ in range(50)))

        assert sorted(answer.status for answer in answers) == [200] + [400] * 49
        [given] = [answer.json() for answer in answers if answer.status == 200]
        assert not await app.is_live(given["access_token"])
    assert await grants_of(app) == [(0, True)] * ROUNDS


async def test_somebody_who_left_leaves_no_code_behind(home: Home, api: Api, app: App) -> None:
    """O82"""
    stayed, person, stopped = await new_person(api), await new_person(api), await new_person(api)
    left_behind, of_stopped = await app.allowed(person), await app.allowed(stopped)
    async with api.begin() as tx:
        await staff.leave(tx, person.staff_id)
    await staff.set_active(home.server.database, stopped.staff_id, is_active=False)

    refused(await app.exchange(left_behind), "invalid_grant")
    refused(await app.exchange(of_stopped), "invalid_grant")
    assert (await app.exchange(await app.allowed(stayed))).status == 200


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "none"])
async def test_the_answer_is_as_the_contract_shows_it(home: Home, person: Person, method: str) -> None:
    """O84"""
    app = await new_app(home, tokenEndpointAuthMethod=method, scope="properties.read bookings.read missions.read")

    answer = await app.exchange(await app.allowed(person, scope="properties.read missions.read"))

    told = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"nis_at_[A-Za-z0-9_-]{43}", told.pop("access_token"))
    assert re.fullmatch(r"nis_rt_[A-Za-z0-9_-]{43}", told.pop("refresh_token"))
    assert told == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "properties.read missions.read",
        "resource": RESOURCE,
    }


async def test_ids_and_secrets_are_long_and_never_the_same(home: Home, person: Person) -> None:
    """O85: 43 letters and digits are 256 bits, and so is what tokens are derived from and with."""
    made = {ids.token("client_", 43) for _ in range(IDS)}
    seeds = {ids.random_bytes(oauth.pairs.SEED_BYTES) for _ in range(IDS)}
    derived = {
        home.server.vault.derive(f"{number}/{kind}", "oauth at") for number in range(IDS // 2) for kind in ("a", "b")
    }

    assert (len(made), len(seeds), len(derived)) == (IDS, IDS, IDS // 2 * 2)


async def test_other_origins_may_ask_for_tokens_and_nobody_is_known_by_a_cookie(person: Person, app: App) -> None:
    headers = [(b"host", b"testserver"), (b"origin", b"https://spa.example.com")]

    asked = await ask(home_of(app), "OPTIONS", "/public/oauth/token", headers=headers)
    given = await app.exchange(await app.allowed(person))

    assert (asked.status, asked.headers["access-control-allow-methods"]) == (204, "POST")
    assert given.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in given.headers | asked.headers


@pytest.mark.parametrize("raw", [b"\xff", b"%ff=1", b"=", b"&" * 500, b"a=1&" * 100, b"grant_type=%00", b"x" * 70_000])
async def test_no_body_makes_the_server_stumble(app: App, raw: bytes) -> None:
    answer = await app.post("token", {}, raw=raw, content_type=FORM)

    assert answer.status in (400, 401, 413)
    assert set(answer.json()) == {"error", "error_description"}
