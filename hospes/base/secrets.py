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

    Older keys open and prove what they once sealed and signed; they make nothing new.
    """

    def __init__(self, key: bytes, *older: bytes) -> None:
        """Each key is 32 bytes."""
        keys = key, *older
        self._opening = {_key_id(one): AESGCM(one) for one in keys}
        self._signing_keys = [hmac.digest(one, b"hospes links", hashlib.sha256) for one in keys]
        self.key_id = _key_id(key)
        self.has_older = bool(older)
        self._root = self._signing_keys[0]

    def seal(self, plain: bytes, place: str) -> bytes:
        nonce = ids.random_bytes(_NONCE_BYTES)
        cipher = self._opening[self.key_id].encrypt(nonce, plain, place.encode())
        return _VERSION + self.key_id + nonce + cipher

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises Unreadable when the value was changed, cut, moved or sealed with a key that we do not have."""
        head = len(_VERSION) + _KEY_ID_BYTES
        opening = self._opening.get(sealed[len(_VERSION) : head])
        if sealed[:1] != _VERSION or opening is None:
            raise Unreadable
        nonce, cipher = sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
        try:
            return opening.decrypt(nonce, cipher, place.encode())
        except (InvalidTag, ValueError) as error:
            raise Unreadable from error

    def sign(self, claims: Mapping[str, Any], purpose: str) -> str:
        """A token that anybody can read and nobody can change: `base64url(JSON).base64url(HMAC)`.

        What it says must hold its own end and, in short names, whom it concerns. RFC 2104.
        """
        text = _base64url(msgspec.json.encode(claims))
        return f"{text}.{_base64url(_signature(self._signing_keys[0], text, purpose))}"

    def signed(self, token: str, purpose: str) -> dict[str, Any]:
        """What a token of this purpose says. Raises Unreadable for one that none of our keys signed."""
        text, _, signature = token.partition(".")
        made = [_base64url(_signature(key, text, purpose)) for key in self._signing_keys]
        if not token.isascii() or not any(same(one.encode(), signature.encode()) for one in made):
            raise Unreadable
        claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return claims

    def mark(self, text: str, purpose: str) -> str:
        """20 hexadecimal digits that only we can make for `text`: where a whole signature is too long."""
        return _mark(self._signing_keys[0], text, purpose)

    def is_mark(self, given: str, text: str, purpose: str) -> bool:
        """Whether one of our keys made this mark for `text`."""
        return any(same(_mark(key, text, purpose).encode(), given.encode()) for key in self._signing_keys)

    def derive(self, text: str, purpose: str) -> bytes:
        """32 bytes that follow from `text` and our root: for secrets that must come out the same again."""
        return _signature(self._root, text, purpose)

    def sealed_root(self, place: str) -> bytes:
        """What `derive` starts from, to be kept: the first key's, and so the same under every later key."""
        return self.seal(self._root, place)

    def take_root(self, sealed: bytes, place: str) -> None:
        """Derive from what was kept. Raises Unreadable."""
        self._root = self.open(sealed, place)

    def root_of(self, sealed: bytes) -> None:
        """Derive as whoever sealed this did, with a key that we have."""
        place = list(self._opening).index(sealed[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES])
        self._root = self._signing_keys[place]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"hospes key id" + key).digest()[:_KEY_ID_BYTES]


def _signature(key: bytes, text: str, purpose: str) -> bytes:
    return hmac.digest(key, f"{purpose}.{text}".encode(), hashlib.sha256)


def _mark(key: bytes, text: str, purpose: str) -> str:
    return _signature(key, text, purpose)[:10].hex()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key() -> str:
    """A key as settings and the file hold it."""
    return base64.b64encode(ids.random_bytes(32)).decode()


def keys_in(text: str) -> list[str]:
    """Today's key, and the older ones behind it."""
    return text.replace(",", " ").split()


def vault_from(text: str) -> Vault:
    """The vault for `HOSPES_SECRET_KEY`: 32 bytes in base64, and behind it, with commas or blanks, older keys.

    Raises Misconfigured, naming the command that makes one.
    """
    try:
        keys = [base64.b64decode(one, validate=True) for one in keys_in(text)]
    except ValueError:
        keys = []
    if not keys or any(len(key) != 32 for key in keys):
        raise Misconfigured(
            "HOSPES_SECRET_KEY must be 32 bytes in base64. Make one with: "
            'python3 -c "import base64,os;print(base64.b64encode(os.urandom(32)).decode())"'
        )
    return Vault(*dict.fromkeys(keys))
