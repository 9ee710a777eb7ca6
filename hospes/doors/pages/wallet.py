"""`/w/{token}`: the guest's wallet, and the code that the till scans."""

import io

import msgspec
import segno
from babel.numbers import format_decimal
from markupsafe import Markup

from hospes.base.db import Reader
from hospes.base.errors import NotFound
from hospes.capabilities import guests, wallet, wifi
from hospes.doors.pages.languages import LANGUAGES
from hospes.doors.pages.portal import brand_of
from hospes.doors.pages.visits import Brand, Document, Page, Redirect, Visit
from hospes.web.values import identifier

# Before the code's minute is over, the page shows the next one by itself.
_AGAIN_SECONDS = 50


class _Here(msgspec.Struct, frozen=True):
    """A visit at one guest's wallet."""

    visit: Visit
    reader: Reader
    guest: guests.Guest
    brand: Brand

    @property
    def token(self) -> str:
        return self.visit.path["token"]


async def show(visit: Visit) -> Page:
    """Points, tier, rewards and offers."""
    here = await _arrive(visit)
    held = await wallet.contents(here.reader, here.guest.id)
    ahead = held.rank.next_tier
    text = visit.language.text
    reasons = {"not_yet": text("reward_not_yet"), "over": text("reward_over"), "used_up": text("reward_used_up")}
    rewards = [
        {
            "id": one.reward.id,
            "name": one.reward.name,
            "points_cost": one.reward.points_cost,
            "available": one.is_available,
            "why": text("missing_points", points=format_decimal(one.missing, locale=visit.language.code))
            if one.missing
            else reasons.get(one.why_not or ""),
        }
        for one in held.rewards
    ]
    facts = {
        "token": here.token,
        "name": (here.guest.name or "").partition(" ")[0],
        "points": held.balance.points,
        "tier": held.rank.tier.name if held.rank.tier else None,
        "next_tier": ahead
        and {"name": ahead.name, "min_points": ahead.min_points, "points_to_next": held.rank.points_to_next},
        "qualifying": held.rank.qualifying_points,
        "rewards": rewards,
        "offers": [{"name": one.name, "code": one.code, "expires_at": one.expires_at} for one in held.grants],
        "apple": f"/w/{here.token}/pass.pkpass",
        "google": f"/w/{here.token}/google" if visit.services.facts["google"] else None,
        "push_key": visit.services.facts["push_key"],
        "all_languages": LANGUAGES,
    }
    return Page("wallet.html", facts, here.brand, is_scripted=True)


async def show_code(visit: Visit) -> Page:
    """The guest's own code: it tells the till who they are."""
    return _code(await _arrive(visit), reward_id=None, what=None)


async def show_reward(visit: Visit) -> Page:
    """The code for one reward. A reward that cannot be had now has none."""
    here = await _arrive(visit)
    reward_id = identifier(visit.path["reward_id"], "reward_id")
    held = await wallet.contents(here.reader, here.guest.id)
    found = next((one for one in held.rewards if one.reward.id == reward_id and one.is_available), None)
    if found is None:
        raise NotFound
    return _code(here, reward_id=reward_id, what=found.reward.name)


async def make_pass(visit: Visit) -> Document:
    """The card for Apple Wallet, made anew."""
    here = await _arrive(visit)
    made = visit.services.facts["apple"].build(await _card(here))
    return Document(
        made,
        "application/vnd.apple.pkpass",
        headers={"content-disposition": 'attachment; filename="card.pkpass"'},
    )


async def save_to_google(visit: Visit) -> Redirect:
    """On to Google, with the card in a signed link."""
    here = await _arrive(visit)
    saver = visit.services.facts["google"]
    if saver is None:
        raise NotFound
    return Redirect(saver.save_link(await _card(here), now=here.reader.now))


async def _card(here: _Here) -> wallet.passes.Card:
    vault, link = here.visit.services.vault, wallet.links.read(here.visit.services.vault, here.token)
    async with here.visit.begin(link.workspace_id) as tx:
        issued = await wallet.passes.issue(tx, vault, guest_id=here.guest.id, portal_id=link.portal_id)
        return await wallet.card(tx, vault, issued)


def _code(here: _Here, *, reward_id: int | None, what: str | None) -> Page:
    vault = here.visit.services.vault
    text = wallet.codes.make(here.reader, vault, guest_id=here.guest.id, reward_id=reward_id)
    facts = {
        "token": here.token,
        "what": what,
        "here": f"/w/{here.token}/" + (f"rewards/{reward_id}" if reward_id else "code"),
        "qr": _drawn(text),
    }
    return Page("code.html", facts, here.brand, again_seconds=_AGAIN_SECONDS)


def _drawn(text: str) -> Markup:
    """The QR code as SVG; it holds no text of anybody's."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", border=4, xmldecl=False, svgns=True, omitsize=True, dark="#000", light="#fff"
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 (made by us, of squares)


async def _arrive(visit: Visit) -> _Here:
    """Raises LinkEnded."""
    link = wallet.links.read(visit.services.vault, visit.path["token"])
    reader = await visit.reader(link.workspace_id)
    guest = await wallet.links.follow(reader, link)
    try:
        brand = await brand_of(reader, await wifi.portals.get(reader, link.portal_id))
    except NotFound:
        raise wallet.LinkEnded from None
    return _Here(visit, reader, guest, brand)
