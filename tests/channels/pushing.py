"""Browsers and phones that take pushes, and stand-ins for the services that lead to them."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hospes.base.secrets import Vault
from hospes.capabilities.messaging import outbox, pushes, registrations
from hospes.capabilities.messaging.pushes import Details
from hospes.capabilities.messaging.registrations import Target
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Outbound
from hospes.providers.web_push import VapidKey, WebPush, key_from
from tests.living import Api, Home, Receiver

KEY = key_from(bytes(range(1, 33)), subject="mailto:ops@example.com")


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Browser:
    """A subscription with its private key: it alone can read what is pushed to it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._secret = bytes(range(16))

    @property
    def subscription(self) -> dict[str, Any]:
        """As `PushSubscription.toJSON` writes it."""
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"endpoint": self.endpoint, "keys": {"p256dh": packed(point), "auth": packed(self._secret)}}

    @property
    def target(self) -> Target:
        keys = self.subscription["keys"]
        return Target(platform="web", address=self.endpoint, p256dh=keys["p256dh"], auth=keys["auth"])

    def read(self, body: bytes) -> dict[str, Any]:
        """RFC 8291, 4: the browser's half."""
        plain = http_ece.decrypt(body, private_key=self._private, auth_secret=self._secret, version="aes128gcm")
        content: dict[str, Any] = json.loads(plain)
        return content


async def registered(api: Api, vault: Vault, guest: dict[str, Any], target: Target) -> int:
    async with api.begin() as tx:
        return await registrations.register(tx, vault, guest["id"], target)


async def put(api: Api, guest: dict[str, Any], registration_id: int, **details: Any) -> int:
    """A push in the outbox."""
    draft = outbox.Draft(
        channel="push",
        purpose="transactional",
        address=str(registration_id),
        subject="Your room is ready",
        text="Come in whenever you like.",
        html=Details(**details).packed() if details else None,
        guest_id=guest["id"],
    )
    async with api.begin() as tx:
        return await outbox.put(tx, draft)


def carrier(home: Home, vault: Vault, services: dict[str, Any]) -> pushes.Pushes:
    return pushes.Pushes(
        home.server.database,
        vault,
        services,
        instant=home.server.instant,
        public_url=home.server.settings.public_url,
    )


@asynccontextmanager
async def web_push(home: Home, key: VapidKey = KEY) -> AsyncIterator[WebPush]:
    async with Outbound(Destinations(allow_loopback=True), home.clock) as outbound:
        yield WebPush(outbound, key, home.clock)


@asynccontextmanager
async def push_service() -> AsyncIterator[Receiver]:
    """A push service: answers 201, as RFC 8030 says."""
    async with Receiver() as service:
        service.answers(201)
        yield service
