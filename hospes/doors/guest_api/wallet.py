"""Wallet: the payload, signed links, redeeming a reward. Contract 11."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.errors import NotFound
from hospes.base.secrets import Vault
from hospes.capabilities import promotions, wallet
from hospes.capabilities.loyalty.rewards import Offered
from hospes.doors.guest_api.shapes import Body, Id, Instant
from hospes.web.routes import Route


class LinkIn(Body, frozen=True, kw_only=True):
    guest_id: Id
    portal_id: Id
    ttl_days: Annotated[int, Meta(ge=1, le=365)] = 14


class RewardIn(Body, frozen=True, kw_only=True):
    location_id: Id
    guest_id: Id | None = None
    reward_id: Id | None = None
    qr_payload: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=500,
                description="What the guest's QR code says. It names guest and reward, so these may be left out.",
            ),
        ]
        | None
    ) = None


class HolderOut(msgspec.Struct, frozen=True):
    id: int
    name: str | None
    is_vip: bool


class PointsOut(msgspec.Struct, frozen=True):
    balance: int
    lifetime_earned: int


class StepOut(msgspec.Struct, frozen=True):
    slug: str
    name: str


class NextStepOut(msgspec.Struct, frozen=True):
    slug: str
    name: str
    points_to_next: int


class RewardOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    points_cost: int
    available: bool
    unavailable_reason: Literal["points", "not_yet", "over", "used_up"] | None
    points_missing: int
    qr_payload: str | None


class OfferOut(msgspec.Struct, frozen=True):
    grant_id: int
    promotion_id: int
    name: str
    status: str
    code: str
    expires_at: Instant | None

    @classmethod
    def of(cls, grant: promotions.Grant) -> "OfferOut":
        expires = grant.expires_at.isoformat() if grant.expires_at else None
        return cls(grant.id, grant.promotion_id, grant.name, "granted", grant.code, expires)


class WalletOut(msgspec.Struct, frozen=True):
    guest: HolderOut
    points: PointsOut
    tier: StepOut | None
    next_tier: NextStepOut | None
    rewards: list[RewardOut]
    grants: list[OfferOut]
    updated_at: Instant


class LinkOut(msgspec.Struct, frozen=True):
    url: str
    guest_id: int
    portal_id: int
    expires_at: Instant


class PassOut(msgspec.Struct, frozen=True):
    guest_id: int
    portal_id: int


class HandedOut(msgspec.Struct, frozen=True):
    redemption_id: int
    guest_id: int
    reward_id: int
    location_id: int
    points_spent: int
    balance: int
    redeemed_at: Instant


async def show_wallet(reader: Reader, guest_id: int, vault: Vault) -> WalletOut:
    """Full wallet payload

    `grants` are the offers that are still good. The `qr_payload` of a reward that can be had now lives
    for a minute and works once.
    """
    held = await wallet.contents(reader, guest_id)
    tier, ahead = held.rank.tier, held.rank.next_tier
    return WalletOut(
        HolderOut(held.guest.id, held.guest.name, held.guest.is_vip),
        PointsOut(held.balance.points, held.balance.earned),
        StepOut(tier.slug, tier.name) if tier else None,
        NextStepOut(ahead.slug, ahead.name, held.rank.points_to_next or 0) if ahead else None,
        [_reward(reader, vault, held.guest.id, offered) for offered in held.rewards],
        [OfferOut.of(grant) for grant in held.grants],
        held.updated_at.isoformat(),
    )


def _reward(reader: Reader, vault: Vault, guest_id: int, offered: Offered) -> RewardOut:
    reward = offered.reward
    code = wallet.codes.make(reader, vault, guest_id=guest_id, reward_id=reward.id) if offered.is_available else None
    return RewardOut(
        reward.id,
        reward.name,
        reward.points_cost,
        offered.is_available,
        offered.why_not,  # type: ignore[arg-type]
        offered.missing,
        code,
    )


async def issue_link(tx: Tx, body: LinkIn, vault: Vault, public_url: str) -> LinkOut:
    """Issue signed wallet link

    The link needs no sign-in, opens this guest's wallet alone, and ends at `expires_at`.
    """
    token, link = await wallet.links.issue(
        tx, vault, guest_id=body.guest_id, portal_id=body.portal_id, ttl=timedelta(days=body.ttl_days)
    )
    return LinkOut(f"{public_url}/w/{token}", link.guest_id, link.portal_id, link.expires_at.isoformat())


async def redeem_reward(tx: Tx, body: RewardIn, vault: Vault) -> HandedOut:
    """Redeem reward (QR)

    Spends the reward's points. Of two tills that scan one code, one succeeds.
    """
    done = await wallet.redeem(
        tx,
        vault,
        guest_id=body.guest_id,
        reward_id=body.reward_id,
        location_id=body.location_id,
        qr_payload=body.qr_payload,
    )
    return HandedOut(
        done.id,
        done.guest_id,
        done.reward_id,
        done.location_id,
        done.points_spent,
        done.balance,
        done.redeemed_at.isoformat(),
    )


async def find_pass(reader: Reader, serial_ref: str) -> PassOut:
    """Whose pass is this?

    The barcode of a pass on a phone is its serial number. It says who the guest is, and opens nothing.
    """
    found = await wallet.passes.find(reader, serial_ref)
    if found is None or found.is_voided:
        raise NotFound("Pass not found")
    return PassOut(found.guest_id, found.portal_id)


def _route(method: str, path: str, handler: Any, **more: Any) -> Route:
    scope = "wallet:read" if method == "GET" else "wallet:write"
    return Route(
        method=method,
        path="/wallet" + path,
        handler=handler,
        scope=scope,
        printed_scope=scope,
        module="wallet",
        group="Wallet",
        **more,
    )


ROUTES = [
    _route("GET", "/guests/{guest_id}", show_wallet, answer=WalletOut, errors=(404,)),
    _route(
        "POST",
        "/link",
        issue_link,
        body=LinkIn,
        answer=LinkOut,
        status=201,
        errors=(404,),
        example={"guest_id": 42, "portal_id": 1, "ttl_days": 14},
    ),
    _route(
        "POST",
        "/redeem",
        redeem_reward,
        body=RewardIn,
        answer=HandedOut,
        errors=(404,),
        example={"guest_id": 42, "reward_id": 3, "location_id": 1},
    ),
    _route("GET", "/passes/{serial_ref}", find_pass, answer=PassOut, errors=(404,), is_extension=True),
]
