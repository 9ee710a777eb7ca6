"""Google's push service for Android apps: FCM HTTP v1, with a token that our service account is given."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from hospes.base.clock import Clock
from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Receipt
from hospes.capabilities.messaging.pushes import Notification
from hospes.capabilities.messaging.registrations import Target
from hospes.providers.outbound import Page

URL = "https://fcm.googleapis.com"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 16 * 1024
_ASSERTION_LIFE = timedelta(hours=1)
# A token that is about to end would end on the way.
_MARGIN = timedelta(minutes=2)
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GONE = ("UNREGISTERED", "SENDER_ID_MISMATCH")


class Asking(Protocol):
    """The guarded client, as far as it is needed here."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: dict[str, str],
        timeout_seconds: float,
        read_limit: int,
    ) -> Page: ...


class Account(msgspec.Struct, frozen=True):
    """A service account's key file, as Google hands it out."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str = _TOKEN_URL


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int = 3600


class _Violation(msgspec.Struct, frozen=True):
    field: str = ""


class _Detail(msgspec.Struct, frozen=True):
    error_code: str = msgspec.field(name="errorCode", default="")
    field_violations: list[_Violation] = msgspec.field(name="fieldViolations", default_factory=list)


class _Error(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


class Fcm:
    """A `PushService` for Android."""

    def __init__(self, account: Account, client: Asking, clock: Clock, *, url: str = URL) -> None:
        self._account = account
        self._key = RSAKey.import_key(account.private_key)
        self._client = client
        self._clock = clock
        self._url = f"{url}/v1/projects/{account.project_id}/messages:send"
        self._token, self._token_ends = "", 0.0
        self._turn = asyncio.Lock()

    async def push(self, target: Target, notification: Notification) -> Receipt:
        """As `PushService.push`. FCM, REST reference, projects.messages.send."""
        body = msgspec.json.encode({"message": _message(target, notification)})
        page = await self._send(body)
        if page.status == 401:
            self._token_ends = 0.0  # Google ended it early; a new one is asked for once
            page = await self._send(body)
        return _receipt(page)

    async def _send(self, body: bytes) -> Page:
        async with self._turn:
            if self._clock.now().timestamp() >= self._token_ends:
                failed = await self._renew()
                if failed is not None:
                    return failed
            token = self._token
        return await self._ask(
            self._url, body, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        )

    async def _renew(self) -> Page | None:
        """Get a token (RFC 7523, 2.1); returns the answer that gave none."""
        now = self._clock.now()
        claims = {
            "iss": self._account.client_email,
            "scope": _SCOPE,
            "aud": self._account.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + _ASSERTION_LIFE).timestamp()),
        }
        assertion = jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, self._key)
        form = urlencode({"grant_type": _BEARER, "assertion": assertion}).encode()
        page = await self._ask(self._account.token_uri, form, {"Content-Type": "application/x-www-form-urlencoded"})
        try:
            given = msgspec.json.decode(page.body, type=_Token) if page.status == 200 else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            given = None
        if given is None:
            return Page(None, f"no access token ({page.status or page.error})")
        self._token = given.access_token
        self._token_ends = (now + timedelta(seconds=given.expires_in) - _MARGIN).timestamp()
        return None

    async def _ask(self, url: str, body: bytes, headers: dict[str, str]) -> Page:
        return await self._client.request(
            "POST", url, body=body, headers=headers, timeout_seconds=_TIMEOUT_SECONDS, read_limit=_LONGEST_ANSWER
        )


def _message(target: Target, notification: Notification) -> dict[str, Any]:
    """What the phone shows by itself under `notification`, what the app reads under `data`, where all is text."""
    details = notification.details
    shown = {"title": notification.title, "body": notification.body, "image": details.image}
    data = {"url": notification.url, "image": details.image, "told": notification.told_url}
    if notification.buttons:
        data["buttons"] = msgspec.json.encode(notification.buttons).decode()
    android: dict[str, Any] = {
        "ttl": f"{details.ttl_seconds}s",
        "priority": "HIGH" if details.urgency in ("normal", "high") else "NORMAL",
        # A push that comes twice takes its own place.
        "notification": {"tag": notification.mark},
    }
    if details.topic:
        android["collapse_key"] = details.topic
    return {
        "token": target.address,
        "notification": {name: value for name, value in shown.items() if value},
        "data": {name: value for name, value in data.items() if value},
        "android": android,
    }


def _receipt(page: Page) -> Receipt:
    """FCM, ErrorCode; Google API error model."""
    if page.status == 200:
        return Receipt("sent")
    if page.status is None:
        return Receipt("down", f"Google's push service does not answer: {page.error}.")
    error = _error(page.body)
    says = f"{page.status} {error.status}: {error.message[:200]}"
    codes = {detail.error_code for detail in error.details}
    fields = {violation.field for detail in error.details for violation in detail.field_violations}
    if codes.intersection(_GONE) or "message.token" in fields:
        return Receipt("bounced", says)
    if page.status in (401, 403, 429) or page.status >= 500:
        return Receipt("later", says)
    return Receipt("refused", says)


def _error(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Refused).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Error()


def account_of(path: Path) -> Account:
    """From the key file. Raises Misconfigured."""
    try:
        account = msgspec.json.decode(path.read_bytes(), type=Account)
        RSAKey.import_key(account.private_key)
    except OSError as error:
        raise Misconfigured(f"HOSPES_FCM_KEY_FILE cannot be read: {error.strerror}.") from None
    except (msgspec.MsgspecError, ValueError, JoseError):
        raise Misconfigured(
            "HOSPES_FCM_KEY_FILE is not the JSON key of a service account, with project_id, client_email and "
            "private_key."
        ) from None
    return account
