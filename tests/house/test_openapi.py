"""The OpenAPI document against its rules, the routes, and the running door."""

import asyncio
import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.types import ASGIApp

from hospes.doors import guest_api
from hospes.web.openapi import document
from hospes.web.routes import Route
from tests.living import BASE, Home, ask

DOCUMENT = document(guest_api.ROUTES, guest_api.DIALECT)


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_has_exactly_the_routes_of_the_table() -> None:
    documented = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}

    assert documented == {(route.method, route.path.replace("_ref}", "_id}")) for route in guest_api.ROUTES}


@pytest.mark.parametrize("route", guest_api.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_a_title_a_scope_and_for_bodies_an_example(route: Any) -> None:
    assert route.summary and route.scope and route.printed_scope
    assert route.body is None or route.example is not None
    assert route.method != "DELETE" or route.status == 204


async def test_the_document_and_the_docs_are_read_without_a_key(home: Home) -> None:
    headers = [(b"host", b"testserver")]

    described = await ask(home.application, "GET", BASE + "/openapi.json", headers=headers)
    shown = await ask(home.application, "GET", BASE + "/docs", headers=headers)

    assert described.status == 200 and described.json() == DOCUMENT
    assert shown.status == 200 and re.search(rb'data-openapi="openapi.json"', shown.body)


class _Fuzzed:
    """The application on the tests' own loop, for a caller in another thread."""

    def __init__(self, application: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self.application = application
        self.loop = loop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        theirs = asyncio.get_running_loop()

        async def receive_there() -> Any:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(receive(), theirs))

        async def send_there(message: Any) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(send(message), theirs))

        await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self.application(scope, receive_there, send_there), self.loop)
        )


@pytest.mark.parametrize("route", guest_api.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_answer_has_an_example_that_fits_its_shape(route: Route) -> None:
    if route.answer is None:
        assert route.status == 204
        return

    example = guest_api.DIALECT.answers[route.answer]

    assert msgspec.to_builtins(msgspec.convert(example, route.answer)) == example
