"""Apple's push service, spoken to over HTTP/2: a server of ours stands in its place."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from hospes.base.settings import Settings
from hospes.providers import pass_certificate
from hospes.providers.apns import Apns

TOKEN = "ab" * 32


class Service:
    """Notes each push, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.status, self.body = 200, b""
        self.port = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        line.initiate_connection()
        writer.write(line.data_to_send())
        while data := await reader.read(65_536):
            for event in line.receive_data(data):
                self.handle(line, event)
            writer.write(line.data_to_send())
            await writer.drain()
        writer.close()

    def handle(self, line: Any, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.requests.append({_text(name): _text(value) for name, value in event.headers})
        if isinstance(event, h2.events.StreamEnded):
            line.send_headers(event.stream_id, [(":status", str(self.status))], end_stream=not self.body)
            if self.body:
                line.send_data(event.stream_id, self.body, end_stream=True)


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)


@asynccontextmanager
async def standing(tmp_path: Path) -> AsyncIterator[tuple[Service, Apns]]:
    authority, service = trustme.CA(), Service()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=context)
    service.port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    certificate = pass_certificate.opened(Settings(data_dir=tmp_path))
    async with Apns(certificate, url=f"https://localhost:{service.port}", trust=trust) as apns:
        yield service, apns
    server.close()


async def test_a_push_is_empty_names_the_pass_type_and_connections_are_shared(tmp_path: Path) -> None:
    async with standing(tmp_path) as (service, apns):
        told = await asyncio.gather(*(apns.push(TOKEN) for _ in range(20)))

    assert {one.status for one in told} == {200}
    assert service.connections == 1
    asked = service.requests[0]
    assert (asked[":method"], asked[":path"]) == ("POST", f"/3/device/{TOKEN}")
    assert (asked["apns-topic"], asked["apns-push-type"]) == ("pass.test.hospes", "background")


@pytest.mark.parametrize(
    ("status", "body", "is_gone", "later"),
    [
        (410, {"reason": "Unregistered", "timestamp": 1_700_000_000_000}, True, False),
        (400, {"reason": "BadDeviceToken"}, False, False),
        (403, {"reason": "BadCertificate"}, False, True),
        (429, {"reason": "TooManyRequests"}, False, True),
        (503, {"reason": "ServiceUnavailable"}, False, True),
        (500, None, False, True),
        (410, {"timestamp": 10**30}, True, False),
    ],
)
async def test_what_the_service_says_is_understood(
    tmp_path: Path, status: int, body: Any, is_gone: bool, later: bool
) -> None:
    async with standing(tmp_path) as (service, apns):
        service.status, service.body = status, json.dumps(body).encode() if body is not None else b"\xff" * 9_000
        told = await apns.push(TOKEN)

    assert (told.status, told.is_gone, told.may_succeed_later) == (status, is_gone, later)
    assert told.failure is not None


async def test_a_service_that_is_not_there_is_asked_again_later(tmp_path: Path) -> None:
    async with standing(tmp_path) as (service, _):
        port = service.port
    certificate = pass_certificate.opened(Settings(data_dir=tmp_path))

    async with Apns(certificate, url=f"https://localhost:{port}") as apns:
        told = await apns.push(TOKEN)

    assert (told.status, told.error, told.may_succeed_later) == (None, "unreachable", True)
