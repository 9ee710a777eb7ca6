"""A server that behaves as Nuki's Web API documents: https://developer.nuki.io, "Manage PIN codes for your Nuki Keypad"."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

TOKEN = "the-token-of-nuki"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


class NukiStandIn:
    def __init__(self) -> None:
        self.authorizations: dict[str, list[dict[str, Any]]] = {"17": [{"id": "a0", "name": "Owner", "type": 0}]}
        self.asked: list[str] = []
        # Statuses to answer with instead of doing anything.
        self.refusals: list[int] = []
        # Answers to lose after doing what was asked.
        self.losses = 0
        # What was made is listed only some time later.
        self.is_slow = False
        self.body: bytes | None = None
        self.url = ""
        self._made = 0

    def codes(self, ref: str = "17") -> list[dict[str, Any]]:
        return [one for one in self.authorizations[ref] if one["type"] == 13]

    def catch_up(self) -> None:
        for one in self.codes():
            one.pop("is_hidden", None)

    @web.middleware
    async def admit(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.method)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"detailMessage": "Your access token is not authorized"}, status=401)
        if self.refusals:
            return web.json_response({"detailMessage": "No"}, status=self.refusals.pop(0))
        if request.match_info.get("ref") not in self.authorizations:
            return web.json_response({"detailMessage": "Smartlock not found"}, status=404)
        answer: web.StreamResponse = await handler(request)
        if self.losses and request.method != "GET":
            self.losses -= 1
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def list_all(self, request: web.Request) -> web.Response:
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        kinds = request.query.get("types")
        found = [
            {
                **one,
                "smartlockId": 17,
                "enabled": True,
                "remoteAllowed": False,
                "creationDate": "2026-01-01T00:00:00.000Z",
            }
            for one in self.authorizations[request.match_info["ref"]]
            if "is_hidden" not in one and (kinds is None or str(one["type"]) in kinds.split(","))
        ]
        return web.json_response(found)

    async def make(self, request: web.Request) -> web.Response:
        told = await request.json()
        name, code = told["name"], str(told.get("code"))
        dates = (told.get("allowedFromDate"), told.get("allowedUntilDate"))
        is_well = (
            1 <= len(name) <= 20
            and told["type"] == 13
            and re.fullmatch("[1-9]{6}", code)
            and not code.startswith("12")
            and all(_DATE.fullmatch(date) for date in dates)
        )
        if not is_well:
            return web.json_response({"detailMessage": "Bad parameter"}, status=400)
        at_lock = self.authorizations[request.match_info["ref"]]
        if any(one.get("code") == told["code"] for one in at_lock):
            return web.json_response({"detailMessage": "The code is used already"}, status=409)
        self._made += 1
        at_lock.append(told | {"id": f"65f/{self._made}"} | ({"is_hidden": True} if self.is_slow else {}))
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        at_lock = self.authorizations[request.match_info["ref"]]
        left = [one for one in at_lock if one["id"] != request.match_info["id"]]
        is_known = len(left) < len(at_lock)
        self.authorizations[request.match_info["ref"]] = left
        return web.Response(status=204 if is_known else 404)


@asynccontextmanager
async def nuki_stand_in() -> AsyncIterator[NukiStandIn]:
    nuki = NukiStandIn()
    application = web.Application(middlewares=[nuki.admit])
    path = "/smartlock/{ref}/auth"
    application.router.add_get(path, nuki.list_all)
    application.router.add_put(path, nuki.make)
    application.router.add_delete(path + "/{id:.+}", nuki.delete)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    nuki.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield nuki
    finally:
        await runner.cleanup()
