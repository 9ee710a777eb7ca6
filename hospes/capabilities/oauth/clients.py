"""Clients: apps that registered themselves. RFC 7591; what they say of themselves is nobody's promise."""

import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base import ids
from hospes.base.db import Database, sql
from hospes.base.errors import HospesError
from hospes.base.secrets import digest
from hospes.capabilities.oauth import redirects, scopes

UNUSED = timedelta(days=7)
METHODS = ("client_secret_basic", "client_secret_post", "none")
GRANT_TYPES = ("authorization_code", "refresh_token")
_LENGTH = 43
_MOST_KEPT = 10_000
_MOST_URIS = 10
_LONGEST_NAME = 120
_SWEPT_AT_ONCE = 10_000

# Registered under both spellings: the contract's and that of RFC 7591. Property API 3.2.
_SPELLINGS = {
    "clientName": "client_name",
    "redirectUris": "redirect_uris",
    "grantTypes": "grant_types",
    "responseTypes": "response_types",
    "tokenEndpointAuthMethod": "token_endpoint_auth_method",
    "clientUri": "client_uri",
    "logoUri": "logo_uri",
    "tosUri": "tos_uri",
    "policyUri": "policy_uri",
}
_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")


class Unregistrable(HospesError):
    """The metadata cannot be registered; `code` is the error of RFC 7591 section 3.2.2."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Client(msgspec.Struct, frozen=True):
    """An app as it is known here."""

    id: str
    name: str
    secret_hash: bytes | None
    auth_method: str
    redirect_uris: list[str]
    grant_types: list[str]
    scope: str
    links: dict[str, Any]
    created_at: datetime
    granted_at: datetime | None


_COLUMNS = "id, name, secret_hash, auth_method, redirect_uris, grant_types, scope, links, created_at, granted_at"

FIND = sql(f"SELECT {_COLUMNS} FROM oauth_clients WHERE id = $1", across="clients serve many workspaces")  # noqa: S608


async def find(database: Database, client_id: str) -> Client | None:
    row = await database.fetchrow(FIND, client_id)
    return Client(*row) if row else None


class Directory:
    """Clients that were seen lately: no database for one that is known.

    Only those that were ever granted something are kept: what they registered never changes, and
    they are never removed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, Client] = OrderedDict()

    async def find(self, client_id: str) -> Client | None:
        kept = self._kept.get(client_id)
        if kept is not None:
            return kept
        client = await find(self._database, client_id)
        if client is not None and client.granted_at is not None:
            self._kept[client_id] = client
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return client


REGISTER = sql(
    f"""
    INSERT INTO oauth_clients (id, name, secret_hash, auth_method, redirect_uris, grant_types, scope, links, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING {_COLUMNS}
    """,  # noqa: S608
    across="clients serve many workspaces",
)


async def register(database: Database, metadata: Mapping[str, Any], *, now: datetime) -> tuple[Client, str | None]:
    """Register an app; returns it with its secret, which public clients do not have. Raises Unregistrable."""
    given = _one_spelling(metadata)
    method = given.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in METHODS:
        raise _unfit(f"token_endpoint_auth_method is one of: {', '.join(METHODS)}.")
    secret = None if method == "none" else ids.token("client_secret_", _LENGTH)
    row = await database.fetchrow(
        REGISTER,
        ids.token("client_", _LENGTH),
        _name(given),
        digest(secret) if secret else None,
        method,
        _redirect_uris(given),
        _grant_types(given),
        _scope(given),
        _links(given),
        now,
    )
    assert row is not None
    return Client(*row), secret


def _one_spelling(metadata: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for spelled, value in metadata.items():
        name = _SPELLINGS.get(spelled, spelled)
        if value is None:
            continue
        if name in given and given[name] != value:
            raise _unfit(f"{name} was given twice, with different values.")
        given[name] = value
    return given


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("client_name")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME:
        raise _unfit(f"client_name has 1 to {_LONGEST_NAME} characters.")
    # Control and format characters could make one name look like another (case O19).
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in name):
        raise _unfit("client_name holds invisible characters.")
    return name.strip()


def _redirect_uris(given: Mapping[str, Any]) -> list[str]:
    uris = given.get("redirect_uris")
    if not isinstance(uris, list) or not 1 <= len(uris) <= _MOST_URIS:
        raise Unregistrable("invalid_redirect_uri", f"redirect_uris lists 1 to {_MOST_URIS} URIs.")
    for uri in uris:
        fault = redirects.fault(uri) if isinstance(uri, str) else "A redirect URI is a text."
        if fault:
            raise Unregistrable("invalid_redirect_uri", fault)
    if len(set(uris)) != len(uris):
        raise Unregistrable("invalid_redirect_uri", "A redirect URI is listed twice.")
    return uris


def _grant_types(given: Mapping[str, Any]) -> list[str]:
    types, answers = given.get("grant_types", list(GRANT_TYPES)), given.get("response_types", ["code"])
    if not isinstance(types, list) or not types or not all(one in GRANT_TYPES for one in types):
        raise _unfit(f"grant_types are among: {', '.join(GRANT_TYPES)}.")
    if answers != ["code"] or "authorization_code" not in types:
        raise _unfit('response_types is ["code"], and goes with the grant type authorization_code.')
    return list(dict.fromkeys(types))


def _scope(given: Mapping[str, Any]) -> str:
    text = given.get("scope", scopes.DEFAULT)
    asked = scopes.parsed(text) if isinstance(text, str) else None
    if asked is None:
        raise _unfit(f"scope is a list, with single blanks, of: {', '.join(scopes.SCOPES)}.")
    return " ".join(asked)


def _links(given: Mapping[str, Any]) -> dict[str, Any]:
    """Pages of the app, to be shown. Nobody fetches them (case O20)."""
    links = {name: given[name] for name in _LINKS if name in given}
    for name, link in links.items():
        if not isinstance(link, str) or not link.startswith("https://") or redirects.fault(link):
            raise _unfit(f"{name} is an https:// address.")
    return links


def _unfit(message: str) -> Unregistrable:
    return Unregistrable("invalid_client_metadata", message)


SWEEP = sql(
    """
    DELETE FROM oauth_clients
     WHERE id IN (SELECT id FROM oauth_clients WHERE granted_at IS NULL AND created_at <= $1 LIMIT $2)
    """,
    across="clients serve many workspaces",
)


async def sweep(database: Database, now: datetime) -> None:
    """Drop clients that were registered a week ago and never completed a grant, 10,000 at a time."""
    while await database.execute(SWEEP, now - UNUSED, _SWEPT_AT_ONCE) == f"DELETE {_SWEPT_AT_ONCE}":
        pass
