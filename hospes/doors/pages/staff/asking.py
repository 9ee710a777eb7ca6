"""The app that asks, as its request to authorize names it."""

import msgspec

from hospes.capabilities import oauth
from hospes.capabilities.oauth.clients import Client
from hospes.doors.pages.visits import Visit

_PLACE = "/public/oauth/authorize?"


class Asking(msgspec.Struct, frozen=True):
    """A request to authorize that names a client and one of its redirect URIs."""

    client: Client
    parameters: oauth.Parameters
    redirect_uri: str

    @property
    def name(self) -> str:
        return self.client.name

    @property
    def leads_to(self) -> str:
        return oauth.redirects.origin(self.redirect_uri)


async def read_asking(visit: Visit, query: bytes) -> Asking:
    """Raises oauth.PageFault: there is nobody to whom an answer could be sent."""
    try:
        parameters = oauth.Parameters.read(query)
    except oauth.Refused:
        raise oauth.PageFault from None
    client_id = parameters.get("client_id") or ""
    # What has no form of an id is not looked for: NUL, for one, would be an error of the database.
    is_id = client_id.isascii() and client_id.isprintable()
    client = await oauth.clients.find(visit.services.database, client_id) if is_id else None
    redirect_uri = oauth.core.check_place(client, parameters)
    assert client is not None
    return Asking(client, parameters, redirect_uri)


async def find_asking(visit: Visit, address: str) -> Asking | None:
    """The app, when this address of ours is a request to authorize."""
    if not address.startswith(_PLACE):
        return None
    try:
        return await read_asking(visit, address.removeprefix(_PLACE).encode("ascii"))
    except oauth.PageFault:
        return None
