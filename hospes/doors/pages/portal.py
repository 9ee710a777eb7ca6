"""`/p/{slug}`: the page that a guest meets before going online, and what phones ask of it (RFC 8908)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from hospes.base.db import Reader
from hospes.base.errors import Exhausted, Invalid
from hospes.capabilities import guests, messaging, places, wallet, wifi
from hospes.capabilities.wifi.portals import Portal, Settings, said
from hospes.doors.pages.languages import LANGUAGES
from hospes.doors.pages.visits import Answer, Brand, Document, Page, Visit

# Codes sent for one client's address within a minute.
_MOST_CODES = 10
_WALLET_LIFE = timedelta(days=14)
_PURPOSE = "portal"
_LONGEST = {"name": 200, "email": 254, "phone": 32}
_KINDS = {"name": ("text", "name", None), "email": ("email", "email", "email"), "phone": ("tel", "tel", "tel")}
# How controllers name the device's address in the page's address.
_MAC_NAMES = ("mac", "client_mac", "clientmac", "client-mac", "id", "sta")


class _Here(msgspec.Struct, frozen=True):
    """A visit at one portal."""

    visit: Visit
    workspace_id: int
    portal: Portal
    settings: Settings
    brand: Brand
    mac: str | None

    @property
    def address(self) -> str:
        return f"/p/{self.portal.slug}?lang={self.visit.language.code}"


async def show(visit: Visit) -> Answer:
    """The form, the code, and being online."""
    here = await _arrive(visit)
    if not here.portal.is_active:
        return Page("message.html", {"key": "portal_closed"}, here.brand, status=403)
    if visit.method != "POST":
        if here.mac and (access := await _access(here)) is not None:
            return _online(here, int(access.total_seconds() // 60), None)
        return _form(here, {}, {})
    given = {name: visit.form.get(name, "").strip() for name in _asked(here)}
    wrong = _faults(here, given)
    if wrong:
        return _form(here, given, wrong, status=422)
    channel = {"email": "email", "sms": "phone"}.get(here.settings.verify)
    if channel is None:
        return await _enter(here, given, verified=None)
    return await _prove(here, given, channel)


async def tell(visit: Visit) -> Document:
    """The captive portal API: whether the device that asks still has to sign in (RFC 8908 section 5)."""
    here = await _arrive(visit)
    left = await _access(here)
    answer: dict[str, Any] = {
        "captive": left is None,
        "user-portal-url": f"{visit.services.public_url}/p/{here.portal.slug}",
        "can-extend-session": True,
    }
    if left is not None:
        answer["seconds-remaining"] = int(left.total_seconds())
    return Document(msgspec.json.encode(answer), "application/captive+json", headers={"cache-control": "private"})


async def _arrive(visit: Visit) -> _Here:
    """Raises NotFound for a slug that no portal has."""
    door = await wifi.portals.find(visit.services.database, visit.path["slug"])
    reader = await visit.reader(door.workspace_id)
    portal = await wifi.portals.get(reader, door.portal_id)
    given = next((value for name in _MAC_NAMES if (value := visit.form.get(name) or visit.query.get(name))), None)
    mac = wifi.access.mac_of(given)
    return _Here(visit, door.workspace_id, portal, portal.ask(), await brand_of(reader, portal), mac)


async def brand_of(reader: Reader, portal: Portal) -> Brand:
    """The name and colour of a portal's pages."""
    return Brand((await places.get(reader, portal.location_id)).name, portal.ask().colour)


async def _access(here: _Here) -> timedelta | None:
    """How long the device that asks may stay online; None when it may not."""
    reader = await here.visit.reader(here.workspace_id)
    mac = here.mac or await wifi.access.mac_at(reader, here.visit.address, location_id=here.portal.location_id)
    device = await wifi.access.find(reader, mac) if mac else None
    if device is None or device.access_until <= reader.now:
        return None
    return device.access_until - reader.now


def _asked(here: _Here) -> list[str]:
    return [field.name for field in here.settings.fields]


def _faults(here: _Here, given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each field, in the guest's language."""
    text = here.visit.language.text
    wrong: dict[str, str] = {}
    for field in here.settings.fields:
        value = given[field.name]
        if not value and field.is_required:
            wrong[field.name] = text("needed")
        elif len(value) > _LONGEST[field.name]:
            wrong[field.name] = text("too_long")
        elif value and field.name != "name" and not _is_address(field.name, value):
            wrong[field.name] = text(f"{field.name}_wrong")
    if not any(given.values()):
        wrong.setdefault(here.settings.fields[0].name, text("needed"))
    if _has_terms(here.settings) and here.visit.form.get("terms") != "yes":
        wrong["terms"] = text("terms_needed")
    return wrong


def _is_address(kind: str, value: str) -> bool:
    try:
        if kind == "email":
            guests.checked_email(value)
        else:
            guests.checked_phone(value)
    except Invalid:
        return False
    return True


def _has_terms(settings: Settings) -> bool:
    return bool(settings.terms_text or settings.terms_url)


def _form(here: _Here, given: Mapping[str, str], wrong: Mapping[str, str], status: int = 200) -> Page:
    code, form = here.visit.language.code, here.visit.form
    fields = []
    for field in here.settings.fields:
        kind, autocomplete, inputmode = _KINDS[field.name]
        fields.append(
            {
                "name": field.name,
                "value": given.get(field.name, ""),
                "kind": kind,
                "autocomplete": autocomplete,
                "inputmode": inputmode,
                "required": field.is_required,
                "wrong": wrong.get(field.name),
            }
        )
    words = said(here.settings.marketing_words, code)
    terms = {
        "checked": form.get("terms") == "yes",
        "wrong": wrong.get("terms"),
        "text": said(here.settings.terms_text, code),
        "url": here.settings.terms_url,
    }
    facts = {
        "title": said(here.settings.title, code),
        "address": here.address,
        "carried": {"mac": here.mac} if here.mac else {},
        "fields": fields,
        # Never ticked for the guest: silence is no consent.
        "consents": [{"name": "marketing", "words": words, "checked": "marketing" in form}] if words else [],
        "terms": terms if _has_terms(here.settings) else None,
        "all_languages": LANGUAGES,
    }
    return Page("portal.html", facts, here.brand, status=status)


async def _prove(here: _Here, given: Mapping[str, str], channel: str) -> Answer:
    """Send a code, or look at the one that came back."""
    visit = here.visit
    way = "email" if channel == "email" else "sms"
    checked = guests.checked_email if channel == "email" else guests.checked_phone
    address = checked(given[channel])
    if visit.form.get("step") == "check":
        async with visit.begin(here.workspace_id) as tx:
            is_right = await messaging.codes.is_right(
                tx,
                visit.services.vault,
                purpose=_PURPOSE,
                channel=way,
                address=address,
                code=visit.form.get("code", "").strip(),
            )
        if is_right:
            return await _enter(here, given, verified=channel)
        return _code_form(here, given, address, wrong=visit.language.text("code_wrong"))
    if visit.services.windows.take(("code", visit.address), _MOST_CODES):
        return Page("message.html", {"key": "too_many"}, here.brand, status=429)
    draft = messaging.outbox.Draft(
        channel=way,
        purpose="transactional",
        address=address,
        subject=visit.language.text("code_mail_subject", name=here.brand.name) if way == "email" else None,
        text=visit.language.text("code_mail", code="{code}"),
    )
    try:
        async with visit.begin(here.workspace_id) as tx:
            await messaging.codes.issue(tx, visit.services.vault, purpose=_PURPOSE, draft=draft)
    except Exhausted:
        return _code_form(here, given, address, wrong=visit.language.text("code_too_many"), status=429)
    return _code_form(here, given, address)


def _code_form(
    here: _Here, given: Mapping[str, str], address: str, *, wrong: str | None = None, status: int | None = None
) -> Page:
    carried = {**given, **{name: "yes" for name in ("terms", "marketing") if here.visit.form.get(name) == "yes"}}
    facts = {
        "address": here.address,
        "carried": carried | ({"mac": here.mac} if here.mac else {}),
        "sent_to": address,
        "wrong": wrong,
    }
    return Page("portal_code.html", facts, here.brand, status=status or (422 if wrong else 200))


async def _enter(here: _Here, given: Mapping[str, str], *, verified: str | None) -> Page:
    words = said(here.settings.marketing_words, here.visit.language.code)
    form = wifi.Form(
        name=given.get("name") or None,
        email=given.get("email") or None,
        phone=given.get("phone") or None,
        marketing_words=words if here.visit.form.get("marketing") == "yes" else None,
        mac=here.mac,
        verified=verified,
    )
    async with here.visit.begin(here.workspace_id) as tx:
        signed_in = await wifi.sign_in(tx, here.portal, form)
        link = None
        if signed_in.is_theirs:
            token, _ = await wallet.links.issue(
                tx,
                here.visit.services.vault,
                guest_id=signed_in.guest_id,
                portal_id=here.portal.id,
                ttl=_WALLET_LIFE,
            )
            link = f"/w/{token}?lang={here.visit.language.code}"
    return _online(here, here.settings.access_minutes, link)


def _online(here: _Here, minutes: int, link: str | None) -> Page:
    facts = {"minutes": minutes, "onward": here.settings.redirect_url, "wallet": link}
    return Page("online.html", facts, here.brand)
