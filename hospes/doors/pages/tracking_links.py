"""`/u/o/…` and `/u/c/…`: the pixel of a campaign's mail, and its links.

Where a link leads stands inside what we signed, so nobody can make it lead elsewhere: an address
with one character changed is not here.
"""

from base64 import b64decode

from hospes.base.errors import Busy, NotFound
from hospes.base.secrets import Unreadable
from hospes.capabilities import campaigns
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
    if visit.method == "GET":
        try:
            async with visit.begin(workspace_id) as tx:
                await campaigns.touches.clicked(tx, message_id, url, agent=_agent(visit))
        except Busy:
            pass  # the guest goes on
    return Redirect(url)


def _agent(visit: Visit) -> str | None:
    return visit.request.header(b"user-agent")
