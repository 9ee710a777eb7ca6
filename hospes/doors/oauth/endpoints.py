"""What each endpoint does. RFC 7591, 6749, 7009 and 7662."""

from typing import Any

from hospes.capabilities import oauth
from hospes.capabilities.oauth import clients, ending, tokens
from hospes.doors.oauth.calls import MOST_BYTES, Answer, Call
from hospes.web.decode import BodyDecoder, Malformed
from hospes.web.requests import json_content

_metadata: BodyDecoder[dict[str, Any]] = BodyDecoder(dict[str, Any])


async def register(call: Call) -> Answer:
    """A new client, by what it says of itself. Property API 3.2; RFC 7591 section 3."""
    call.take_by_address("register")
    if not json_content(call.request.header(b"content-type")):
        raise clients.Unregistrable("invalid_client_metadata", "Send the metadata as application/json.")
    try:
        metadata = _metadata(await call.request.body(MOST_BYTES))
    except Malformed as malformed:
        raise clients.Unregistrable("invalid_client_metadata", malformed.faults[0].msg) from None
    client, secret = await clients.register(call.services.database, metadata, now=call.services.clock.now())
    told: dict[str, Any] = {"client_id": client.id}
    if secret is not None:
        # Secrets have no end of their own.
        told |= {"client_secret": secret, "client_secret_expires_at": 0}
    told |= {
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": client.auth_method,
        "scope": client.scope,
    }
    return Answer(told | client.links, status=201)


async def give_tokens(call: Call) -> Answer:
    """A code or a refresh token becomes tokens. Property API 3.4."""
    return await call.counting_failures(_give_tokens)


async def _give_tokens(call: Call) -> Answer:
    parameters = await call.form()
    client = await call.authenticated(parameters)
    kind = parameters.get("grant_type")
    if kind is None:
        raise oauth.Refused("invalid_request", "grant_type is missing.")
    services = call.services
    if kind == "refresh_token":
        pair = await services.renewals.renew(client, parameters)
    elif kind == "authorization_code":
        pair = await tokens.exchange(
            services.database, services.vault, client, parameters, services.rules, instant=services.instant
        )
    else:
        raise oauth.Refused("unsupported_grant_type", "grant_type is authorization_code or refresh_token.")
    return Answer(pair.body())


async def revoke(call: Call) -> Answer:
    """A client gives a token back. RFC 7009."""
    return await call.counting_failures(_revoke)


async def _revoke(call: Call) -> Answer:
    parameters = await call.form()
    client = await call.authenticated(parameters)
    await ending.revoke(call.services.database, client, _token(parameters), instant=call.services.instant)
    return Answer({})


async def introspect(call: Call) -> Answer:
    """What a token of the client's own may do. RFC 7662."""
    return await call.counting_failures(_introspect)


async def _introspect(call: Call) -> Answer:
    parameters = await call.form()
    client = await call.authenticated(parameters)
    if client.auth_method == "none":
        raise oauth.Refused("invalid_client", "Only clients with a secret may ask.", status=401)
    services = call.services
    told = await ending.introspect(
        services.database, client, _token(parameters), services.rules, instant=services.instant
    )
    return Answer(told)


def _token(parameters: oauth.Parameters) -> str:
    token = parameters.get("token")
    if token is None:
        raise oauth.Refused("invalid_request", "token is missing.")
    return token
