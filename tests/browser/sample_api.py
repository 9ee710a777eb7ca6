"""A small API with the traits of ours: a key, several methods, a refusal, markdown, an example."""

import re
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from hospes.web.docs_page import Assets, DocsPage

PAGE = "/api/v1/external/v1/docs"

_GUEST: dict[str, Any] = {"id": 42, "name": "Anna Berg", "email": "anna@example.com", "points": 150}

_GUEST_ID = {
    "name": "guest_id",
    "in": "path",
    "required": True,
    "description": "The guest's number.",
    "schema": {"type": "integer", "minimum": 1, "examples": [42]},
    "example": 42,
}


def _json(schema: str, example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}


def _operation(tag: str, summary: str, scope: str, *, body: Any = None, gone: bool = False) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        # Swagger UI complains on the console of an "_" in a link to an operation.
        "operationId": "".join(re.findall(r"\w+", summary.title())),
        "description": f"Needs the scope `{scope}`. Answers **404** for a guest of another tenant.",
        "parameters": [_GUEST_ID],
        "responses": {
            "200": {"description": "The guest.", "content": _json("Guest", _GUEST)},
            "404": {"description": "Unknown guest.", "content": _json("Refusal", {"detail": "Guest not found"})},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json("Redeem", body)}
    if gone:
        operation["deprecated"] = True
    return operation


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Guest API",
        "version": "1.0.0",
        "description": (
            "Guests, their points and what they redeem.\n\n"
            "Send `Authorization: Bearer nk_...` with each call. "
            "See [the limits](#limits) for how many calls a minute.\n\n"
            "| Class | Calls a minute |\n|---|---|\n| read | 600 |\n| write | 120 |\n"
        ),
    },
    "servers": [{"url": "."}],
    "security": [{"bearer": []}],
    "tags": [
        {"name": "CRM", "description": "Guests and what is known about them"},
        {"name": "Loyalty", "description": "Points, tiers and rewards"},
    ],
    "paths": {
        "/crm/guests/{guest_id}": {
            "get": _operation("CRM", "Get a guest", "crm:read"),
            "put": _operation("CRM", "Replace a guest", "crm:write", body={"points": 1}),
            "patch": _operation("CRM", "Change a guest", "crm:write", body={"points": 1}),
            "delete": _operation("CRM", "Erase a guest", "crm:write"),
        },
        "/loyalty/guests/{guest_id}/points": {
            "get": _operation("Loyalty", "A guest's balance", "loyalty:read"),
        },
        "/loyalty/guests/{guest_id}/redeem": {
            "post": _operation("Loyalty", "Redeem points", "loyalty:write", body={"points": 100}),
        },
        "/loyalty/guests/{guest_id}/stamps": {
            "get": _operation("Loyalty", "Stamps, before there were points", "loyalty:read", gone=True),
        },
    },
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key."}},
        "schemas": {
            "Guest": {
                "type": "object",
                "description": "One person.",
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "integer"},
                    "name": {"type": "string", "maxLength": 200},
                    "email": {"type": ["string", "null"], "format": "email"},
                    "points": {"type": "integer", "minimum": 0, "default": 0},
                },
            },
            "Redeem": {
                "type": "object",
                "required": ["points"],
                "properties": {"points": {"type": "integer", "minimum": 1, "maximum": 1_000_000}},
            },
            "Refusal": {"type": "object", "properties": {"detail": {"type": "string"}}},
        },
    },
}


async def _document(_request: Request) -> JSONResponse:
    return JSONResponse(DOCUMENT)


async def _guest(request: Request) -> JSONResponse:
    if request.headers.get("authorization") != "Bearer nk_demo":
        return JSONResponse({"detail": "Not authenticated"}, 401)
    if request.path_params["guest_id"] != 42:
        return JSONResponse({"detail": "Guest not found"}, 404)
    return JSONResponse(_GUEST)


def sample_app(*, prefix: str = "", assets: Assets | None = None) -> Starlette:
    """The API, its document and its page, as they lie in the house; `prefix` as behind a proxy."""
    assets = assets or Assets()
    page = DocsPage(assets, title="Guest API", openapi_url="openapi.json", assets_url="../../../../assets")
    routes = [
        Route("/api/v1/external/v1/crm/guests/{guest_id:int}", _guest),
        Route("/api/v1/external/v1/openapi.json", _document),
        Route(PAGE, page),
        Mount("/assets", assets),
    ]
    return Starlette(routes=[Mount(prefix, routes=routes)] if prefix else routes)
