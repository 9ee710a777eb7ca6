"""Cases O96 to O104: which app calls, and how it shows that."""

import base64
import statistics
import time
from urllib.parse import quote

import pytest

from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home
from tests.oauth.acting import VERIFIER, App, Person, new_app, new_peer, new_person

TRIES = 5_000 if IS_FULL else 60
TIMER = time.perf_counter if IS_FULL else time.process_time
APART = 1.05 if IS_FULL else 1.25


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


@pytest.fixture
async def basic(home: Home) -> App:
    return await new_app(home, tokenEndpointAuthMethod="client_secret_basic")


@pytest.fixture
async def post(home: Home) -> App:
    return await new_app(home)


@pytest.fixture
async def public(home: Home) -> App:
    return await new_app(home, tokenEndpointAuthMethod="none")


def refused(answer: Answer, status: int = 401, error: str = "invalid_client") -> None:
    assert (answer.status, answer.json()["error"]) == (status, error), answer
    assert answer.headers["cache-control"] == "no-store"


def by_basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


async def test_a_wrong_secret_is_401_and_basic_is_told_so(basic: App, post: App) -> None:
    """O96"""
    in_header = await basic.post("token", {"grant_type": "x"}, authorization=by_basic(f"{basic.id}:wrong"))
    in_body = await post.post("token", {"grant_type": "x", "client_secret": "wrong"})
    unknown = await basic.post("token", {"grant_type": "x"}, authorization=by_basic("client_x:wrong"))

    for answer in (in_header, in_body, unknown):
        refused(answer)
    for answer in (in_header, unknown):
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "www-authenticate" not in in_body.headers


async def test_one_way_of_authenticating_at_a_time(basic: App, post: App, public: App) -> None:
    """O97"""
    both = {"client_id": basic.id, "client_secret": basic.secret}

    refused(await basic.post("token", {"grant_type": "x"} | both), 400, "invalid_request")
    refused(await public.post("token", {"grant_type": "x", "client_secret": "x"}))
    refused(await public.post("token", {"grant_type": "x"}, authorization=by_basic(f"{public.id}:x")))


@pytest.mark.parametrize(
    "header",
    [
        "Basic !!!",
        by_basic("no colon"),
        by_basic(b"\xff\xfe:\xff"),
        "Basic ",
        "Basic",
        by_basic("client_%ff:%ff"),
        by_basic("client_%zz:%"),
        by_basic(":"),
        by_basic("client_\0:x"),
        "Basic é",
        "Bearer nis_at_x",
        "Digest x",
        "",
    ],
)
async def test_a_header_that_cannot_be_read_is_refused(basic: App, header: str) -> None:
    """O98"""
    answer = await basic.post("token", {"grant_type": "authorization_code"}, authorization=header)

    refused(answer)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_two_headers_are_refused(home: Home, basic: App) -> None:
    """O98"""
    from tests.living import ask

    good = by_basic(f"{basic.id}:{basic.secret}").encode()
    headers = [(b"host", b"testserver"), (b"authorization", good), (b"authorization", good)]

    answer = await ask(home.application, "POST", "/public/oauth/token", headers=headers, peer=new_peer())

    refused(answer, 400, "invalid_request")


async def test_id_and_secret_may_be_written_as_the_rfc_asks(basic: App, person: Person) -> None:
    """O99: form-encoded first, so that a colon, a percent sign, a plus and a blank could stand in them."""
    given = await basic.connect(person)
    written = "".join(f"%{ord(char):02X}" for char in basic.id) + ":" + quote(basic.secret or "", safe="")

    answer = await basic.post(
        "token",
        {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]},
        authorization=by_basic(written),
    )

    assert answer.status == 200
    for secret in ("a:b", "a%b", "a+b", "a b", quote("a:%+ b", safe="")):
        refused(await basic.post("token", {"grant_type": "x"}, authorization=by_basic(f"{basic.id}:{secret}")))


async def test_the_body_may_not_name_another_client(basic: App, post: App) -> None:
    """O100"""
    refused(await basic.post("token", {"grant_type": "x", "client_id": post.id}), 400, "invalid_request")
    refused(await basic.post("token", {"grant_type": "x", "client_id": basic.id}), 400, "unsupported_grant_type")


async def test_who_has_a_secret_has_to_show_it(basic: App, post: App, person: Person) -> None:
    """O101"""
    for app in (basic, post):
        fields = {"grant_type": "authorization_code", "code_verifier": VERIFIER, "code": await app.allowed(person)}
        method, app.method, secret, app.secret = app.method, "none", app.secret, None
        refused(await app.post("token", fields))
        app.method, app.secret = method, secret
        assert (await app.post("token", fields)).status == 200


async def test_the_method_is_the_one_that_was_registered(basic: App, post: App) -> None:
    """O102"""
    for app, other in ((basic, "client_secret_post"), (post, "client_secret_basic")):
        app.method = other
        refused(await app.post("token", {"grant_type": "x"}))


async def test_nobody_is_401_too(public: App) -> None:
    refused(await public.post("token", {"grant_type": "x", "client_id": None}))
    refused(await public.post("token", {"grant_type": "x", "client_id": "client_unknown"}))
    refused(await public.post("token", {"grant_type": "x", "client_id": "client_\0"}))
    refused(await public.post("token", {"grant_type": "x", "client_id": "x" * 10_000}))


async def test_twenty_wrong_secrets_a_minute_close_the_address_and_not_the_client(post: App, person: Person) -> None:
    """O103"""
    given = await post.connect(person)
    attacker = new_peer()
    own, post.peer = post.peer, attacker

    answers = [await post.refresh(given["refresh_token"], client_secret=f"wrong{n}") for n in range(21)]
    right = await post.refresh(given["refresh_token"])
    post.peer = own
    elsewhere = await post.refresh(given["refresh_token"])

    assert [answer.status for answer in answers] == [401] * 20 + [429]
    assert answers[-1].json()["error"] == "rate_limit_exceeded"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert (right.status, elsewhere.status) == (429, 200)


async def test_the_address_is_open_again_after_the_time_that_was_told(home: Home, post: App, person: Person) -> None:
    """O103"""
    given = await post.connect(person)
    for n in range(20):
        await post.refresh(given["refresh_token"], client_secret=f"wrong{n}")
    closed = await post.refresh(given["refresh_token"])

    home.clock.advance(seconds=int(closed.headers["retry-after"]))

    assert closed.status == 429
    assert (await post.refresh(given["refresh_token"])).status == 200


async def test_an_app_with_a_secret_has_twenty_calls_a_minute_wherever_it_calls_from(home: Home, post: App) -> None:
    statuses = []
    for _ in range(21):
        post.peer = new_peer()
        statuses.append((await post.post("revoke", {"token": "x"})).status)
    other = await (await new_app(home)).post("revoke", {"token": "x"})

    assert statuses == [200] * 20 + [429]
    assert other.status == 200


async def test_an_app_without_a_secret_has_them_for_each_address(public: App) -> None:
    """Or anybody who knows its id, which is no secret, could stop it for everybody."""
    statuses = [(await public.post("revoke", {"token": "x"})).status for _ in range(21)]
    public.peer = new_peer()

    assert statuses == [200] * 20 + [429]
    assert (await public.post("revoke", {"token": "x"})).status == 200


async def test_a_wrong_secret_takes_the_work_of_an_unknown_client(neighbour: Home) -> None:
    """O104"""
    app = await new_app(neighbour)
    took: dict[str, list[float]] = {app.id: [], "client_" + "x" * 43: []}
    for _ in range(TRIES):
        for client_id, times in took.items():
            if not _ % 50:
                app.peer = new_peer()
            started = TIMER()
            answer = await app.post("token", {"grant_type": "x", "client_id": client_id, "client_secret": "y" * 57})
            times.append(TIMER() - started)
            assert answer.status == 401

    medians = [statistics.median(times) for times in took.values()]
    assert max(medians) <= APART * min(medians), medians
