"""Promotions: what is offered, to whom it was granted, and where it was redeemed."""

from hospes.capabilities.promotions import definitions, grants, personal, redemptions
from hospes.capabilities.promotions.definitions import Promotion, Terms
from hospes.capabilities.promotions.grants import Grant, grant, revoke
from hospes.capabilities.promotions.redemptions import Redemption, redeem

__all__ = [
    "Grant",
    "Promotion",
    "Redemption",
    "Terms",
    "definitions",
    "grant",
    "grants",
    "personal",
    "redeem",
    "redemptions",
    "revoke",
]
