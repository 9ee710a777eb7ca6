"""Pushes to apps: stand-ins for Google's and Apple's services check what those would check."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from hospes.base.clock import ManualClock
from hospes.base.errors import Misconfigured
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import registrations
from hospes.capabilities.messaging.pushes import Button, Details, Notification
from hospes.capabilities.messaging.registrations import Target
from hospes.providers import apns_push, fcm
from hospes.providers.destinations import Destinations
from hospes.providers.message_folder import PushFolder, newest
from hospes.providers.outbound import Outbound
from tests.channels.pushing import carrier, put, registered
from tests.channels.texting import mailroom, standing
from tests.living import Api, Home, Received, Receiver

ANDROID = Target(platform="android", address="fGk1:APA91b-" + "x" * 120)
IOS = Target(platform="ios", address="ab" * 32)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made


def public(key: Any) -> bytes:
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def notification(home: Home, **details: Any) -> Notification:
    return Notification(
        mark="7.9.00aa",
        title="Your room is ready",
        body="Come in.",
        url="https://hospes.example/push/go/x",
        buttons=(Button("Directions", "https://hospes.example/push/go/y"),),
        told_url="https://hospes.example/push/on/7.9.00aa",
        details=Details(**details),
        written_at=home.clock.now(),
    )


class Google:
    """Gives tokens to who signs as the service account, and takes messages from who shows one."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.url = ""
        self.asked_for_tokens = 0
        self.gives_tokens = True
        self.messages: list[dict[str, Any]] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.valid = {"token-1", "token-2", "token-3"}

    async def answer(self, received: Received) -> tuple[int, dict[str, str], bytes]:
        if "x-www-form-urlencoded" in received.headers["content-type"]:
            return self._token(received) if self.gives_tokens else (503, {}, b"")
        token = received.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.valid:
            return 401, {}, json.dumps({"error": {"status": "UNAUTHENTICATED"}}).encode()
        message = received.json()["message"]
        if any(not isinstance(value, str) for value in message["data"].values()):
            return 400, {}, json.dumps({"error": {"status": "INVALID_ARGUMENT"}}).encode()
        if self.refusal is not None:
            return self.refusal[0], {}, json.dumps(self.refusal[1]).encode()
        self.messages.append(message)
        return 200, {}, b'{"name": "projects/hotel/messages/0:1"}'

    def _token(self, received: Received) -> tuple[int, dict[str, str], bytes]:
        form = parse_qs(received.body.decode())
        claims = jwt.decode(form["assertion"][0], RSAKey.import_key(public(RSA)), algorithms=["RS256"]).claims
        now = int(self.clock.now().timestamp())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert (claims["iss"], claims["aud"]) == ("push@hotel.iam.gserviceaccount.com", self.url)
        assert claims["iat"] <= now < claims["exp"] <= claims["iat"] + 3600
        self.asked_for_tokens += 1
        given = {"access_token": f"token-{self.asked_for_tokens}", "expires_in": 3599, "token_type": "Bearer"}
        return 200, {}, json.dumps(given).encode()


@asynccontextmanager
async def google(home: Home) -> AsyncIterator[tuple[Google, fcm.Fcm]]:
    service = Google(home.clock)
    async with Receiver() as receiver, Outbound(Destinations(allow_loopback=True), home.clock) as outbound:
        receiver.answer = service.answer
        service.url = receiver.url
        account = fcm.Account("hotel", "push@hotel.iam.gserviceaccount.com", pem(RSA).decode(), receiver.url)
        yield service, fcm.Fcm(account, outbound, home.clock, url=receiver.url.removesuffix("/hook"))


async def test_google_takes_what_is_sent_and_one_token_serves_for_an_hour(home: Home) -> None:
    async with google(home) as (service, android):
        receipts = await asyncio.gather(*(android.push(ANDROID, notification(home, urgency="high")) for _ in range(5)))
        home.clock.advance(minutes=58)
        receipts.append(await android.push(ANDROID, notification(home)))

    assert {receipt.outcome for receipt in receipts} == {"sent"}
    assert service.asked_for_tokens == 2
    first = service.messages[0]
    assert first["token"] == ANDROID.address
    assert first["notification"] == {"title": "Your room is ready", "body": "Come in."}
    assert first["android"]["priority"] == "HIGH"
    assert json.loads(first["data"]["buttons"])[0]["title"] == "Directions"


async def test_a_token_that_google_ended_early_is_asked_for_anew_once(home: Home) -> None:
    async with google(home) as (service, android):
        service.valid = {"token-2"}

        receipt = await android.push(ANDROID, notification(home))

    assert (receipt.outcome, service.asked_for_tokens) == ("sent", 2)


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (404, {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}, "bounced"),
        (403, {"status": "PERMISSION_DENIED", "details": [{"errorCode": "SENDER_ID_MISMATCH"}]}, "bounced"),
        (400, {"details": [{"fieldViolations": [{"field": "message.token"}]}]}, "bounced"),
        (400, {"status": "INVALID_ARGUMENT", "details": [{"errorCode": "INVALID_ARGUMENT"}]}, "refused"),
        (404, {"status": "NOT_FOUND"}, "refused"),
        (429, {"status": "RESOURCE_EXHAUSTED"}, "later"),
        (503, {"status": "UNAVAILABLE"}, "later"),
        (500, "no object", "later"),
    ],
)
async def test_what_google_refuses_is_understood(home: Home, status: int, error: Any, outcome: str) -> None:
    async with google(home) as (service, android):
        service.refusal = status, {"error": error}

        receipt = await android.push(ANDROID, notification(home))

    assert receipt.outcome == outcome


async def test_when_google_gives_no_token_the_push_waits(home: Home) -> None:
    async with google(home) as (service, android):
        service.gives_tokens = False
        waiting = await android.push(ANDROID, notification(home))
        service.gives_tokens = True
        again = await android.push(ANDROID, notification(home))

    assert (waiting.outcome, again.outcome) == ("down", "sent")
    assert waiting.says == "Google's push service does not answer: no access token (503)."


class Apple:
    """Apple's service over HTTP/2: looks at token, topic, type and payload, and answers as it is told."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.port = 0
        self.requests: list[dict[str, str]] = []
        self.payloads: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str]] = []
        self._bodies: dict[int, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        line.initiate_connection()
        writer.write(line.data_to_send())
        while data := await reader.read(65_536):
            for event in line.receive_data(data):
                self._handle(line, event)
            writer.write(line.data_to_send())
            await writer.drain()
        writer.close()

    def _handle(self, line: Any, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.requests.append({str(name): str(value) for name, value in event.headers})
        if isinstance(event, h2.events.DataReceived):
            self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + event.data
        if isinstance(event, h2.events.StreamEnded):
            status, reason = self._judge(self.requests[-1], self._bodies.pop(event.stream_id, b""))
            line.send_headers(event.stream_id, [(":status", str(status))], end_stream=not reason)
            if reason:
                line.send_data(event.stream_id, json.dumps({"reason": reason}).encode(), end_stream=True)

    def _judge(self, asked: dict[str, str], body: bytes) -> tuple[int, str]:
        token = jwt.decode(
            asked["authorization"].removeprefix("bearer "), ECKey.import_key(public(EC)), algorithms=["ES256"]
        )
        if (token.header["kid"], token.claims["iss"]) != ("KEY1234567", "TEAM123456"):
            return 403, "InvalidProviderToken"
        if self.clock.now().timestamp() - token.claims["iat"] > 3600:
            return 403, "ExpiredProviderToken"
        if asked["apns-topic"] != "com.example.hotel":
            return 400, "BadTopic"
        if asked["apns-push-type"] != "alert" or "alert" not in json.loads(body)["aps"]:
            return 400, "BadPushType"
        if self.answers:
            return self.answers.pop(0)
        self.payloads.append(json.loads(body))
        return 200, ""


@asynccontextmanager
async def apple(home: Home, tmp_path: Path) -> AsyncIterator[tuple[Apple, apns_push.ApnsPush]]:
    authority, service = trustme.CA(), Apple(home.clock)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=context)
    service.port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    (tmp_path / "key.p8").write_bytes(pem(EC))
    key = apns_push.key_of(tmp_path / "key.p8", key_id="KEY1234567", team_id="TEAM123456", topic="com.example.hotel")
    async with apns_push.ApnsPush(key, home.clock, url=f"https://localhost:{service.port}", trust=trust) as ios:
        yield service, ios
    server.close()


async def test_apple_takes_what_is_sent_with_a_token_that_is_renewed_in_time(home: Home, tmp_path: Path) -> None:
    async with apple(home, tmp_path) as (service, ios):
        first = await ios.push(IOS, notification(home, image="https://hotel.example/room.jpg", ttl_seconds=60))
        second = await ios.push(IOS, notification(home))
        home.clock.advance(minutes=59)
        third = await ios.push(IOS, notification(home))

    assert [receipt.outcome for receipt in (first, second, third)] == ["sent"] * 3
    tokens = [request["authorization"] for request in service.requests]
    assert tokens[0] == tokens[1] != tokens[2]
    asked, payload = service.requests[0], service.payloads[0]
    assert asked[":path"] == f"/3/device/{IOS.address}"
    assert asked["apns-collapse-id"] == "7.9.00aa"
    assert payload["aps"]["alert"] == {"title": "Your room is ready", "body": "Come in."}
    assert (payload["aps"]["mutable-content"], payload["hospes"]["image"]) == (1, "https://hotel.example/room.jpg")


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (410, "Unregistered", "bounced"),
        (400, "BadDeviceToken", "bounced"),
        (400, "DeviceTokenNotForTopic", "bounced"),
        (400, "PayloadEmpty", "refused"),
        (403, "InvalidProviderToken", "later"),
        (429, "TooManyRequests", "later"),
        (503, "ServiceUnavailable", "later"),
    ],
)
async def test_what_apple_refuses_is_understood(
    home: Home, tmp_path: Path, status: int, reason: str, outcome: str
) -> None:
    async with apple(home, tmp_path) as (service, ios):
        service.answers = [(status, reason)]

        receipt = await ios.push(IOS, notification(home))

    assert receipt.outcome == outcome


async def test_a_token_that_apple_finds_too_old_is_made_anew_once(home: Home, tmp_path: Path) -> None:
    async with apple(home, tmp_path) as (service, ios):
        service.answers = [(403, "ExpiredProviderToken")]

        receipt = await ios.push(IOS, notification(home))

    assert (receipt.outcome, len(service.requests)) == ("sent", 2)


async def test_what_is_too_long_for_apple_is_refused_before_it_is_sent(home: Home, tmp_path: Path) -> None:
    async with apple(home, tmp_path) as (service, ios):
        receipt = await ios.push(IOS, notification(home, image="https://hotel.example/" + "x" * 4096))

    assert (receipt.outcome, service.requests) == ("refused", [])


async def test_an_app_that_is_gone_ends_its_registration(home: Home, api: Api, vault: Vault, tmp_path: Path) -> None:
    guest = await api.new_guest()
    registration_id = await registered(api, vault, guest, IOS)
    message_id = await put(api, guest, registration_id)

    async with apple(home, tmp_path) as (service, ios):
        service.answers = [(410, "Unregistered")]
        await mailroom(home, vault, {"push": carrier(home, vault, {"ios": ios})}).run(api.workspace_id)

    assert (await standing(api, message_id)).status == "bounced"
    assert await registrations.list_of_guest(api.reader(), guest["id"]) == []


@pytest.mark.parametrize("target", [ANDROID, IOS], ids=["android", "ios"])
async def test_without_an_account_pushes_lie_in_the_folder(
    home: Home, api: Api, vault: Vault, tmp_path: Path, target: Target
) -> None:
    guest = await api.new_guest()
    registration_id = await registered(api, vault, guest, target)
    message_id = await put(api, guest, registration_id, url="https://hotel.example/room")
    folder = PushFolder(tmp_path)

    await mailroom(home, vault, {"push": carrier(home, vault, {target.platform: folder})}).run(api.workspace_id)

    [kept] = newest(tmp_path)
    assert (kept.channel, kept.subject, kept.to) == (
        "push",
        "Your room is ready",
        f"{target.platform}-{target.address[-8:]}",
    )
    assert f"Open: {home.server.settings.public_url}/push/go/" in kept.text
    assert (await standing(api, message_id)).status == "delivered"


def test_keys_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("{}")

    with pytest.raises(Misconfigured, match="HOSPES_FCM_KEY_FILE"):
        fcm.account_of(tmp_path / "key")
    with pytest.raises(Misconfigured, match="HOSPES_APNS_KEY_FILE"):
        apns_push.key_of(tmp_path / "key", key_id="K", team_id="T", topic="com.example")
    with pytest.raises(Misconfigured, match="HOSPES_APNS_TOPIC"):
        apns_push.key_of(tmp_path / "key", key_id="K", team_id="T", topic=None)
