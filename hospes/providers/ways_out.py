"""Which carrier serves which channel, and which locks can be reached, as the settings say."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from hospes.base.clock import Clock
from hospes.base.errors import Invalid, Misconfigured
from hospes.base.settings import Settings
from hospes.capabilities.automations import Lock
from hospes.capabilities.messaging import Carrier, SmsDesk, senders
from hospes.capabilities.messaging.pushes import PushService
from hospes.capabilities.webhooks import Sender
from hospes.providers import apns, apns_push, fcm, lock_simulator, nuki, smpp
from hospes.providers.arrangements import NUKI, SIMULATOR, folder
from hospes.providers.mail import Dkim, MailWriter
from hospes.providers.message_folder import MailFolder, PushFolder, SmsFolder
from hospes.providers.outbound import Outbound
from hospes.providers.sms_http import SmsHttp
from hospes.providers.smtp import Smtp
from hospes.providers.web_push import VapidKey, WebPush

# Who carries pushes, once it is known how each platform is reached.
Pushing = Callable[[Mapping[str, PushService]], Carrier]


@asynccontextmanager
async def opened(
    settings: Settings, outbound: Outbound, clock: Clock, *, desk: SmsDesk, vapid: VapidKey, pushing: Pushing
) -> AsyncIterator[dict[str, Carrier]]:
    """A carrier for every channel, with its connections. Raises Misconfigured."""
    async with AsyncExitStack() as stack:
        services = await _push_services(settings, outbound, clock, vapid, stack)
        sms = await _sms(settings, outbound, clock, desk, stack)
        yield {"email": _email(settings, clock), "sms": sms, "push": pushing(services)}


async def _push_services(
    settings: Settings, outbound: Outbound, clock: Clock, vapid: VapidKey, stack: AsyncExitStack
) -> dict[str, PushService]:
    kept = PushFolder(folder(settings))
    found: dict[str, PushService] = {"web": kept, "android": kept, "ios": kept}
    if settings.vapid_subject is not None:
        found["web"] = WebPush(outbound, vapid, clock)
    if settings.fcm_key_file is not None:
        found["android"] = fcm.Fcm(fcm.account_of(settings.fcm_key_file), outbound, clock)
    if settings.apns_key_file is not None:
        key = apns_push.key_of(
            settings.apns_key_file,
            key_id=settings.apns_key_id,
            team_id=settings.apple_team_id,
            topic=settings.apns_topic,
        )
        url = apns_push.SANDBOX_URL if settings.apns_sandbox else apns.URL
        found["ios"] = await stack.enter_async_context(apns_push.ApnsPush(key, clock, url=url))
    return found


def locks(settings: Settings, outbound: Outbound) -> dict[str, Lock]:
    """The locks that can be reached, by brand."""
    found: dict[str, Lock] = {SIMULATOR: lock_simulator.LockSimulator()}
    if settings.nuki_token is not None:
        token = settings.nuki_token.get_secret_value()
        found[NUKI] = nuki.Nuki(outbound, url=settings.nuki_url, token=token)
    return found


def _email(settings: Settings, clock: Clock) -> Carrier:
    writer = MailWriter(settings.mail_from, bounces=settings.bounce_address, dkim_key=_dkim(settings))
    if settings.smtp_url is None:
        return MailFolder(folder(settings), writer)
    return Smtp(settings.smtp_url.get_secret_value(), writer, clock)


async def _sms(settings: Settings, sender: Sender, clock: Clock, desk: SmsDesk, stack: AsyncExitStack) -> Carrier:
    try:
        sender_name = senders.checked_sms(settings.sms_sender)
    except Invalid as error:
        raise Misconfigured(f"HOSPES_SMS_SENDER: {error.message}") from None
    if settings.smpp_url is not None:
        url = settings.smpp_url.get_secret_value()
        return await stack.enter_async_context(smpp.Smpp(url, desk, clock, sender_name=sender_name))
    if settings.sms_url is None:
        return SmsFolder(folder(settings))
    token = settings.sms_token.get_secret_value() if settings.sms_token else None
    return SmsHttp(settings.sms_url, sender, desk, token=token, sender_name=sender_name)


def _dkim(settings: Settings) -> Dkim | None:
    if settings.dkim_key_file is None:
        return None
    if settings.dkim_selector is None:
        raise Misconfigured("HOSPES_DKIM_KEY_FILE needs HOSPES_DKIM_SELECTOR beside it.")
    try:
        key = settings.dkim_key_file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"HOSPES_DKIM_KEY_FILE cannot be read: {error.strerror}.") from None
    return Dkim(settings.dkim_selector, settings.mail_from.rpartition("@")[2], key)
