"""The rules of OAuth 2.1 for a request to authorize, an exchange and a refresh, decided by Authlib.

What it leaves open is closed here: repeated parameters, the resource (RFC 8707), the issuer on every
redirect (RFC 9207).
"""

from typing import Any

import msgspec
from authlib.oauth2 import OAuth2Error

from hospes.capabilities.oauth import redirects, scopes
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.engine import (
    S256,
    AuthlibClient,
    AuthlibCode,
    AuthlibRequest,
    AuthlibServer,
    AuthlibToken,
    Code,
    CodeGrant,
    RefreshGrant,
    Refreshing,
    shared,
)
from hospes.capabilities.oauth.parameters import PageFault, Parameters, RedirectFault, Refused

_LONGEST_STATE = 2048
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


def check_place(client: Client | None, parameters: Parameters) -> str:
    """Where the answer goes. Raises PageFault: then there is nobody to send anything to (RFC 6749 4.1.2.1)."""
    if client is None or {"client_id", "redirect_uri"} & set(parameters.repeated):
        raise PageFault
    known, asked = AuthlibClient(client), parameters.get("redirect_uri")
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
        grant = shared().over(client).get_consent_grant(AuthlibRequest("GET", parameters), end_user=None)
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
    return redirects.answered(asked.redirect_uri, {"code": code, "state": asked.state, "iss": rules.issuer})


def error_redirect(redirect_uri: str, refused: Refused, state: str | None, rules: Rules) -> str:
    if state is not None and len(state) > _LONGEST_STATE:
        state = None
    told = {"error": refused.code, "error_description": refused.description, "state": state, "iss": rules.issuer}
    return redirects.answered(redirect_uri, told)


def check_exchange(client: Client, code: Code | None, parameters: Parameters, rules: Rules) -> None:
    """Whether this code may become tokens, if it was not used. Raises Refused."""
    checked_resource(parameters, rules)
    stored = AuthlibCode(code, sent_redirect=parameters.get("redirect_uri") is not None) if code else None
    _decide(CodeGrant, shared().over(client, code=stored), parameters)


def check_refresh(client: Client, refreshing: Refreshing | None, parameters: Parameters, rules: Rules) -> str:
    """The scope of the next access token. Raises Refused."""
    checked_resource(parameters, rules)
    text = parameters.get("scope")
    if text is not None and scopes.parsed(text) is None:
        raise Refused("invalid_scope", "The scope is not known.")
    token = AuthlibToken(refreshing) if refreshing else None
    _decide(RefreshGrant, shared().over(client, token=token), parameters)
    assert refreshing is not None
    return " ".join(scopes.parsed(text) or []) if text else refreshing.scope


def _decide(kind: Any, core: AuthlibServer, parameters: Parameters) -> None:
    """Let Authlib's grant look at a request whose client is authenticated."""
    grant = kind(AuthlibRequest("POST", parameters), core)
    if kind is CodeGrant:
        S256(required=True)(grant)
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
