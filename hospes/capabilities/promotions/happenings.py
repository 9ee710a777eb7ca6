"""What happens to promotions and their grants."""

from typing import ClassVar

from hospes.capabilities.events import Event


class PromotionGranted(Event, frozen=True):
    """A guest was given an offer; `location_id` is where, when that is known."""

    TYPE: ClassVar[str] = "promotion.granted"
    TITLE: ClassVar[str] = "Offer granted"

    promotion_id: int
    grant_id: int
    location_id: int | None


class PromotionRedeemed(Event, frozen=True):
    """A guest used an offer at a till."""

    TYPE: ClassVar[str] = "promotion.redeemed"
    TITLE: ClassVar[str] = "Offer redeemed"

    promotion_id: int
    grant_id: int
    location_id: int


class GrantRevoked(Event, frozen=True):
    """An offer was taken back before it was used."""

    TYPE: ClassVar[str] = "promotion.revoked"
    TITLE: ClassVar[str] = "Offer taken back"

    promotion_id: int
    grant_id: int
