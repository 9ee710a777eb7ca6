"""Secrets at rest: hashed when they only need recognising, sealed when they must be read back."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hospes.base import ids
from hospes.base.errors import Misconfigured

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


def digest(secret: str) -> bytes:
    """SHA-256 of the secret's UTF-8 bytes: for secrets with enough randomness of their own."""
    return hashlib.sha256(secret.encode()).digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


class Unreadable(Misconfigured):
    """A stored secret cannot be read: it was changed, moved, or sealed with another key."""


class Vault:
    """Seals and opens values with AES-256-GCM, each bound to the row it stands in.

    A sealed value is `01 | key id (4) | nonce (12) | ciphertext and tag`. `place` is
    `workspace/table/column/id`; a value moved to another place does not open (NIST SP 800-38D).
    """

    def __init__(self, key: bytes) -> None:
        """`key` is 32 bytes."""
        self.key_id = hashlib.sha256(b"hospes key id" + key).digest()[:_KEY_ID_BYTES]
        self._aead = AESGCM(key)
        self._signing_key = hmac.digest(key, b"hospes links", hashlib.sha256)

    def seal(self, plain: bytes, place: str) -> bytes:
        nonce = ids.random_bytes(_NONCE_BYTES)
        return _VERSION + self.key_id + nonce + self._aead.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises Unreadable when the value was changed, cut, moved or sealed with another key."""
        head = len(_VERSION) + _KEY_ID_BYTES
        if sealed[:1] != _VERSION or sealed[1:head] != self.key_id:
            raise Unreadable
        nonce, cipher = sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, cipher, place.encode())
        except (InvalidTag, ValueError) as error:
            raise Unreadable from error

    def sign(self, claims: Mapping[str, Any], purpose: str) -> str:
        """A token that anybody can read and nobody can change: `base64url(JSON).base64url(HMAC)`.

        What it says must hold its own end and, in short names, whom it concerns. RFC 2104.
        """
        text = _base64url(msgspec.json.encode(claims))
        return f"{text}.{_base64url(self._signature(text, purpose))}"

    def signed(self, token: str, purpose: str) -> dict[str, Any]:
        """What a token of this purpose says. Raises Unreadable for one that we did not sign."""
        text, _, signature = token.partition(".")
        if not token.isascii() or not same(_base64url(self._signature(text, purpose)).encode(), signature.encode()):
            raise Unreadable
        claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return claims

    def mark(self, text: str, purpose: str) -> str:
        """20 hexadecimal digits that only we can make for `text`: where a whole signature is too long."""
        return self._signature(text, purpose)[:10].hex()

    def derive(self, text: str, purpose: str) -> bytes:
        """32 bytes that follow from `text` and our key: for secrets that must come out the same again."""
        return self._signature(text, purpose)

    def _signature(self, text: str, purpose: str) -> bytes:
        return hmac.digest(self._signing_key, f"{purpose}.{text}".encode(), hashlib.sha256)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def vault_from(text: str) -> Vault:
    """The vault for `HOSPES_SECRET_KEY`: 32 bytes in base64.

    Raises Misconfigured, naming the command that makes one.
    """
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Misconfigured(
            "HOSPES_SECRET_KEY must be 32 bytes in base64. Make one with: "
            'python3 -c "import base64,os;print(base64.b64encode(os.urandom(32)).decode())"'
        )
    return Vault(key)
