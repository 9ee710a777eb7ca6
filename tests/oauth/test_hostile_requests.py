"""Whatever is sent to staff's pages and to OAuth's endpoints, the answer is no error of the server."""

import random
from urllib.parse import quote, urlencode

from tests.conftest import IS_FULL
from tests.living import Api, Home, ask
from tests.oauth.acting import App, Person, field, new_app, new_peer, new_person

ROUNDS = 20_000 if IS_FULL else 600
PATHS = [
    "/staff",
    "/staff/sign-in",
    "/staff/sign-out",
    "/staff/sign-out-everywhere",
    "/staff/apps",
    "/public/oauth/authorize",
    "/public/oauth/consent",
    "/public/oauth/register",
    "/public/oauth/token",
    "/public/oauth/revoke",
    "/public/oauth/introspect",
    "/.well-known/oauth-authorization-server/public-api",
    "/.well-known/oauth-protected-resource/public/v1",
]
NAMES = (
    "client_id client_secret redirect_uri state scope code code_verifier code_challenge code_challenge_method resource"
    " response_type response_mode prompt request request_uri grant_type refresh_token token token_type_hint form next"
    " email password account answer workspace grant clientName redirectUris"
).split()
ODD = [
    "", " ", "\0", "\x7f", "\r\n", "é", "💥", "\u202e", "%", "%zz", "+", "&", "=", '"', "\\", "'", "<b>", "{}", "[]", "null", "..",
    "1e3", "-1", "9" * 30, "x" * 5_000, ".", "a.b", "eyJhIjoxfQ.AAAA", "authorization_code", "refresh_token", "code", "S256",
]  # fmt: skip


async def test_nothing_that_is_sent_makes_the_server_stumble(home: Home, neighbour: Home, api: Api) -> None:
    person, app = await new_person(api), await new_app(neighbour)
    browser = await person.sign_in()
    chance, values = random.Random(7), [*ODD, *await known_values(app, person)]

    for number in range(ROUNDS):
        if not number % 20:
            home.clock.advance(seconds=5)
            peer = new_peer()
        pairs = [(chance.choice(NAMES), chance.choice(values)) for _ in range(chance.randrange(8))]
        body = urlencode(pairs).encode()
        if chance.random() < 0.2:
            body = bytes(chance.randrange(256) for _ in range(chance.randrange(60)))
        headers = [(b"host", b"testserver")]
        headers.append(
            (b"content-type", chance.choice([b"application/x-www-form-urlencoded"] * 4 + [b"application/json", b""]))
        )
        if chance.random() < 0.7:
            headers.append((b"cookie", f"hospes_session={browser.cookies['hospes_session']}".encode()))
        if chance.random() < 0.3:
            odd = chance.choice(values).encode().replace(b"\n", b"").replace(b"\0", b"")
            headers.append(
                (chance.choice([b"authorization", b"origin", b"sec-fetch-site", b"cookie", b"user-agent"]), odd)
            )
        query = urlencode([(chance.choice(NAMES), chance.choice(values)) for _ in range(chance.randrange(6))])
        if chance.random() < 0.1:
            query = quote(chance.choice(values)) + "%ff&=&&é"

        answer = await ask(
            neighbour.application,
            chance.choice(["GET", "POST", "POST", "HEAD", "OPTIONS", "PUT"]),
            chance.choice(PATHS) + chance.choice([""] * 9 + ["/x", "/"]),
            headers=headers,
            query=query.encode(),
            body=body,
            peer=peer,
        )

        assert answer.status < 500, (answer, pairs, query, headers)
        assert all("\n" not in value and "\r" not in value for value in answer.headers.values())


async def known_values(app: App, person: Person) -> list[str]:
    """What is valid in its place, so that some requests get further than the first check."""
    shown = await person.browser.get(app.url())
    given = await app.connect(person)
    return [
        app.id,
        app.secret or "",
        app.uri,
        person.email,
        field(shown, "token"),
        field(shown, "account"),
        "allow",
        given["access_token"],
        given["refresh_token"],
        app.url().partition("?")[2],
    ]
