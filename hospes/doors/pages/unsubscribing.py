"""`/u/{token}`: a guest takes back, or gives again, the consent to marketing. RFC 8058."""

from hospes.capabilities import campaigns, guests, workspaces
from hospes.doors.pages import preferences
from hospes.doors.pages.languages import LANGUAGES
from hospes.doors.pages.visits import Brand, Page, Visit


async def show(visit: Visit) -> Page:
    """The question, and after the answer what it led to. A mail program's one click is a POST."""
    link = preferences.read(visit)
    workspace_id, guest_id = link.workspace_id, link.guest_id
    reader = await visit.reader(workspace_id)
    guest = await guests.get(reader, guest_id)
    brand = Brand((await workspaces.get(visit.services.database, workspace_id)).name)
    key = "unsubscribe"
    if visit.method == "POST":
        is_wanted = visit.form.get("step") == "subscribe"
        async with visit.begin(workspace_id) as tx:
            changes = guests.Changes(consents=dict.fromkeys(guests.channels.CHANNELS, is_wanted))
            await guests.update(tx, guest_id, changes, evidence="unsubscribe link")
            if link.message_id is not None and not is_wanted:
                await campaigns.touches.unsubscribed(tx, link.message_id)
        key = "subscribed" if is_wanted else "unsubscribed"
    facts = {
        "key": key,
        "email": guest.email or "",
        "address": f"/u/{visit.path['token']}",
        "all_languages": LANGUAGES,
    }
    return Page("unsubscribe.html", facts, brand)
