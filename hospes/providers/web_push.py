"""Web push: encrypted for one browser (RFC 8291, 8188), signed with our key (RFC 8292), posted (RFC 8030).

An endpoint is an address that a browser gave us, so the POST goes through the guarded client.
"""

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from hospes.base.clock import Clock
from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Receipt
from hospes.capabilities.messaging.pushes import Notification
from hospes.capabilities.messaging.registrations import Target, unpacked
from hospes.capabilities.webhooks import Sender

# Push services take 4,096 bytes (RFC 8030, 7.2): header of 86, padding byte and tag of 17.
_MOST_PLAIN = 4096 - 86 - 17
_TOKEN_LIFE = timedelta(hours=12)
_TOKEN_KEPT = timedelta(hours=1)
_LONGEST_TOPIC = 32


class VapidKey:
    """The key pair that browsers' subscriptions are bound to."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, *, subject: str) -> None:
        """`subject` is a mailto: or https: address at which a push service reaches the operator."""
        self._key = ECKey.import_key(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._subject = subject
        point = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.public = base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def token(self, audience: str, expires_at: int) -> str:
        """A token for one push service (RFC 8292, 2); `expires_at` in seconds since the epoch, at most a day ahead."""
        claims: dict[str, Any] = {"aud": audience, "exp": expires_at, "sub": self._subject}
        return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key)


def key_from(raw: bytes, *, subject: str) -> VapidKey:
    """From the 32 bytes of a private key."""
    return VapidKey(ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1()), subject=subject)


def key_of(path: Path, *, subject: str) -> VapidKey:
    """From a PEM file. Raises Misconfigured."""
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Misconfigured(f"HOSPES_VAPID_KEY_FILE cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise Misconfigured("HOSPES_VAPID_KEY_FILE is not a private key on P-256 in PEM, without a password.")
    return VapidKey(private, subject=subject)


class WebPush:
    """A `PushService` for browsers."""

    def __init__(self, sender: Sender, key: VapidKey, clock: Clock) -> None:
        self._sender = sender
        self._key = key
        self._clock = clock
        # Tokens by push service, each with when it is made anew.
        self._tokens: dict[str, tuple[float, str]] = {}

    async def push(self, target: Target, notification: Notification) -> Receipt:
        """As `PushService.push`."""
        try:
            body = encrypted(target, fitted(notification))
        except ValueError:
            return Receipt("refused", "The push is longer than 3,993 bytes.")
        details = notification.details
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(details.ttl_seconds),
            "Urgency": details.urgency,
            "Authorization": f"vapid t={self._token(target.address)}, k={self._key.public}",
        }
        if details.topic:
            headers["Topic"] = topic(details.topic)
        answer = await self._sender.post(target.address, body=body, headers=headers)
        return _receipt(answer.status, answer.error)

    def _token(self, endpoint: str) -> str:
        parts, now = urlsplit(endpoint), self._clock.now()
        audience = f"{parts.scheme}://{parts.netloc}"
        renew_at, token = self._tokens.get(audience, (0.0, ""))
        if now.timestamp() >= renew_at:
            token = self._key.token(audience, int((now + _TOKEN_LIFE).timestamp()))
            if len(self._tokens) > 1000:
                self._tokens.clear()  # endpoints are strangers' words, and must not fill the memory
            self._tokens[audience] = ((now + _TOKEN_KEPT).timestamp(), token)
        return token


def encrypted(target: Target, plain: bytes) -> bytes:
    """For the browser's keys alone. RFC 8291."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    made: bytes = http_ece.encrypt(
        plain,
        private_key=ephemeral,
        dh=unpacked(target.p256dh or ""),
        auth_secret=unpacked(target.auth or ""),
        version="aes128gcm",
    )
    return made


def fitted(notification: Notification) -> bytes:
    """What the service worker is told, at most 3,993 bytes: the image goes first, then the end of the text.

    Raises ValueError when the links alone are longer.
    """
    for content in _shorter(notification):
        plain = msgspec.json.encode(content)
        if len(plain) <= _MOST_PLAIN:
            return plain
    raise ValueError("too long")


def _shorter(notification: Notification) -> Iterator[dict[str, Any]]:
    details = notification.details
    content: dict[str, Any] = {
        "title": notification.title,
        "body": notification.body,
        "tag": topic(details.topic) if details.topic else notification.mark,
        "icon": details.icon,
        "image": details.image,
        "url": notification.url,
        "actions": [{"title": button.title, "url": button.url} for button in notification.buttons],
        "told": notification.told_url,
    }
    yield content
    content["image"] = None
    yield content
    for length in (1500, 1000, 700, 500, 300, 200, 100):
        yield content | {"body": notification.body[:length].rstrip() + "…"}


def topic(text: str) -> str:
    """A name for a topic as push services take it: 32 characters of base64url (RFC 8030, 5.4)."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()[:_LONGEST_TOPIC]


def _receipt(status: int | None, error: str | None) -> Receipt:
    """RFC 8030, 5 and 7.3. A push that comes twice replaces itself, so whatever is unclear is tried again."""
    if status is None:
        return Receipt("refused" if error == "refused_address" else "later", f"The push service: {error}.")
    if 200 <= status < 300:
        return Receipt("sent")
    if status in (404, 410):
        return Receipt("bounced", "The browser has ended the subscription.")
    if status == 429 or status >= 500:
        return Receipt("later", f"HTTP {status}")
    return Receipt("refused", f"HTTP {status}")
