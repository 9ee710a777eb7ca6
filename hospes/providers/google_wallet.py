"""Google Wallet: a link that carries a signed loyalty card, which Google saves for whoever opens it."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from hospes.base.errors import Misconfigured
from hospes.base.settings import Settings
from hospes.capabilities.wallet.passes import Card, PassFacts
from hospes.providers import pass_words as words
from hospes.providers.apple_pass import COLOUR

SAVE_URL = "https://pay.google.com/gp/v/save/"
# Browsers cut longer links (Google, JWT size); what does not fit stays off the card.
LONGEST_JWT = 1800
_ISSUER = re.compile(r"[0-9]{1,30}")
_MOST_MODULES = 6


class _Account(msgspec.Struct, frozen=True):
    """A service account's key file, as Google hands it out."""

    client_email: str
    private_key: str


class GoogleWallet:
    """Makes save links of one issuer."""

    def __init__(self, issuer_id: str, account: _Account, key: RSAKey, *, public_url: str) -> None:
        self._issuer_id = issuer_id
        self._account = account
        self._key = key
        self._public_url = public_url.rstrip("/")

    def save_link(self, card: Card, *, now: datetime) -> str:
        """The link for "Add to Google Wallet". Google Wallet API, JWT; RFC 7515 with RS256."""
        token = ""
        for modules in range(_MOST_MODULES, -1, -1):
            token = self._signed(card, now, modules)
            if len(token) <= LONGEST_JWT:
                break
        return SAVE_URL + token

    def _signed(self, card: Card, now: datetime, modules: int) -> str:
        claims = {
            "iss": self._account.client_email,
            "aud": "google",
            "typ": "savetowallet",
            "iat": int(now.timestamp()),
            "origins": [],
            "payload": {"loyaltyClasses": [self._class(card)], "loyaltyObjects": [self._object(card, modules)]},
        }
        return jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, self._key)

    def _class_id(self, card: Card) -> str:
        return f"{self._issuer_id}.hospes-{card.serial.partition('-')[0]}"

    def _class(self, card: Card) -> dict[str, Any]:
        """The programme, made at Google when its first card is saved."""
        return {
            "id": self._class_id(card),
            "issuerName": card.organization[:40],
            "programName": card.organization[:40],
            "programLogo": {"sourceUri": {"uri": f"{self._public_url}/passes/logo.png"}},
            "hexBackgroundColor": card.colour or COLOUR,
            "reviewStatus": "UNDER_REVIEW",
        }

    def _object(self, card: Card, modules: int) -> dict[str, Any]:
        known: dict[str, Any] = {"id": f"{self._issuer_id}.{card.serial}", "classId": self._class_id(card)}
        if card.facts is None:
            return known | {"state": "EXPIRED"}
        return known | {
            "state": "ACTIVE",
            "barcode": {"type": "QR_CODE", "value": card.message},
            "loyaltyPoints": {"label": words.POINTS, "balance": {"int": card.facts.points}},
            **_about(card.facts, modules),
        }


def _about(facts: PassFacts, modules: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if facts.name:
        found["accountName"] = facts.name[:40]
    if facts.tier:
        found["secondaryLoyaltyPoints"] = {"label": words.TIER, "balance": {"string": facts.tier[:20]}}
    if facts.expires_at:
        found["validTimeInterval"] = {"end": {"date": facts.expires_at.isoformat()}}
    texts = [(f"offer{number}", words.OFFER, offer.title[:80]) for number, offer in enumerate(facts.offers)]
    if facts.places:
        texts.append(("places", words.PLACES, ", ".join(place.name for place in facts.places)[:80]))
    if texts[:modules]:
        found["textModulesData"] = [{"id": key, "header": head, "body": body} for key, head, body in texts[:modules]]
    return found


def opened(settings: Settings) -> GoogleWallet | None:
    """The configured issuer; None when there is none. Raises Misconfigured."""
    issuer, path = settings.google_wallet_issuer_id, settings.google_wallet_key_file
    if issuer is None and path is None:
        return None
    if issuer is None or path is None:
        raise Misconfigured("Set HOSPES_GOOGLE_WALLET_ISSUER_ID and HOSPES_GOOGLE_WALLET_KEY_FILE together.")
    if not _ISSUER.fullmatch(issuer):
        raise Misconfigured("HOSPES_GOOGLE_WALLET_ISSUER_ID is the number of the issuer, such as 3388000000012345678.")
    account, key = _key(path)
    return GoogleWallet(issuer, account, key, public_url=settings.public_url)


def _key(path: Path) -> tuple[_Account, RSAKey]:
    try:
        account = msgspec.json.decode(path.read_bytes(), type=_Account)
        key = RSAKey.import_key(account.private_key)
    except OSError as error:
        raise Misconfigured(f"HOSPES_GOOGLE_WALLET_KEY_FILE cannot be read ({error.strerror}): {path}") from None
    except (msgspec.MsgspecError, ValueError, JoseError):
        raise Misconfigured(
            "HOSPES_GOOGLE_WALLET_KEY_FILE is not the JSON key of a service account, with client_email and private_key."
        ) from None
    return account, key
