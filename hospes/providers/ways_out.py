"""Which carrier serves which channel, and which locks can be reached, as the settings say."""

from pathlib import Path

from hospes.base.clock import Clock
from hospes.base.errors import Misconfigured
from hospes.base.settings import Settings
from hospes.capabilities.automations import Lock
from hospes.capabilities.messaging import Carrier
from hospes.capabilities.webhooks import Sender
from hospes.providers import lock_simulator, nuki
from hospes.providers.mail import Dkim, MailWriter
from hospes.providers.message_folder import MailFolder, SmsFolder
from hospes.providers.outbound import Outbound
from hospes.providers.sms_http import SmsHttp
from hospes.providers.smtp import Smtp

# What `locks` can reach once it is set up.
BRANDS = (nuki.BRAND, lock_simulator.BRAND)


def folder(settings: Settings) -> Path:
    """Where messages are kept when nothing else is set up."""
    return settings.data_dir / "outbox"


def carriers(settings: Settings, sender: Sender, clock: Clock) -> dict[str, Carrier]:
    """A carrier for every channel. Raises Misconfigured."""
    return {"email": _email(settings, clock), "sms": _sms(settings, sender)}


def locks(settings: Settings, outbound: Outbound) -> dict[str, Lock]:
    """The locks that can be reached, by brand."""
    found: dict[str, Lock] = {lock_simulator.BRAND: lock_simulator.LockSimulator()}
    if settings.nuki_token is not None:
        token = settings.nuki_token.get_secret_value()
        found[nuki.BRAND] = nuki.Nuki(outbound, url=settings.nuki_url, token=token)
    return found


def _email(settings: Settings, clock: Clock) -> Carrier:
    writer = MailWriter(settings.mail_from, bounces=settings.bounce_address, dkim_key=_dkim(settings))
    if settings.smtp_url is None:
        return MailFolder(folder(settings), writer)
    return Smtp(settings.smtp_url.get_secret_value(), writer, clock)


def _sms(settings: Settings, sender: Sender) -> Carrier:
    if settings.sms_url is None:
        return SmsFolder(folder(settings))
    token = settings.sms_token.get_secret_value() if settings.sms_token else None
    return SmsHttp(settings.sms_url, sender, token=token, sender_name=settings.sms_sender)


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
