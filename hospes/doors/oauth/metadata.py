"""What clients read first: where the endpoints are and what they take. RFC 8414 and RFC 9728.

Nothing in it comes from a request, so no `Host` header can change it (case O120).
"""

from typing import Any

from hospes.capabilities import oauth
from hospes.doors.oauth.calls import Answer, Call

_SHARED = {"cache-control": "public, max-age=3600"}
_BY_SECRET = ["client_secret_post", "client_secret_basic"]


async def show_server(call: Call) -> Answer:
    """Property API 3.1."""
    rules, base = call.services.rules, call.services.public_url
    told: dict[str, Any] = {
        "issuer": rules.issuer,
        "authorization_endpoint": f"{base}/public/oauth/authorize",
        "token_endpoint": f"{base}/public/oauth/token",
        "registration_endpoint": f"{base}/public/oauth/register",
        "revocation_endpoint": f"{base}/public/oauth/revoke",
        "introspection_endpoint": f"{base}/public/oauth/introspect",
        "scopes_supported": list(oauth.scopes.SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(oauth.clients.GRANT_TYPES),
        "token_endpoint_auth_methods_supported": [*_BY_SECRET, "none"],
        "revocation_endpoint_auth_methods_supported": [*_BY_SECRET, "none"],
        "introspection_endpoint_auth_methods_supported": _BY_SECRET,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": [rules.resource],
        "service_documentation": f"{base}/public/docs",
    }
    return Answer(told, headers=_SHARED)


async def show_resource(call: Call) -> Answer:
    """Which server gives tokens for the Property API."""
    rules = call.services.rules
    told = {
        "resource": rules.resource,
        "authorization_servers": [rules.issuer],
        "scopes_supported": list(oauth.scopes.SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "Property API",
        "resource_documentation": f"{call.services.public_url}/public/docs",
    }
    return Answer(told, headers=_SHARED)
