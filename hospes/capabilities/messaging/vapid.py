"""The key that this installation signs web pushes with (RFC 8292): made once, kept sealed.

Browsers bind their subscriptions to it, so another key ends them all.
"""

from hospes.base import ids
from hospes.base.db import Database, sql
from hospes.base.resealing import sealed
from hospes.base.secrets import Vault

_PLACE = "installation/vapid_key"
# Of P-256 (FIPS 186-4, D.1.2.3): a private key is a number below it.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

SEALED = (sealed("installation", "vapid_key", {"singleton": "boolean"}, lambda _: _PLACE),)
FIND = sql("SELECT vapid_key FROM installation", across="belongs to the installation")
KEEP = sql("UPDATE installation SET vapid_key = $1 WHERE vapid_key IS NULL", across="belongs to the installation")


async def private_key(database: Database, vault: Vault) -> bytes:
    """The 32 bytes of the private key."""
    if (row := await database.fetchrow(FIND)) is None or row[0] is None:
        number = 1 + int.from_bytes(ids.random_bytes(48), "big") % (_ORDER - 1)
        await database.execute(KEEP, vault.seal(number.to_bytes(32, "big"), _PLACE))
        # Two processes may begin at once: whoever was first has made it.
        row = await database.fetchrow(FIND)
    assert row is not None
    return vault.open(row[0], _PLACE)
