"""Cases O25 to O49: what may be asked, and who is told what is wrong with it."""

from typing import Any
from urllib.parse import quote, unquote_plus, urlencode, urlsplit

import pytest

from hospes.capabilities import oauth
from tests.living import Answer, Api, Home, ask
from tests.oauth.acting import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    RESOURCE,
    VERIFIER,
    App,
    Browser,
    answered,
    challenge_of,
    field,
    new_app,
    new_peer,
    new_person,
    page,
    place_of,
)


@pytest.fixture
async def browser(api: Api) -> Browser:
    """Of an owner who is signed in."""
    return await (await new_person(api)).sign_in()


@pytest.fixture
async def app(home: Home) -> App:
    return await new_app(home)


def told_on_a_page(answer: Answer) -> None:
    assert answer.status == 400
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


def told_to_the_app(answer: Answer, error: str) -> dict[str, str]:
    assert answer.status == 303, answer
    assert answer.headers["location"].startswith(CALLBACK)
    told = place_of(answer)
    assert (told["error"], told["iss"]) == (error, ISSUER)
    assert "code" not in told
    # RFC 6749 section 5.2
    assert all(" " <= char <= "~" and char not in '"\\' for char in told["error_description"])
    return told


@pytest.mark.parametrize(
    "client_id", [None, "", "client_unknown", "client\x00id", "é", "x" * 10_000, "%ff", "client_a&client_id=client_b"]
)
async def test_without_a_known_client_there_is_a_page_and_no_way_on(
    browser: Browser, app: App, client_id: str | None
) -> None:
    """O25"""
    url = app.url(client_id=client_id).replace("%25ff", "%ff").replace("%26client_id%3D", "&client_id=")

    told_on_a_page(await browser.get(url))


async def test_a_client_named_twice_is_none(browser: Browser, app: App) -> None:
    """O25"""
    told_on_a_page(await browser.get(app.url() + f"&client_id={app.id}"))


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback",
        "https://app.example.com/callback/",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/Callback",
        "https://app.example.com:443/callback",
        "https://APP.example.com/callback",
        "https://app.example.com/%63allback",
        "https://app.example.com/callback#x",
        "https://app.example.com/x/../callback",
        "https://evil.com",
        "https://app.example.com.evil.com/callback",
        "https://app.example.com@evil.com/callback",
        "javascript:alert(1)",
        "//evil.com",
        "https://app.example.com/callback\r\nX: y",
        "x" * 10_000,
    ],
)
async def test_any_other_redirect_uri_is_a_page(browser: Browser, app: App, uri: str) -> None:
    """O26, O27, O28: compared as text."""
    told_on_a_page(await browser.get(app.url(redirect_uri=uri)))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_a_loopback_uri_may_ask_for_any_port(browser: Browser, home: Home, host: str) -> None:
    """O29"""
    app = await new_app(home, redirectUris=[f"http://{host}/cb"], tokenEndpointAuthMethod="none")

    answer = await answered(browser, app.url(redirect_uri=f"http://{host}:51004/cb"))

    assert answer.headers["location"].startswith(f"http://{host}:51004/cb?code=")
    told_on_a_page(await browser.get(app.url(redirect_uri=f"http://{host}:51004/other")))
    told_on_a_page(await browser.get(app.url(redirect_uri=f"http://{host}:0/cb")))
    told_on_a_page(await browser.get(app.url(redirect_uri=f"http://{host}:99999/cb")))


async def test_a_port_is_free_on_loopback_only(browser: Browser, app: App) -> None:
    """O29"""
    told_on_a_page(await browser.get(app.url(redirect_uri="https://app.example.com:8443/callback")))


async def test_without_a_redirect_uri_it_is_the_one_that_was_registered(browser: Browser, home: Home, app: App) -> None:
    """O30"""
    several = await new_app(home, redirectUris=[CALLBACK, "https://app.example.com/other"])

    told_on_a_page(await browser.get(several.url(redirect_uri=None)))
    answer = await answered(browser, app.url(redirect_uri=None))

    assert answer.headers["location"].startswith(CALLBACK)
    assert (await app.exchange(place_of(answer)["code"])).status == 200


async def test_a_parameter_given_twice_is_refused(browser: Browser, app: App) -> None:
    """O31"""
    for name in ("response_type", "scope", "state", "code_challenge", "code_challenge_method", "prompt"):
        more = urlencode([(name, "x"), (name, "x")])
        told_to_the_app(await browser.get(app.url(**{name: None}) + "&" + more), "invalid_request")
    for name in ("client_id", "redirect_uri"):
        told_on_a_page(await browser.get(app.url() + f"&{name}=x"))


@pytest.mark.parametrize("name", ["response_type", "code_challenge", "code_challenge_method", "scope", "resource"])
async def test_an_empty_parameter_is_an_absent_one(browser: Browser, app: App, name: str) -> None:
    """O32"""
    absent, empty = await browser.get(app.url(**{name: None})), await browser.get(app.url(**{name: ""}))

    assert absent.status == empty.status
    if absent.status == 303:
        assert place_of(absent)["error"] == place_of(empty)["error"]


async def test_an_empty_client_redirect_or_state_is_an_absent_one(browser: Browser, home: Home, app: App) -> None:
    """O32"""
    several = await new_app(home, redirectUris=[CALLBACK, "https://app.example.com/other"])

    told_on_a_page(await browser.get(app.url(client_id="")))
    told_on_a_page(await browser.get(several.url(redirect_uri="")))
    assert "state" not in place_of(await answered(browser, app.url(state="")))


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "none"])
async def test_nobody_does_without_a_challenge(browser: Browser, home: Home, method: str) -> None:
    """O33"""
    app = await new_app(home, tokenEndpointAuthMethod=method)

    for left_out in ({"code_challenge": None}, {"code_challenge": None, "code_challenge_method": None}):
        told_to_the_app(await browser.get(app.url(**left_out)), "invalid_request")


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512"])
async def test_the_only_challenge_method_is_s256(browser: Browser, app: App, method: str | None) -> None:
    """O34"""
    told_to_the_app(await browser.get(app.url(code_challenge_method=method)), "invalid_request")


@pytest.mark.parametrize(
    "challenge",
    ["a" * 42, "a" * 44, "a" * 129, "a" * 42 + "=", "a" * 42 + "+", "a" * 42 + " ", "a" * 42 + "é", CHALLENGE + "\n"],
)
async def test_a_challenge_is_43_characters_of_base64url(browser: Browser, app: App, challenge: str) -> None:
    """O35"""
    told_to_the_app(await browser.get(app.url(code_challenge=challenge)), "invalid_request")


async def test_a_challenge_used_before_leads_to_a_grant_of_its_own(home: Home, api: Api, app: App) -> None:
    """O36"""
    person = await new_person(api)
    first = await app.connect(person)

    second = await app.connect(person)
    await app.post("revoke", {"token": first["refresh_token"]})

    assert not await app.is_live(first["access_token"])
    assert await app.is_live(second["access_token"])


@pytest.mark.parametrize(
    "scope",
    [
        "everything",
        "properties.read webhooks.write",
        'properties.read"',
        "properties.read\\",
        "properties.read\x00",
        "properties.read  bookings.read",
        "x" * 10_240,
        "properties.read ",
    ],
)
async def test_a_scope_beyond_what_was_registered_is_refused(browser: Browser, home: Home, scope: str) -> None:
    """O37"""
    app = await new_app(home, scope="properties.read bookings.read")

    told_to_the_app(await browser.get(app.url(scope=scope)), "invalid_scope")


@pytest.mark.parametrize(
    "resources",
    [
        ["https://api.example.com/public/v1"],
        ["/public/v1"],
        [RESOURCE + "#x"],
        [RESOURCE, "https://other.example.com"],
        [RESOURCE + "?x"],
    ],
)
async def test_another_resource_is_refused(browser: Browser, app: App, resources: list[str]) -> None:
    """O38"""
    url = app.url() + "&" + urlencode([("resource", one) for one in resources])

    told_to_the_app(await browser.get(url), "invalid_target")


@pytest.mark.parametrize("resources", [[RESOURCE], [RESOURCE, RESOURCE], [RESOURCE + "/"]])
async def test_our_own_resource_may_be_named(browser: Browser, app: App, resources: list[str]) -> None:
    """O38; RFC 8707 lets it be repeated."""
    url = app.url() + "&" + urlencode([("resource", one) for one in resources])

    assert (await browser.get(url)).status == 200


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (None, "invalid_request"),
        ("token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
    ],
)
async def test_the_only_response_type_is_code(browser: Browser, app: App, kind: str | None, error: str) -> None:
    """O39"""
    told_to_the_app(await browser.get(app.url(response_type=kind)), error)


@pytest.mark.parametrize(
    "state", ["a\r\nSet-Cookie: x=y", "&code=x", "🍋 %41+", "x" * 2_048, "🍋" * 2_048, "a=b&c", '"<>\\^`{|}', "\x00"]
)
async def test_state_comes_back_as_it_was_sent(browser: Browser, app: App, state: str) -> None:
    """O40"""
    answer = await answered(browser, app.url(state=state))
    denied = await answered(browser, app.url(state=state), "refuse")

    for one in (answer, denied):
        raw = urlsplit(one.headers["location"]).query.split("&")
        [given] = [part.partition("=")[2] for part in raw if part.startswith("state=")]
        assert unquote_plus(given) == state
        assert "\r" not in one.headers["location"]
    assert len(place_of(answer)["code"]) == 43
    assert "code" not in place_of(denied)


async def test_a_longer_state_is_refused(browser: Browser, app: App) -> None:
    """O40"""
    for length in (2_049, 8_192):
        told = told_to_the_app(await browser.get(app.url(state="x" * length)), "invalid_request")
        assert "state" not in told


async def test_a_state_that_is_no_text_is_a_page(browser: Browser, app: App) -> None:
    """O40"""
    told_on_a_page(await browser.get(app.url(state=None) + "&state=%ff"))


async def test_nothing_of_the_request_is_believed_before_somebody_signs_in(home: Home, app: App) -> None:
    """O41, C10: no error is redirected for strangers."""
    stranger = Browser(home.application)

    for url in (app.url(), app.url(code_challenge=None), app.url(scope="x"), app.url(prompt="none")):
        answer = await stranger.get(url)
        assert answer.status == 303
        assert answer.headers["location"] == "/staff/sign-in?next=" + quote(url, safe="")
    told_on_a_page(await stranger.get(app.url(client_id="client_unknown")))


async def test_prompt_none_never_gives_a_code(browser: Browser, app: App) -> None:
    """O42"""
    stranger = Browser(browser.application)

    told_to_the_app(await browser.get(app.url(prompt="none")), "invalid_request")
    assert (await stranger.get(app.url(prompt="none"))).headers["location"].startswith("/staff/sign-in")
    assert (await browser.get(app.url(prompt="consent"))).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_authorizing_is_a_page_that_is_read(browser: Browser, app: App, method: str) -> None:
    """O43"""
    headers = {"origin": "https://app.example.com", "access-control-request-method": "GET"}

    answer = await browser.ask(method, app.url(), headers=headers)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_head_tells_as_much_as_get_without_a_body(browser: Browser, app: App) -> None:
    """O43"""
    answer = await browser.ask("HEAD", app.url(), headers={"origin": "https://app.example.com"})

    assert (answer.status, answer.body) == (200, b"")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_redirect_uri_keeps_its_own_query(browser: Browser, home: Home) -> None:
    """O44"""
    uri = CALLBACK + "?tenant=a%20b&x="
    app = await new_app(home, redirectUris=[uri])

    fault = await browser.get(app.url(scope="x", state="s"))
    allowed = await answered(browser, app.url(state="s"))

    assert fault.headers["location"].startswith(uri + "&error=invalid_scope&")
    assert set(place_of(fault)) == {"tenant", "x", "error", "error_description", "state", "iss"}
    assert allowed.headers["location"].startswith(uri + "&code=")


async def test_every_answer_names_the_issuer_of_the_metadata(browser: Browser, home: Home, app: App) -> None:
    """O45"""
    path = "/.well-known/oauth-authorization-server/public-api"
    metadata = (await ask(home.application, "GET", path, headers=[(b"host", b"testserver")])).json()
    faults: list[dict[str, str | None]] = [
        {"response_type": "token"},
        {"response_type": None},
        {"scope": "x"},
        {"resource": "https://x.example"},
        {"code_challenge": None},
        {"prompt": "none"},
        {"request": "x"},
    ]

    answers = [await browser.get(app.url(**changes)) for changes in faults]
    answers += [await answered(browser, app.url()), await answered(browser, app.url(), "refuse")]

    assert [place_of(answer)["iss"] for answer in answers] == [metadata["issuer"]] * 9


async def test_request_objects_are_refused_and_never_fetched(browser: Browser, app: App, receiver: Any) -> None:
    """O46"""
    told_to_the_app(await browser.get(app.url(request_uri=receiver.url)), "invalid_request")
    told_to_the_app(await browser.get(app.url(request="eyJhbGciOiJub25lIn0.e30.")), "invalid_request")

    assert receiver.received == []


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message", "query.jwt"])
async def test_the_answer_goes_into_the_query(browser: Browser, app: App, mode: str) -> None:
    """O47"""
    told_to_the_app(await browser.get(app.url(response_mode=mode)), "invalid_request")
    assert (await browser.get(app.url(response_mode="query"))).status == 200


@pytest.mark.parametrize("headers", [{"x-forwarded-host": "evil.com"}, {"x-forwarded-proto": "gopher"}])
async def test_no_header_changes_an_address_on_the_page(browser: Browser, app: App, headers: dict[str, str]) -> None:
    """O48"""
    shown = await browser.ask("GET", app.url(), headers=headers)
    form = {"token": field(shown, "token"), "account": field(shown, "account"), "answer": "allow"}
    answer = await browser.post("/public/oauth/consent", form, **headers)

    assert "evil" not in page(shown)
    assert place_of(answer)["iss"] == ISSUER


@pytest.mark.parametrize("hosts", [[], [b"evil.com"], [b"testserver", b"evil.com"], [b""], [b"a b"]])
async def test_another_host_gets_no_page(home: Home, app: App, hosts: list[bytes]) -> None:
    """O48"""
    path, _, query = app.url().partition("?")
    headers = [(b"host", host) for host in hosts] + [(b"x-forwarded-host", b"evil.com")]

    answer = await ask(home.application, "GET", path, headers=headers, query=query.encode(), peer=new_peer())

    assert (answer.status, "location" in answer.headers) == (400, False)


async def test_nothing_of_the_caller_stands_in_an_errors_description(browser: Browser, app: App) -> None:
    """O49"""
    canary = "canary49"

    for name in ("response_type", "scope", "code_challenge", "code_challenge_method", "resource", "response_mode"):
        for changed in (canary, f'"{canary}\\'):
            answer = await browser.get(app.url(**{name: changed}))
            error = place_of(answer)["error"]
            told = told_to_the_app(answer, error)
            assert canary not in told["error_description"]


async def test_the_twenty_first_request_of_a_minute_has_to_wait(browser: Browser, home: Home, app: App) -> None:
    answers = [await browser.get(app.url()) for _ in range(21)]
    other = await browser.get((await new_app(home)).url())
    home.clock.advance(seconds=int(answers[-1].headers["retry-after"]))
    later = await browser.get(app.url())

    assert [answer.status for answer in answers] == [200] * 20 + [429]
    assert (other.status, later.status) == (200, 200)


def test_the_challenge_of_the_rfc() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert oauth.scopes.parsed("") is None
