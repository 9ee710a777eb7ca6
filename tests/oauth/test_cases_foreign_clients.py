"""Cases O121 and O123: clients that others wrote, unmodified, over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx
import httpx2
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from httpx_oauth.oauth2 import OAuth2 as OAuth2Client
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from requests_oauthlib import OAuth2Session as RequestsSession

from hospes.base.settings import Settings
from hospes.capabilities import oauth
from tests import npm
from tests.living import Api, Home
from tests.oauth.acting import Person, challenge_of, new_person
from tests.oauth.serving import Visitor, serving

HERE = Path(__file__).parent / "clients"
LOOPBACK = "http://127.0.0.1:33418/callback"
VERIFIER = "v" * 43
METHODS = pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "none"])
SCRIPTS = pytest.mark.parametrize("script", ["oauth4webapi", "openid-client", "badgateway", "oidc-client-ts"])


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries want TLS; on loopback they are told that there is none."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
async def site(home: Home, settings: Settings) -> AsyncIterator[str]:
    async with serving(home, settings) as site:
        yield site


@pytest.fixture
async def visitor(api: Api) -> Visitor:
    person: Person = await new_person(api)
    return Visitor(person)


async def registered(site: str, method: str) -> dict[str, Any]:
    metadata = {"client_name": "Foreign", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": method}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{site}/public/oauth/register", json=metadata)
    assert answer.status_code == 201
    known: dict[str, Any] = answer.json()
    return known


async def is_live(home: Home, token: str) -> bool:
    return await oauth.callers.find(home.server.database, sha256(token.encode()).digest()) is not None


@METHODS
async def test_authlibs_client(home: Home, site: str, visitor: Visitor, method: str) -> None:
    """O123"""
    known = await registered(site, method)
    session = AuthlibSession(
        known["client_id"],
        known.get("client_secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="properties.read bookings.read",
        redirect_uri=LOOPBACK,
        code_challenge_method="S256",
    )
    url, state = session.create_authorization_url(f"{site}/public/oauth/authorize", code_verifier=VERIFIER)
    back = await visitor.decide(url)
    endpoint = f"{site}/public/oauth/token"

    given = await asyncio.to_thread(
        session.fetch_token, endpoint, authorization_response=back, code_verifier=VERIFIER, state=state
    )
    answer = await asyncio.to_thread(session.get, f"{site}/public/v1/properties")
    renewed = await asyncio.to_thread(session.refresh_token, endpoint)
    ended = await asyncio.to_thread(
        session.revoke_token, f"{site}/public/oauth/revoke", renewed["refresh_token"], "refresh_token"
    )

    assert (answer.status_code, ended.status_code) == (200, 200)
    assert renewed["access_token"] != given["access_token"]
    assert not await is_live(home, renewed["access_token"])


@METHODS
async def test_requests_oauthlib(home: Home, site: str, visitor: Visitor, method: str) -> None:
    """O123"""
    known = await registered(site, method)
    scope = ["properties.read", "bookings.read"]
    session = RequestsSession(known["client_id"], redirect_uri=LOOPBACK, scope=scope)
    url, _ = session.authorization_url(
        f"{site}/public/oauth/authorize", code_challenge=challenge_of(VERIFIER), code_challenge_method="S256"
    )
    back = await visitor.decide(url)
    endpoint = f"{site}/public/oauth/token"
    secret = known.get("client_secret")
    more: dict[str, Any] = {"include_client_id": True}
    if method == "client_secret_post":
        more["client_secret"] = secret
    if method == "client_secret_basic":
        more = {"auth": (known["client_id"], secret)}

    given = await asyncio.to_thread(
        session.fetch_token, endpoint, authorization_response=back, code_verifier=VERIFIER, **more
    )
    answer = await asyncio.to_thread(session.get, f"{site}/public/v1/properties")
    again: dict[str, Any] = {"client_id": known["client_id"], "client_secret": secret}
    if method == "client_secret_basic":
        again = {"auth": (known["client_id"], secret)}
    renewed = await asyncio.to_thread(
        session.refresh_token, endpoint, **{name: value for name, value in again.items() if value}
    )

    assert answer.status_code == 200
    assert renewed["access_token"] != given["access_token"]
    assert await is_live(home, renewed["access_token"])


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_httpx_oauth(home: Home, site: str, visitor: Visitor, method: Any) -> None:
    """O123: it knows no clients without a secret."""
    known = await registered(site, method)
    client = OAuth2Client(
        known["client_id"],
        known["client_secret"],
        f"{site}/public/oauth/authorize",
        f"{site}/public/oauth/token",
        f"{site}/public/oauth/token",
        f"{site}/public/oauth/revoke",
        base_scopes=["properties.read", "bookings.read"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    url = await client.get_authorization_url(
        LOOPBACK, state="s", code_challenge=challenge_of(VERIFIER), code_challenge_method="S256"
    )
    told = parse_qs(urlsplit(await visitor.decide(url)).query)

    given = await client.get_access_token(told["code"][0], LOOPBACK, VERIFIER)
    renewed = await client.refresh_token(given["refresh_token"])
    is_known = await is_live(home, renewed["access_token"])
    await client.revoke_token(renewed["refresh_token"], "refresh_token")

    assert told["state"] == ["s"]
    assert not given.is_expired() and renewed["access_token"] != given["access_token"]
    assert is_known and not await is_live(home, renewed["access_token"])


class Kept:
    """What the MCP client keeps."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@METHODS
async def test_the_client_of_mcp(home: Home, site: str, visitor: Visitor, method: Any) -> None:
    """O123: it is told nothing but the API's address, and finds the rest itself."""
    from mcp.client.auth import AuthorizationCodeResult

    kept, came_back = Kept(), []

    async def go(url: str) -> None:
        came_back.append(await visitor.decide(url))

    async def come_back() -> AuthorizationCodeResult:
        told = parse_qs(urlsplit(came_back[-1]).query)
        return AuthorizationCodeResult(code=told["code"][0], state=told["state"][0], iss=told["iss"][0])

    metadata = OAuthClientMetadata(
        client_name="MCP",
        redirect_uris=[LOOPBACK],  # type: ignore[list-item]
        token_endpoint_auth_method=method,
    )

    def provider() -> OAuthClientProvider:
        return OAuthClientProvider(f"{site}/public/v1", metadata, kept, go, come_back)

    async with httpx2.AsyncClient(auth=provider()) as client:
        answer = await client.get(f"{site}/public/v1/properties")
    assert kept.tokens is not None
    first = kept.tokens.access_token
    kept.tokens = kept.tokens.model_copy(update={"access_token": "nis_at_lost"})
    with_refresh = provider()
    async with httpx2.AsyncClient(auth=with_refresh) as client:
        with_refresh.context.client_info, with_refresh.context.current_tokens = kept.client, kept.tokens
        with_refresh._initialized = True
        with_refresh.context.token_expiry_time = 1
        renewed = await client.get(f"{site}/public/v1/properties")

    assert (answer.status_code, renewed.status_code) == (200, 200)
    assert await is_live(home, first)
    assert kept.tokens.access_token not in (first, "nis_at_lost")


class Script:
    """A client in JavaScript: it prints where to send the person, and is told where they came back."""

    def __init__(self, site: str, visitor: Visitor) -> None:
        self._site = site
        self._visitor = visitor

    async def run(
        self, name: str, method: str, alter: dict[str, str] | None = None
    ) -> tuple[dict[str, Any] | None, str]:
        """What it says in the end (None when it gave up), and its errors."""
        node = await asyncio.to_thread(npm.node_with_packages, HERE)
        arguments = [f"{self._site}/public-api", f"{self._site}/public/v1", method]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(node, HERE / f"{name}.mjs", *arguments, **pipes)
        assert process.stdin and process.stdout and process.stderr
        told = None
        async with asyncio.timeout(60):
            while line := await process.stdout.readline():
                said = json.loads(line)
                if "authorize" in said:
                    back = altered(await self._visitor.decide(said["authorize"]), alter or {})
                    process.stdin.write(back.encode() + b"\n")
                    await process.stdin.drain()
                told = said.get("done", told)
            errors = (await process.stderr.read()).decode()
            await process.wait()
        return told, errors


async def test_mcp_remote(home: Home, site: str, visitor: Visitor, tmp_path: Path) -> None:
    """O123: it is told the address of a resource, finds the rest itself, and renews what is refused.

    What it then says to the resource is MCP, which nobody here speaks: it ends with an error.
    """
    node = await asyncio.to_thread(npm.node_with_packages, HERE)

    async def run() -> list[str]:
        """Let it connect; returns the addresses to which it sent the person."""
        process = await asyncio.create_subprocess_exec(
            node,
            HERE / "node_modules/mcp-remote/dist/client.js",
            f"{site}/public/v1/bookings",
            "--transport",
            "http-only",
            # No browser is found by it: the person comes by themselves.
            env={"PATH": str(tmp_path), "HOME": str(tmp_path), "MCP_REMOTE_CONFIG_DIR": str(tmp_path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr
        sent = []
        try:
            async with asyncio.timeout(60):
                async for said in process.stderr:
                    line = said.decode().strip()
                    if line.startswith(f"{site}/public/oauth/authorize"):
                        sent.append(line)
                        async with httpx.AsyncClient() as client:
                            assert (await client.get(await visitor.decide(line))).status_code == 200
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        return sent

    def kept() -> Path:
        [found] = tmp_path.glob("**/*_tokens.json")
        return found

    first_sent = await run()
    first = json.loads(kept().read_text())
    kept().write_text(json.dumps(first | {"access_token": "nis_at_lost"}))
    second_sent = await run()
    second = json.loads(kept().read_text())

    assert (len(first_sent), second_sent) == (1, [])
    assert await is_live(home, first["access_token"]) and await is_live(home, second["access_token"])
    assert second["access_token"] not in (first["access_token"], "nis_at_lost")


def altered(url: str, changes: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=str(httpx.QueryParams(query))))


@SCRIPTS
@METHODS
async def test_clients_in_javascript(home: Home, site: str, visitor: Visitor, script: str, method: str) -> None:
    """O123"""
    told, errors = await Script(site, visitor).run(script, method)

    assert told is not None, errors
    assert told["scope"] in ("properties.read bookings.read", None)
    assert told["status"] == 200
    assert told["active"] is (None if method == "none" or script == "oidc-client-ts" else True)
    assert await is_live(home, told["access_token"]) is not told.get("revoked", True)


@pytest.mark.parametrize("script", ["oauth4webapi", "openid-client"])
async def test_a_client_that_checks_the_issuer_goes_no_further_with_another(
    site: str, visitor: Visitor, script: str
) -> None:
    """O121"""
    told, errors = await Script(site, visitor).run(script, "none", {"iss": "https://evil.example.com"})

    assert told is None
    assert "iss" in errors
