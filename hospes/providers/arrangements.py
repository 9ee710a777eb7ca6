"""What the settings arrange between us and the world, told without reaching it."""

from pathlib import Path

from hospes.base.errors import Misconfigured
from hospes.base.settings import Settings
from hospes.providers import web_push
from hospes.providers.web_push import VapidKey

NUKI = "nuki"
SIMULATOR = "simulator"
# The locks that can be reached, once they are set up.
BRANDS = (NUKI, SIMULATOR)


def folder(settings: Settings) -> Path:
    """Where messages are kept when nothing else is set up."""
    return settings.data_dir / "outbox"


def vapid_key(settings: Settings, made: bytes) -> VapidKey:
    """The key that web pushes are signed with: the operator's, or the one that was `made`. Raises Misconfigured."""
    subject = settings.vapid_subject or f"mailto:{settings.mail_from}"
    if not subject.startswith(("mailto:", "https://")):
        raise Misconfigured("HOSPES_VAPID_SUBJECT begins with mailto: or https://.")
    if settings.vapid_key_file is not None:
        return web_push.key_of(settings.vapid_key_file, subject=subject)
    return web_push.key_from(made, subject=subject)


def said(settings: Settings) -> dict[str, str]:
    """What each channel does with a message, in words."""
    kept = "kept in the folder outbox"
    return {
        "mail": "sent over SMTP" if settings.smtp_url else kept,
        "text messages": "sent over SMPP" if settings.smpp_url else "sent over HTTP" if settings.sms_url else kept,
        "pushes to browsers": "sent" if settings.vapid_subject else kept,
        "pushes to Android": "sent by FCM" if settings.fcm_key_file else kept,
        "pushes to iOS": "sent by APNs" if settings.apns_key_file else kept,
    }
