"""What happens to points."""

from typing import ClassVar

from hospes.capabilities.events import Event


class PointsAdded(Event, frozen=True):
    """Points came: earned, or added by hand; `balance` is what the guest then has."""

    TYPE: ClassVar[str] = "loyalty.points_added"
    TITLE: ClassVar[str] = "Points added"

    points: int
    balance: int
    transaction_id: int


class PointsRedeemed(Event, frozen=True):
    """Points were spent; `points` is how many, `balance` what is left."""

    TYPE: ClassVar[str] = "loyalty.points_redeemed"
    TITLE: ClassVar[str] = "Points redeemed"

    points: int
    balance: int
    transaction_id: int


class PointsExpired(Event, frozen=True):
    """Points reached their end unspent."""

    TYPE: ClassVar[str] = "loyalty.points_expired"
    TITLE: ClassVar[str] = "Points expired"

    points: int
    balance: int
    transaction_id: int


class MovementReversed(Event, frozen=True):
    """A movement was undone; `points` is what that changed, `reverses` the movement's id."""

    TYPE: ClassVar[str] = "loyalty.reversed"
    TITLE: ClassVar[str] = "Points movement reversed"

    points: int
    balance: int
    transaction_id: int
    reverses: int


class TierChanged(Event, frozen=True):
    """A guest reached or left a tier; slugs, or null below the first."""

    TYPE: ClassVar[str] = "loyalty.tier_changed"
    TITLE: ClassVar[str] = "Tier changed"

    tier: str | None
    previous: str | None


class RewardRedeemed(Event, frozen=True):
    """A reward was handed out; `points` is what it cost."""

    TYPE: ClassVar[str] = "wallet.redeemed"
    TITLE: ClassVar[str] = "Reward redeemed"

    reward_id: int
    redemption_id: int
    location_id: int
    points: int
