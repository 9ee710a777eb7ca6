"""The wallet: everything a guest holds, links to it, codes for the till, passes for phones."""

from hospes.capabilities.wallet import codes, links
from hospes.capabilities.wallet.contents import Contents, contents
from hospes.capabilities.wallet.links import Link, LinkEnded
from hospes.capabilities.wallet.tills import redeem

__all__ = ["Contents", "Link", "LinkEnded", "codes", "contents", "links", "redeem"]
