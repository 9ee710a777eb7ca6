"""Redeeming a reward at the till, by hand or with the code on the guest's phone. Contract 11.3."""

from hospes.base.db import Tx
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import loyalty
from hospes.capabilities.wallet import codes


async def redeem(
    tx: Tx,
    vault: Vault,
    *,
    guest_id: int | None,
    reward_id: int | None,
    location_id: int,
    qr_payload: str | None = None,
) -> loyalty.rewards.Redemption:
    """Hand out a reward. What the code says need not be said again.

    Raises Invalid for what is missing or contradicts the code, Conflict for a code that is too old or
    was used, and what `loyalty.rewards.redeem` raises; the code stays good then.
    """
    if qr_payload is not None:
        code = codes.read(tx, vault, qr_payload)
        guest_id = _agreed("guest_id", guest_id, code.guest_id)
        reward_id = _agreed("reward_id", reward_id, code.reward_id)
        await codes.use(tx, code)
    if guest_id is None or reward_id is None:
        raise Invalid("Field required", field="guest_id" if guest_id is None else "reward_id")
    return await loyalty.rewards.redeem(tx, guest_id, reward_id, location_id=location_id)


def _agreed(field: str, given: int | None, said: int | None) -> int | None:
    if given is not None and said is not None and given != said:
        raise Invalid("The code is for another one.", field=field, value=given)
    return said if said is not None else given
