"""`/u/{token}/preferences`: on which ways a guest wants to hear of offers."""

from hospes.base.db import Tx
from hospes.base.errors import NotFound
from hospes.base.secrets import Unreadable
from hospes.capabilities import campaigns, guests, messaging, workspaces
from hospes.capabilities.guests.channels import CHANNELS
from hospes.capabilities.messaging.sending import Unsubscribing
from hospes.doors.pages.languages import LANGUAGES
from hospes.doors.pages.visits import Brand, Page, Visit

_EVIDENCE = "preference page"


async def show(visit: Visit) -> Page:
    """A tick for every way; what is saved is what the ticks say."""
    link = read(visit)
    is_saved = visit.method == "POST"
    if is_saved:
        async with visit.begin(link.workspace_id) as tx:
            wanted = {channel: visit.form.get(channel) == "yes" for channel in CHANNELS}
            await answer(tx, link, wanted, evidence=_EVIDENCE)
    guest = await guests.get(await visit.reader(link.workspace_id), link.guest_id)
    facts = {
        "is_saved": is_saved,
        "channels": {channel: getattr(guest.answers, channel) is True for channel in CHANNELS},
        "address": f"/u/{visit.path['token']}/preferences",
        "all_languages": LANGUAGES,
    }
    brand = Brand((await workspaces.get(visit.services.database, link.workspace_id)).name)
    return Page("preferences.html", facts, brand)


def read(visit: Visit) -> Unsubscribing:
    """What the link in the address says. Raises NotFound."""
    try:
        return messaging.unsubscribed(visit.services.vault, visit.path["token"])
    except Unreadable:
        raise NotFound from None


async def answer(tx: Tx, link: Unsubscribing, wanted: dict[str, bool], *, evidence: str) -> None:
    """Write the guest's answers down. The message whose way is given up with it is told so."""
    before = (await guests.get(tx, link.guest_id)).answers
    changed = {channel: is_wanted for channel, is_wanted in wanted.items() if getattr(before, channel) is not is_wanted}
    # Who never answered and still does not want it has said nothing new.
    changed = {channel: is_wanted for channel, is_wanted in changed.items() if is_wanted or getattr(before, channel)}
    if not changed:
        return
    await guests.update(tx, link.guest_id, guests.Changes(consents=changed), evidence=evidence)
    if link.message_id is not None and not all(changed.values()):
        await campaigns.touches.unsubscribed(tx, link.message_id)
