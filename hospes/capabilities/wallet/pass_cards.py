"""What a pass shows of a guest: the points, the tier, the offers, and where they are of use."""

from hospes.base.db import Reader, sql
from hospes.base.secrets import Vault
from hospes.capabilities import places, wifi
from hospes.capabilities.wallet.contents import contents
from hospes.capabilities.wallet.passes import MOST_LOCATIONS, Card, Pass, PassFacts, PassOffer, PassPlace, token

ORGANIZATION = sql("SELECT name FROM workspaces WHERE id = $1", across="the key of the table")


async def card(reader: Reader, vault: Vault, pass_: Pass) -> Card:
    """The pass as it is now.

    That of a merged guest is void: whoever has it was given that guest's, not another's. Its barcode is
    the serial number, which tells a till whose it is and opens nothing: a pass can be photographed.
    """
    portal = await wifi.portals.get(reader, pass_.portal_id)
    return Card(
        serial=pass_.serial,
        token=token(vault, pass_.serial),
        organization=str(await reader.value(ORGANIZATION)),
        portal=pass_.portal,
        message=pass_.serial,
        facts=None if pass_.is_voided else await facts(reader, pass_.guest_id),
        colour=portal.ask().colour,
    )


async def facts(reader: Reader, guest_id: int) -> PassFacts:
    """Raises NotFound."""
    held = await contents(reader, guest_id)
    tier, ahead = held.rank.tier, held.rank.next_tier
    return PassFacts(
        name=held.guest.name,
        points=held.balance.points,
        tier=tier.name if tier else None,
        next_tier=ahead.name if ahead else None,
        points_to_next=held.rank.points_to_next,
        places=await _places(reader),
        offers=tuple(PassOffer(grant.name, grant.expires_at) for grant in held.grants),
    )


async def _places(reader: Reader) -> tuple[PassPlace, ...]:
    """The newest ten locations that are open."""
    newest = await places.list_after(reader, None, limit=10 * MOST_LOCATIONS)
    found = [PassPlace(one.name, one.latitude, one.longitude) for one in newest if one.is_active]
    return tuple(found[:MOST_LOCATIONS])
