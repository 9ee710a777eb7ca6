"""Apple's push service for apps: alerts over HTTP/2, with a token signed by the team's key."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from hospes.base.clock import Clock
from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Receipt
from hospes.capabilities.messaging.pushes import Notification
from hospes.capabilities.messaging.registrations import Target
from hospes.providers import apns

SANDBOX_URL = "https://api.sandbox.push.apple.com"
_TIMEOUT_SECONDS = 10.0
# Apple takes a token for an hour, and no newer one within 20 minutes.
_TOKEN_KEPT = timedelta(minutes=45)
_MOST_BYTES = 4096
# The token is not, or no more, one of this app on this phone.
_GONE = ("BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered", "ExpiredToken")


class ApnsKey(msgspec.Struct, frozen=True):
    """The team's key (a .p8 file) and what Apple calls it; `topic` is the app's bundle id."""

    key_id: str
    team_id: str
    topic: str
    private: ECKey


class ApnsPush:
    """A `PushService` for iOS. Open as a context manager: all pushes share its connection."""

    def __init__(self, key: ApnsKey, clock: Clock, *, url: str = apns.URL, trust: ssl.SSLContext | None = None) -> None:
        """`trust` holds the certificate authorities, this machine's by default."""
        self._key = key
        self._clock = clock
        self._token: tuple[float, str] = (0.0, "")
        self._client = httpx2.AsyncClient(
            base_url=url,
            verify=trust or ssl.create_default_context(),
            http1=False,
            http2=True,
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def push(self, target: Target, notification: Notification) -> Receipt:
        """As `PushService.push`. Apple, Sending Notification Requests to APNs."""
        body = msgspec.json.encode(_payload(notification))
        if len(body) > _MOST_BYTES:
            return Receipt("refused", "The push is longer than 4,096 bytes.")
        status, says = await self._ask(target, notification, body)
        if status == 403 and says.endswith("ExpiredProviderToken"):
            self._token = (0.0, "")
            status, says = await self._ask(target, notification, body)
        return _receipt(status, says)

    async def _ask(self, target: Target, notification: Notification, body: bytes) -> tuple[int | None, str]:
        details = notification.details
        headers = {
            "authorization": f"bearer {self._provider_token()}",
            "apns-topic": self._key.topic,
            "apns-push-type": "alert",
            "apns-priority": "10" if details.urgency in ("normal", "high") else "5",
            "apns-expiration": str(int(self._clock.now().timestamp()) + details.ttl_seconds),
            "apns-collapse-id": (details.topic or notification.mark)[:64],
        }
        try:
            request = self._client.build_request("POST", f"/3/device/{target.address}", headers=headers, content=body)
            answer = await self._client.send(request, stream=True)
            try:
                told = apns.told(answer.status_code, await apns.head(answer))
            finally:
                await answer.aclose()
        except httpx2.TimeoutException:
            return None, "timeout"
        except (httpx2.HTTPError, OSError, UnicodeError):
            return None, "unreachable"
        return told.status, told.failure or ""

    def _provider_token(self) -> str:
        renew_at, token = self._token
        now = self._clock.now()
        if now.timestamp() >= renew_at:
            claims = {"iss": self._key.team_id, "iat": int(now.timestamp())}
            token = jwt.encode({"alg": "ES256", "kid": self._key.key_id}, claims, self._key.private)
            self._token = ((now + _TOKEN_KEPT).timestamp(), token)
        return token


def _payload(notification: Notification) -> dict[str, Any]:
    """Apple, Generating a Remote Notification; what is under `hospes` is for the app."""
    aps: dict[str, Any] = {"alert": {"title": notification.title, "body": notification.body}, "sound": "default"}
    if notification.details.image:
        aps["mutable-content"] = 1  # the app's extension fetches the image
    ours: dict[str, Any] = {
        "url": notification.url,
        "image": notification.details.image,
        "buttons": [{"title": button.title, "url": button.url} for button in notification.buttons],
        "told": notification.told_url,
    }
    return {"aps": aps, "hospes": {name: value for name, value in ours.items() if value}}


def _receipt(status: int | None, says: str) -> Receipt:
    """Apple, Handling Notification Responses from APNs."""
    if status == 200:
        return Receipt("sent")
    if status is None:
        return Receipt("down", f"Apple's push service does not answer: {says}.")
    if status == 410 or says.endswith(_GONE):
        return Receipt("bounced", says)
    if status in (403, 429) or status >= 500:
        return Receipt("later", says)
    return Receipt("refused", says)


def key_of(path: Path, *, key_id: str | None, team_id: str | None, topic: str | None) -> ApnsKey:
    """From the team's .p8 file. Raises Misconfigured."""
    if not (key_id and team_id and topic):
        raise Misconfigured(
            "HOSPES_APNS_KEY_FILE needs HOSPES_APNS_KEY_ID, HOSPES_APPLE_TEAM_ID and HOSPES_APNS_TOPIC."
        )
    try:
        private = ECKey.import_key(path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"HOSPES_APNS_KEY_FILE cannot be read: {error.strerror}.") from None
    except (ValueError, JoseError):
        raise Misconfigured("HOSPES_APNS_KEY_FILE is not a private key as Apple hands it out (.p8).") from None
    return ApnsKey(key_id, team_id, topic, private)
