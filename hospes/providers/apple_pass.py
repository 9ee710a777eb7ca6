"""Apple Wallet: a pass is a zip of pass.json, pictures, words, their hashes and a signature over them."""

import hashlib
import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from hospes.capabilities.wallet.passes import MOST_LOCATIONS, Card, PassFacts
from hospes.providers import icons
from hospes.providers import pass_words as words
from hospes.providers.pass_certificate import PassCertificate

COLOUR = "#1f6f5c"
# The file is the same whenever it is made of the same: no time of day in the zip.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_SIZES = (("", 1), ("@2x", 2), ("@3x", 3))
_MOST_OFFERS = 20

Field = dict[str, Any]


class ApplePasses:
    """Makes passes with one certificate."""

    def __init__(self, certificate: PassCertificate, *, service_url: str) -> None:
        """`service_url` is where phones ask for newer editions; Apple's phones want https there."""
        self.certificate = certificate
        self.type_id = certificate.type_id
        self._service_url = service_url

    def build(self, card: Card) -> bytes:
        """A `.pkpass` file. Apple, Pass Bundle."""
        files = {"pass.json": msgspec.json.encode(self._described(card)), **_pictures(card.colour or COLOUR)}
        for language, known in words.LANGUAGES.items():
            files[f"{language}.lproj/pass.strings"] = words.strings(known)
        hashes = {name: hashlib.sha1(data, usedforsecurity=False).hexdigest() for name, data in files.items()}
        files["manifest.json"] = msgspec.json.encode(hashes)
        files["signature"] = self.certificate.sign(files["manifest.json"])
        return _zipped(files)

    def _described(self, card: Card) -> dict[str, Any]:
        is_test = self.certificate.is_test
        described: dict[str, Any] = {
            "formatVersion": 1,
            "passTypeIdentifier": self.type_id,
            "teamIdentifier": self.certificate.team_id,
            "serialNumber": card.serial,
            "webServiceURL": self._service_url,
            "authenticationToken": card.token,
            "organizationName": card.organization,
            "description": f"{'TEST, not signed by Apple: ' if is_test else ''}{card.organization}, {card.portal}",
            "logoText": card.organization,
            "sharingProhibited": True,
            **_colours(card.colour or COLOUR),
        }
        if card.facts is None:
            return described | {"voided": True, "storeCard": _void()}
        shown = _store_card(card.facts)
        if is_test:
            shown["backFields"].insert(0, _field("test", words.TEST_TITLE, words.TEST_TEXT))
        return described | {"storeCard": shown, "barcodes": [_barcode(card.message)], **_relevance(card.facts)}


def _store_card(facts: PassFacts) -> dict[str, list[Field]]:
    points = _field("points", words.POINTS, facts.points, changeMessage=words.NOW_POINTS)
    front = [_field("name", words.GUEST, facts.name)] if facts.name else []
    if facts.next_tier and facts.points_to_next is not None:
        front.append(_field("missing", words.MISSING, facts.points_to_next, numberStyle="PKNumberStyleDecimal"))
    return {
        "headerFields": [_field("tier", words.TIER, facts.tier, changeMessage=words.NOW_TIER)] if facts.tier else [],
        "primaryFields": [points | {"numberStyle": "PKNumberStyleDecimal"}],
        "secondaryFields": front,
        "backFields": [*_offers(facts), *_about(facts)],
    }


def _offers(facts: PassFacts) -> list[Field]:
    fields = []
    for number, offer in enumerate(facts.offers[:_MOST_OFFERS]):
        fields.append(_field(f"offer{number}", words.OFFER, offer.title, dataDetectorTypes=[]))
        if offer.ends_at:
            style = {"dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleNone"}
            fields.append(_field(f"offer{number}_ends", words.OFFER_ENDS, _date(offer.ends_at), **style))
    return fields


def _about(facts: PassFacts) -> list[Field]:
    fields = [_field("next_tier", words.NEXT_TIER, facts.next_tier)] if facts.next_tier else []
    if facts.places:
        fields.append(_field("places", words.PLACES, "\n".join(place.name for place in facts.places)))
    return fields


def _void() -> dict[str, list[Field]]:
    return {
        "primaryFields": [_field("void", words.VOID_TITLE, words.VOID)],
        "backFields": [_field("void_text", words.VOID_TITLE, words.VOID_TEXT)],
    }


def _relevance(facts: PassFacts) -> dict[str, Any]:
    """When the pass ends, and near which places a phone shows it by itself."""
    found: dict[str, Any] = {"expirationDate": _date(facts.expires_at)} if facts.expires_at else {}
    near = [
        {"latitude": place.latitude, "longitude": place.longitude, "relevantText": place.name}
        for place in facts.places
        if place.latitude is not None and place.longitude is not None
    ]
    return found | ({"locations": near[:MOST_LOCATIONS]} if near else {})


def _field(key: str, label: str, value: Any, **more: Any) -> Field:
    return {"key": key, "label": label, "value": value, **more}


def _barcode(message: str) -> dict[str, str]:
    encoding = "iso-8859-1" if message.isascii() else "utf-8"
    return {"format": "PKBarcodeFormatQR", "message": message, "messageEncoding": encoding}


def _date(at: datetime) -> str:
    """W3C date and time, to the second."""
    return at.replace(microsecond=0).isoformat()


def _colours(colour: str) -> dict[str, str]:
    red, green, blue = icons.rgb(colour)
    # Text in the one of two colours that stands out more (luma of ITU-R BT.601).
    ink = "rgb(0, 0, 0)" if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "rgb(255, 255, 255)"
    return {"backgroundColor": f"rgb({red}, {green}, {blue})", "foregroundColor": ink, "labelColor": ink}


def _pictures(colour: str) -> dict[str, bytes]:
    pictures = {f"icon{name}.png": icons.icon(29 * times, colour) for name, times in _SIZES}
    return pictures | {f"logo{name}.png": icons.logo(50 * times) for name, times in _SIZES}


def _zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return held.getvalue()
