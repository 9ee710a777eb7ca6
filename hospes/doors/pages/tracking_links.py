"""`/u/o/…` and `/u/c/…`: the pixel of a campaign's mail, and its links; `/l/…`: those of its text messages.

Where a link leads stands inside what we signed, or in a row that only our own mark leads to, so nobody
can make it lead elsewhere: an address with one character changed is not here.
"""

from base64 import b64decode

from hospes.base.errors import Busy, NotFound
from hospes.base.secrets import Unreadable
from hospes.capabilities import campaigns, messaging
from hospes.doors.pages.visits import Document, Redirect, Visit

# One transparent pixel.
_PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


async def show_pixel(visit: Visit) -> Document:
    """The pixel, whose coming says that the mail was opened."""
    try:
        workspace_id, message_id = campaigns.links.opened(visit.services.vault, visit.path["token"])
    except Unreadable:
        raise NotFound from None
    if visit.method == "GET":
        async with visit.begin(workspace_id) as tx:
            await campaigns.touches.opened(tx, message_id, agent=_agent(visit))
    return Document(_PIXEL, "image/gif")


async def follow(visit: Visit) -> Redirect:
    """On to where the link leads, whether or not it could be noted."""
    try:
        workspace_id, message_id, url = campaigns.links.clicked(visit.services.vault, visit.path["token"])
    except Unreadable:
        raise NotFound from None
    return await _led(visit, workspace_id, message_id, url)


async def follow_short(visit: Visit) -> Redirect:
    """As `follow`, for a link of a text message."""
    services = visit.services
    try:
        leading = await messaging.short_links.find(services.database, services.vault, visit.path["name"])
    except Unreadable:
        raise NotFound from None
    return await _led(visit, leading.workspace_id, leading.message_id, leading.url)


async def _led(visit: Visit, workspace_id: int, message_id: int, url: str) -> Redirect:
    if visit.method == "GET":
        try:
            async with visit.begin(workspace_id) as tx:
                await campaigns.touches.clicked(tx, message_id, url, agent=_agent(visit))
        except Busy:
            pass  # the guest goes on
    return Redirect(url)


def _agent(visit: Visit) -> str | None:
    return visit.request.header(b"user-agent")
