"""The wallet: everything a guest holds, links to it, codes for the till, passes for phones."""

from hospes.capabilities.wallet import codes, links, pass_devices, passes, personal
from hospes.capabilities.wallet.contents import Contents, contents
from hospes.capabilities.wallet.links import Link, LinkEnded
from hospes.capabilities.wallet.pass_cards import card
from hospes.capabilities.wallet.pass_devices import JOB as PASS_JOB
from hospes.capabilities.wallet.pass_pushes import PassPushes, Pusher
from hospes.capabilities.wallet.pass_updates import refresh
from hospes.capabilities.wallet.tills import redeem

__all__ = [
    "PASS_JOB",
    "Contents",
    "Link",
    "LinkEnded",
    "PassPushes",
    "Pusher",
    "card",
    "codes",
    "contents",
    "links",
    "pass_devices",
    "passes",
    "personal",
    "redeem",
    "refresh",
]
