"""Which client calls, and how it shows that. OAuth 2.1 section 2.4."""

import base64
import binascii
from urllib.parse import unquote_plus

import msgspec
from authlib.oauth2.rfc6749 import InvalidClientError

from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.engine import AuthlibClient, AuthlibRequest, shared
from hospes.capabilities.oauth.parameters import Parameters, Refused


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
    core, known = shared().over(client), AuthlibClient(client) if client else None
    try:
        core.authenticate_client(AuthlibRequest("POST", parameters), [method])
    except InvalidClientError:
        raise _unknown_client(credentials) from None
    assert known is not None
    return known.known


def _unknown_client(credentials: Credentials) -> Refused:
    return Refused(
        "invalid_client", "The client is unknown, or its secret is wrong.", status=401, by_basic=credentials.by_basic
    )
