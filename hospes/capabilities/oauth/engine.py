"""Authlib over rows that were read before it runs: it asks nothing of anybody, and keeps nothing.

What Authlib leaves open is closed here: S256 for every client.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

import msgspec
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc7636 import CodeChallenge

from hospes.base.secrets import digest, same
from hospes.capabilities.oauth import redirects, scopes
from hospes.capabilities.oauth.clients import METHODS, Client
from hospes.capabilities.oauth.parameters import Parameters

_NOWHERE = "https://hospes/"  # Authlib wants a URI of the request, with TLS; nothing is read from it
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Code(msgspec.Struct, frozen=True):
    """A code as it is stored."""

    hash: bytes
    workspace_id: int
    staff_id: int
    client_id: str
    redirect_uri: str
    scope: str
    resource: str
    code_challenge: str
    failures: int
    created_at: datetime
    grant_id: int | None
    is_sandbox: bool


class Refreshing(msgspec.Struct, frozen=True):
    """A refresh token with the grant it stands for."""

    grant_id: int
    workspace_id: int
    staff_id: int
    client_id: str
    scope: str
    resource: str
    seed: bytes
    current: int
    generation: int
    created_at: datetime
    rotated_at: datetime
    is_live: bool
    is_sandbox: bool


class AuthlibClient(ClientMixin):  # type: ignore[misc]
    def __init__(self, client: Client) -> None:
        self.known = client

    def get_client_id(self) -> str:
        return self.known.id

    def get_default_redirect_uri(self) -> str | None:
        return self.known.redirect_uris[0] if len(self.known.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        if not scope:
            return self.known.scope
        asked = scopes.parsed(scope)
        if asked is None or not set(asked) <= set(self.known.scope.split(" ")):
            return None
        return " ".join(asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(redirects.means(registered, redirect_uri) for registered in self.known.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.known.secret_hash is not None and same(digest(client_secret), self.known.secret_hash)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == self.known.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.known.grant_types


class AuthlibCode(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, code: Code, *, sent_redirect: bool) -> None:
        self.known = code
        self.code_challenge = code.code_challenge
        self.code_challenge_method = "S256"
        self._redirect_uri = code.redirect_uri if sent_redirect else None

    def get_redirect_uri(self) -> str | None:
        # OAuth 2.1 section 10.2: it may be left out here, and is compared when it is sent.
        return self._redirect_uri

    def get_scope(self) -> str:
        return self.known.scope


class AuthlibToken(TokenMixin):  # type: ignore[misc]
    def __init__(self, refreshing: Refreshing) -> None:
        self.known = refreshing

    def check_client(self, client: AuthlibClient) -> bool:
        return client.known.id == self.known.client_id

    def get_scope(self) -> str:
        return self.known.scope


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    @property
    def data(self) -> dict[str, str]:
        return self._parameters.values

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._parameters.lists


class AuthlibRequest(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, parameters: Parameters) -> None:
        super().__init__(method, _NOWHERE)
        self.payload = _Payload(parameters)

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class S256(CodeChallenge):  # type: ignore[misc]
    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        given: dict[str, str] = grant.request.payload.data
        if given.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256", redirect_uri=redirect_uri)
        if not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
            raise InvalidRequestError("code_challenge must be 43 base64url characters", redirect_uri=redirect_uri)
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        verifier = grant.request.form.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier) or not grant.request.authorization_code.code_challenge:
            raise InvalidGrantError("The code verifier does not fit.")
        super().validate_code_verifier(grant, result)


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, _code: str, client: AuthlibClient) -> AuthlibCode | None:
        code: AuthlibCode | None = self.server.code
        return code if code is not None and code.known.client_id == client.known.id else None


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, _refresh_token: str) -> AuthlibToken | None:
        token: AuthlibToken | None = self.server.token
        return token


class AuthlibServer(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server, over the rows that were read for one request."""

    def __init__(self) -> None:
        super().__init__(scopes_supported=list(scopes.SCOPES))
        self.client: AuthlibClient | None = None
        self.code: AuthlibCode | None = None
        self.token: AuthlibToken | None = None
        self.register_grant(CodeGrant, [S256(required=True)])
        self.register_grant(RefreshGrant)
        self.register_client_auth_method("client_secret_basic", _by_secret)
        self.register_client_auth_method("client_secret_post", _by_secret)

    def over(self, client: Client | None, code: AuthlibCode | None = None, token: AuthlibToken | None = None) -> Self:
        """The same server, over these rows."""
        self.client = AuthlibClient(client) if client else None
        self.code, self.token = code, token
        return self

    def query_client(self, client_id: str) -> AuthlibClient | None:
        return self.client if self.client is not None and self.client.known.id == client_id else None

    def create_oauth2_request(self, request: AuthlibRequest) -> AuthlibRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def _by_secret(query_client: Any, request: AuthlibRequest) -> AuthlibClient | None:
    """Takes as long for a client that does not exist (case O104)."""
    found: AuthlibClient | None = query_client(request.form["client_id"])
    stored = found.known.secret_hash if found and found.known.secret_hash else bytes(32)
    is_right = same(digest(request.form["client_secret"]), stored)
    return found if is_right else None


@lru_cache(maxsize=1)
def shared() -> AuthlibServer:
    """The one server. Between `over` and the answer nothing waits, so no two requests meet in it."""
    return AuthlibServer()
