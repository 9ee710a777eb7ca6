"""Everything that a guest's wallet shows. Contract 11.1."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader
from hospes.capabilities import guests, loyalty, promotions


class Contents(msgspec.Struct, frozen=True):
    """`grants` are the offers that are still good."""

    guest: guests.Guest
    balance: loyalty.Balance
    rank: loyalty.Rank
    rewards: list[loyalty.rewards.Offered]
    grants: list[promotions.Grant]

    @property
    def updated_at(self) -> datetime:
        """When guest, points or offers last changed."""
        granted = [grant.granted_at for grant in self.grants]
        return max([self.guest.updated_at, *granted, *filter(None, [self.balance.updated_at])])


async def contents(reader: Reader, guest_id: int) -> Contents:
    """What a guest holds at this instant. Raises NotFound."""
    guest = await guests.get(reader, guest_id)
    held = await promotions.grants.of_guest(reader, guest.id)
    return Contents(
        guest,
        await loyalty.balance(reader, guest.id),
        await loyalty.rank(reader, guest.id),
        await loyalty.rewards.list_for(reader, guest.id),
        [grant for grant in held if grant.standing(reader.now) == "granted"],
    )
