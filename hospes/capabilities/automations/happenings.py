"""What the house does by itself at a property, as the log tells it. Never a code, never an address."""

from hospes.capabilities.events import PropertyEvent


class GuestMessageSent(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "guest_message.sent"
    TITLE = "Guest message sent"

    message: str


class GuestMessageFailed(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "guest_message.failed"
    TITLE = "Guest message not sent"

    message: str
    reason: str


class CodeGenerated(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "smart_lock.code_generated"
    TITLE = "Smart-lock code generated"

    lock_brand: str


class CodeFailed(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "smart_lock.code_failed"
    TITLE = "Smart-lock code not generated"

    lock_brand: str
    reason: str


class CodeRevoked(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "smart_lock.code_revoked"
    TITLE = "Smart-lock code revoked"

    lock_brand: str


class Unlocked(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "smart_lock.unlocked"
    TITLE = "Door unlocked with the guest's code"

    lock_brand: str


TYPES = tuple(
    kind.TYPE for kind in (GuestMessageSent, GuestMessageFailed, CodeGenerated, CodeFailed, CodeRevoked, Unlocked)
)
