"""Signatures: the contract's own header and the three of Standard Webhooks, on one request.

A secret is `whsec_` and 32 letters and digits: the contract's verifiers use the whole text as key,
Standard Webhooks libraries decode the part after the prefix from base64 to 24 bytes. Guest API 15.1.
"""

import hashlib
import hmac
from datetime import datetime
from functools import lru_cache

from standardwebhooks import Webhook

from hospes.base import ids

PREFIX = "whsec_"
_LENGTH = 32


def new_secret() -> str:
    return ids.token(PREFIX, _LENGTH)


def contract_signature(secret: str, body: bytes) -> str:
    """`sha256=` and the lower-case hex of HMAC-SHA256 over the body."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def timed_signature(secret: str, body: bytes, at: datetime) -> str:
    """`t=<unix seconds>,v1=<hex>` of HMAC-SHA256 over `t`, a dot and the body. Property API 15.2."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1=" + hmac.digest(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hex()


@lru_cache(maxsize=4096)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


def standard_headers(secrets: list[str], delivery_id: str, at: datetime, body: str) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`, one signature for each secret."""
    signatures = [_signer(secret).sign(delivery_id, at, body) for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
