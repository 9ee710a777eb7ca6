"""The rules of OAuth 2.1, decided by Authlib: rows are read before it runs, and written after.

One `Core` serves one request. It does no I/O and keeps nothing. What Authlib leaves open is closed
here: S256 for every client, the resource (RFC 8707), the issuer on every redirect (RFC 9207).
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import msgspec
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
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

_NOWHERE = "https://hospes/"  # Authlib wants a URI of the request, with TLS; nothing is read from it
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LONGEST_STATE = 2048
_MOST_FIELDS = 60
_PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "prompt",
    "response_mode",
)


class Refused(Exception):
    """An error of OAuth's own shape. RFC 6749 section 5.2."""

    def __init__(self, code: str, description: str, *, status: int = 400, by_basic: bool = False) -> None:
        self.code = code
        # RFC 6749 section 5.2: quotes and backslashes may not stand in it.
        self.description = description.replace('"', "'").replace("\\", "/")
        self.status = status
        self.by_basic = by_basic
        super().__init__(code)


class PageFault(Exception):
    """The request to authorize names no client, or none of its redirect URIs: the person is told, nobody else."""


class RedirectFault(Exception):
    """The client is told, by way of the browser."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        super().__init__()


class Parameters:
    """Names and values of a form or a query. An empty value is an absent one (OAuth 2.1 section 3.1)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.lists: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self.lists.setdefault(name, []).append(value)
        self.values = {name: given[0] for name, given in self.lists.items()}

    @classmethod
    def read(cls, raw: bytes) -> "Parameters":
        """Raises Refused invalid_request for what is not `application/x-www-form-urlencoded`."""
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError:
            raise Refused("invalid_request", "The parameters cannot be read.") from None
        return cls(pairs)

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    @property
    def repeated(self) -> list[str]:
        return [name for name, given in self.lists.items() if len(given) > 1]


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
    last_scope: str | None
    created_at: datetime
    rotated_at: datetime
    is_live: bool
    is_sandbox: bool


class Asked(msgspec.Struct, frozen=True):
    """A request to authorize that may be put to a person."""

    client: Client
    redirect_uri: str
    scope: str
    state: str | None
    resource: str
    code_challenge: str

    @property
    def scopes(self) -> list[str]:
        return self.scope.split(" ")


class Rules(msgspec.Struct, frozen=True):
    """What this server calls itself, and what its tokens are for."""

    issuer: str
    resource: str


class _Client(ClientMixin):  # type: ignore[misc]
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


class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
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


class _Token(TokenMixin):  # type: ignore[misc]
    def __init__(self, refreshing: Refreshing) -> None:
        self.known = refreshing

    def check_client(self, client: _Client) -> bool:
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


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, method: str, parameters: Parameters) -> None:
        super().__init__(method, _NOWHERE)
        self.payload = _Payload(parameters)

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class _S256(CodeChallenge):  # type: ignore[misc]
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


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, _code: str, client: _Client) -> _Code | None:
        code: _Code | None = self.server.code
        return code if code is not None and code.known.client_id == client.known.id else None


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, _refresh_token: str) -> _Token | None:
        token: _Token | None = self.server.token
        return token


class _Core(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server, over the rows that were read for one request."""

    def __init__(self, client: Client | None, code: _Code | None = None, token: _Token | None = None) -> None:
        super().__init__(scopes_supported=list(scopes.SCOPES))
        self.client = _Client(client) if client else None
        self.code = code
        self.token = token
        self.register_grant(_CodeGrant, [_S256(required=True)])
        self.register_grant(_RefreshGrant)

    def query_client(self, client_id: str) -> _Client | None:
        return self.client if self.client is not None and self.client.known.id == client_id else None

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def check_place(client: Client | None, parameters: Parameters) -> str:
    """Where the answer goes. Raises PageFault: then there is nobody to send anything to (RFC 6749 4.1.2.1)."""
    if client is None or {"client_id", "redirect_uri"} & set(parameters.repeated):
        raise PageFault
    known, asked = _Client(client), parameters.get("redirect_uri")
    if asked is None:
        asked = known.get_default_redirect_uri()
    if asked is None or not known.check_redirect_uri(asked):
        raise PageFault
    return asked


def check_authorization(client: Client, parameters: Parameters, rules: Rules) -> Asked:
    """What is asked of a person. Raises RedirectFault; `check_place` has passed."""
    redirect_uri = check_place(client, parameters)
    state = parameters.get("state")
    try:
        resource = _checked(parameters, rules)
        grant = _Core(client).get_consent_grant(_Request("GET", parameters), end_user=None)
    except Refused as refused:
        raise RedirectFault(error_redirect(redirect_uri, refused, state, rules)) from None
    except OAuth2Error as error:
        told = Refused(error.error, _described(error))
        raise RedirectFault(error_redirect(redirect_uri, told, state, rules)) from None
    challenge = parameters.values["code_challenge"]
    return Asked(client, redirect_uri, grant.request.scope, state, resource, challenge)


def _checked(parameters: Parameters, rules: Rules) -> str:
    """What Authlib does not look at; returns the resource."""
    again = [name for name in parameters.repeated if name in _PARAMETERS and name != "resource"]
    if again:
        raise Refused("invalid_request", f"{again[0]} was given twice.")
    if "request" in parameters.values or "request_uri" in parameters.values:
        raise Refused("invalid_request", "Request objects are not supported.")
    if parameters.get("response_mode") not in (None, "query"):
        raise Refused("invalid_request", "The answer goes into the query.")
    if len(parameters.get("state") or "") > _LONGEST_STATE:
        parameters.values.pop("state")
        raise Refused("invalid_request", f"state has at most {_LONGEST_STATE} characters.")
    if parameters.get("response_type") is None:
        raise Refused("invalid_request", "response_type is missing.")
    if parameters.get("response_type") != "code":
        # Authlib would put the value into its description, and stumble over a quote in it.
        raise Refused("unsupported_response_type", _WORDS["unsupported_response_type"])
    if parameters.get("prompt") == "none":
        raise Refused("invalid_request", "prompt=none is not supported: a person always sees the page.")
    return checked_resource(parameters, rules)


def checked_resource(parameters: Parameters, rules: Rules) -> str:
    """Raises Refused invalid_target for another resource than this API. RFC 8707 section 2."""
    if any(one.rstrip("/") != rules.resource for one in parameters.lists.get("resource", [])):
        raise Refused("invalid_target", f"The only resource here is {rules.resource}")
    return rules.resource


def success_redirect(asked: Asked, code: str, rules: Rules) -> str:
    return _with(asked.redirect_uri, {"code": code, "state": asked.state, "iss": rules.issuer})


def error_redirect(redirect_uri: str, refused: Refused, state: str | None, rules: Rules) -> str:
    if state is not None and len(state) > _LONGEST_STATE:
        state = None
    told = {"error": refused.code, "error_description": refused.description, "state": state, "iss": rules.issuer}
    return _with(redirect_uri, told)


def _with(uri: str, more: Mapping[str, str | None]) -> str:
    joint = "&" if urlsplit(uri).query else "?"
    return uri.removesuffix("?") + joint + urlencode({name: value for name, value in more.items() if value is not None})


class Credentials(msgspec.Struct, frozen=True):
    """Who a client says it is."""

    client_id: str
    by_basic: bool


def read_credentials(authorization: str | None, parameters: Parameters) -> Credentials:
    """Who calls, by Basic or by the form; what Basic says then stands in the form too. OAuth 2.1 section 2.4.

    Raises Refused.
    """
    if set(parameters.repeated) - {"resource"}:
        raise Refused("invalid_request", "A parameter was given twice.")
    if authorization is None:
        client_id = parameters.get("client_id")
        if client_id is None:
            raise Refused("invalid_client", "Say which client you are.", status=401)
        return Credentials(client_id, by_basic=False)
    client_id, secret = _basic(authorization)
    if parameters.get("client_secret") is not None:
        raise Refused("invalid_request", "Authenticate in one way only.")
    if parameters.get("client_id") not in (None, client_id):
        raise Refused("invalid_request", "Two different clients are named.")
    parameters.values["client_id"], parameters.values["client_secret"] = client_id, secret
    return Credentials(client_id, by_basic=True)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    client_id, colon, secret = text.partition(":")
    try:
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except UnicodeDecodeError:
        colon = ""
    if scheme.lower() != "basic" or not colon or not client_id or not secret:
        raise Refused("invalid_client", "The Authorization header cannot be read.", status=401, by_basic=True)
    return client_id, secret


def check_client(client: Client | None, credentials: Credentials, parameters: Parameters) -> Client:
    """The client, when it is who it says, by the method it registered. Raises Refused invalid_client."""
    method = "client_secret_basic" if credentials.by_basic else "client_secret_post"
    if not credentials.by_basic and parameters.get("client_secret") is None:
        method = "none"
    core, known = _Core(client), _Client(client) if client else None
    core.register_client_auth_method("client_secret_basic", _by_secret)
    core.register_client_auth_method("client_secret_post", _by_secret)
    try:
        core.authenticate_client(_Request("POST", parameters), [method])
    except InvalidClientError:
        raise _unknown_client(credentials) from None
    assert known is not None
    return known.known


def _by_secret(query_client: Any, request: _Request) -> _Client | None:
    """Takes as long for a client that does not exist (case O104)."""
    found: _Client | None = query_client(request.form["client_id"])
    stored = found.known.secret_hash if found and found.known.secret_hash else bytes(32)
    is_right = same(digest(request.form["client_secret"]), stored)
    return found if is_right else None


def _unknown_client(credentials: Credentials) -> Refused:
    return Refused(
        "invalid_client", "The client is unknown, or its secret is wrong.", status=401, by_basic=credentials.by_basic
    )


def check_exchange(client: Client, code: Code | None, parameters: Parameters, rules: Rules) -> None:
    """Whether this code may become tokens, if it was not used. Raises Refused."""
    checked_resource(parameters, rules)
    stored = _Code(code, sent_redirect=parameters.get("redirect_uri") is not None) if code else None
    _decide(_CodeGrant, _Core(client, code=stored), parameters)


def check_refresh(client: Client, refreshing: Refreshing | None, parameters: Parameters, rules: Rules) -> str:
    """The scope of the next access token. Raises Refused."""
    checked_resource(parameters, rules)
    text = parameters.get("scope")
    if text is not None and scopes.parsed(text) is None:
        raise Refused("invalid_scope", "The scope is not known.")
    token = _Token(refreshing) if refreshing else None
    _decide(_RefreshGrant, _Core(client, token=token), parameters)
    assert refreshing is not None
    return " ".join(scopes.parsed(text) or []) if text else refreshing.scope


def _decide(kind: Any, core: _Core, parameters: Parameters) -> None:
    """Let Authlib's grant look at a request whose client is authenticated."""
    grant = kind(_Request("POST", parameters), core)
    if kind is _CodeGrant:
        _S256(required=True)(grant)
    grant.authenticate_token_endpoint_client = lambda: core.client
    try:
        grant.validate_token_request()
    except OAuth2Error as error:
        raise Refused(error.error, _described(error)) from None


_WORDS = {
    "invalid_grant": "The code or token is not valid, has ended, was used, or belongs to another client.",
    "invalid_scope": "The scope is not known, or goes beyond what was granted.",
    "unsupported_response_type": "The only response type is code.",
    "unauthorized_client": "The client did not register this grant type.",
}


def described(code: str) -> str:
    """Our own words for an error."""
    return _WORDS[code]


def _described(error: Any) -> str:
    """Nothing that a caller sent stands in them (case O49)."""
    return _WORDS.get(error.error) or str(error.description or "The request is not valid.")
