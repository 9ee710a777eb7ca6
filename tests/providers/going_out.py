"""The client's side of the tests: sending once, names from a table, certificates."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from hospes.base.clock import SystemClock
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Answer, Outbound

HOOK = "hooks.example.com"
JSON = {"Content-Type": "application/json"}


class Names(AbstractResolver):
    """Answers from a table; a name that is not in it never gets an answer."""

    def __init__(self, **table: list[str]) -> None:
        self.table = {name.replace("_", ".") + ".": addresses for name, addresses in table.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self.table:
            await asyncio.Event().wait()
        return [ResolveResult(hostname=host, host=a, port=port, family=0, proto=0, flags=0) for a in self.table[host]]

    async def close(self) -> None:
        """Nothing to close."""


@contextlib.asynccontextmanager
async def going_out(**given: Any) -> AsyncIterator[Outbound]:
    given.setdefault("destinations", Destinations(allow_loopback=True))
    async with Outbound(clock=SystemClock(), **given) as outbound:
        yield outbound


async def send(url: str, *, timeout_seconds: float = 5.0, outbound: Outbound | None = None, **given: Any) -> Answer:
    if outbound is not None:
        return await outbound.post(url, body=b'{"id":1}', headers=JSON, timeout_seconds=timeout_seconds)
    async with going_out(**given) as once:
        return await send(url, timeout_seconds=timeout_seconds, outbound=once)


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
