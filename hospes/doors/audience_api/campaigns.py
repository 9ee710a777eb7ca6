"""Sending to one, to a segment and to everybody: by push, email and SMS. Contract 5, 9."""

from collections.abc import Awaitable, Callable
from typing import Any

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities import campaigns, guests, messaging, tracking
from hospes.capabilities.access.brand_keys import Brand
from hospes.capabilities.campaigns import Audience
from hospes.doors.audience_api import shapes
from hospes.doors.audience_api.shapes import Envelope, PlannedOut, PushedOut, SentOut

Handler = Callable[..., Awaitable[Any]]


async def send_email(tx: Tx, body: shapes.EmailToOne) -> Envelope[SentOut]:
    """Send an email to one user

    Who has not subscribed is skipped.
    """
    guest_id = await _addressed(tx, body.user_id, email=body.email)
    return await _sent(tx, guest_id, "email", body)


async def send_sms(tx: Tx, body: shapes.SmsToOne) -> Envelope[SentOut]:
    """Send a text message to one user

    Who has not subscribed is skipped.
    """
    guest_id = await _addressed(tx, body.user_id, phone=body.mobile)
    return await _sent(tx, guest_id, "sms", body)


async def broadcast_email(tx: Tx, body: shapes.EmailToAll, caller: Brand) -> Envelope[PlannedOut]:
    """Send an email to everybody"""
    return await _planned(tx, "email", body, campaigns.EVERYONE, caller)


async def broadcast_email_to_segment(tx: Tx, body: shapes.EmailToSegment, caller: Brand) -> Envelope[PlannedOut]:
    """Send an email to a segment

    Who is in it is looked up when the campaign starts.
    """
    return await _planned(tx, "email", body, _segment(body.segment_id), caller)


async def broadcast_sms(tx: Tx, body: shapes.SmsToAll, caller: Brand) -> Envelope[PlannedOut]:
    """Send a text message to everybody"""
    return await _planned(tx, "sms", body, campaigns.EVERYONE, caller)


async def broadcast_sms_to_segment(tx: Tx, body: shapes.SmsToSegment, caller: Brand) -> Envelope[PlannedOut]:
    """Send a text message to a segment

    Who is in it is looked up when the campaign starts.
    """
    return await _planned(tx, "sms", body, _segment(body.segment_id), caller)


def pushes(platform: str) -> tuple[Handler, Handler, Handler]:
    """The three ways of pushing to a platform: to one, to everybody, to a segment."""

    async def send(tx: Tx, body: shapes.PushToOne) -> Envelope[PushedOut]:
        guest_id, registration_id = await _subscriber(tx, body, platform)
        sending = await campaigns.send_one(
            tx,
            guest_id,
            "push",
            body.content(),
            platform=platform,
            registration_id=registration_id,
            name=body.campaign_name,
        )
        return shapes.told(PushedOut(str(sending.campaign_id), "queued", sending.recipients))

    async def broadcast(tx: Tx, body: shapes.PushToAll, caller: Brand) -> Envelope[PushedOut]:
        return await _pushed(tx, body, campaigns.EVERYONE, platform, caller)

    async def broadcast_to_segment(tx: Tx, body: shapes.PushToSegment, caller: Brand) -> Envelope[PushedOut]:
        return await _pushed(tx, body, _segment(body.segment_id), platform, caller)

    name = {"web": "web", "android": "Android", "ios": "iOS"}[platform]
    send.__name__, send.__doc__ = f"send_{platform}_push", f"Push to one user ({name})"
    broadcast.__name__, broadcast.__doc__ = f"broadcast_{platform}_push", f"Push to every subscriber ({name})"
    broadcast_to_segment.__name__ = f"broadcast_{platform}_push_to_segment"
    broadcast_to_segment.__doc__ = f"Push to a segment ({name})"
    return send, broadcast, broadcast_to_segment


async def _subscriber(reader: Reader, body: shapes.PushToOne, platform: str) -> tuple[int, int | None]:
    """The guest, and the one registration that is meant."""
    if (body.user_id is None) == (body.subscriber_id is None):
        raise Invalid("one of userID and subscriber_id is required", field="userID")
    if body.user_id is not None:
        return (await tracking.users.find(reader, body.user_id)).id, None
    registration = await messaging.registrations.find(reader, int(body.subscriber_id or 0))
    if registration is None or registration.platform != platform:
        raise NotFound("subscriber not found")
    return registration.guest_id, registration.id


async def _addressed(reader: Reader, user_id: str | None, *, email: str | None = None, phone: str | None = None) -> int:
    """The guest who is meant, by id or by the address. Raises Invalid, NotFound."""
    address = email or phone
    if (user_id is None) == (address is None):
        raise Invalid(f"one of userID and {'email' if phone is None else 'mobile'} is required", field="userID")
    if user_id is not None:
        return (await tracking.users.find(reader, user_id)).id
    guest_id = await guests.known_by(reader, email=email, phone=phone)
    if guest_id is None:
        raise NotFound("user not found")
    return guest_id


async def _sent(tx: Tx, guest_id: int, channel: str, body: shapes.EmailIn | shapes.SmsIn) -> Envelope[SentOut]:
    sending = await campaigns.send_one(tx, guest_id, channel, body.content(), name=body.campaign_name)
    return shapes.told(SentOut(name_of(sending.campaign_id), "queued", sending.recipients, sending.skipped))


async def _planned(
    tx: Tx, channel: str, body: shapes.EmailToAll | shapes.SmsToAll, audience: Audience, caller: Brand
) -> Envelope[PlannedOut]:
    plan = _plan(channel, body, audience, caller)
    recipients = await campaigns.count(tx, plan)
    campaign = await campaigns.get(tx, await campaigns.broadcast(tx, plan))
    at = tracking.times.show(campaign.starts_at)
    return shapes.told(PlannedOut(name_of(campaign.id), campaign.state, at, recipients))


async def _pushed(
    tx: Tx, body: shapes.PushToAll, audience: Audience, platform: str, caller: Brand
) -> Envelope[PushedOut]:
    plan = _plan("push", body, audience, caller, platform=platform)
    recipients = await campaigns.count(tx, plan)
    campaign = await campaigns.get(tx, await campaigns.broadcast(tx, plan))
    at = tracking.times.show(campaign.starts_at)
    return shapes.told(PushedOut(str(campaign.id), campaign.state, recipients, at))


def _plan(
    channel: str,
    body: shapes.EmailToAll | shapes.SmsToAll | shapes.PushToAll,
    audience: Audience,
    caller: Brand,
    *,
    platform: str | None = None,
) -> campaigns.Plan:
    at = body.scheduled_at
    return campaigns.Plan(
        channel=channel,
        platform=platform,
        content=body.content(),
        audience=audience,
        name=body.campaign_name or None,
        at=None if at is None else tracking.times.read(at, zone=caller.settings.time_zone, field="scheduled_at"),
    )


def _segment(segment_id: int | str) -> Audience:
    return campaigns.audiences.segment(int(segment_id))


def name_of(campaign_id: int) -> str:
    return f"c-{campaign_id}"
