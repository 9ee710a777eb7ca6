"""What senders write of users and events, read strictly. Audience API 2."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from hospes.base.errors import Invalid
from hospes.capabilities import guests
from hospes.capabilities.tracking import times

_LONGEST_USER_ID = 100
_LONGEST_NAME = 49
_LONGEST_TEXT = 999
_LONGEST_DEVICE = 200
_GREATEST_VALUE = 10**12
_OPT_INS: Final = {"email_opt_in": "email", "sms_opt_in": "sms", "whatsapp_opt_in": "whatsapp", "push_opt_in": "push"}
_YES, _NO = ("1", 1, True), ("0", 0, False)
_GENDERS = ("male", "female", "other")
_OURS = ("nv_uid", "first_seen", "last_seen")
# No event before this; none further ahead than clocks go wrong.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
# The service records these itself: whoever could send them could forge reports. Audience API 2.6.
SYSTEM_EVENTS = frozenset(
    name.lower()
    for name in (
        "Push Registered",
        "Push Delivered",
        "Push Clicked",
        "Push Dismissed",
        "Push Unregistered",
        "Email Sent",
        "Email Delivered",
        "Email Opened",
        "Email Clicked",
        "Email Bounced",
        "Email Rejected",
        "Email Unsubscribe",
        "Sms Sent",
        "SMS Delivered",
        "Sms Clicked",
        "Sms Rejected",
        "Whatsapp Sent",
        "Whatsapp Delivered",
        "Whatsapp Read",
    )
)

UNSET = msgspec.UNSET


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant, and what is told of them; what is UNSET stays, None clears."""

    user_id: str | None = None
    anonymous_id: str | None = None
    name: str | None | msgspec.UnsetType = UNSET
    email: str | None | msgspec.UnsetType = UNSET
    phone: str | None | msgspec.UnsetType = UNSET
    attributes: dict[str, Any] = {}
    consents: dict[str, bool] = {}

    @property
    def is_only_named(self) -> bool:
        """By a user id, with nothing else that is told or could join two."""
        return (
            self.anonymous_id is None
            and self.name is UNSET
            and self.email is UNSET
            and self.phone is UNSET
            and not self.attributes
            and not self.consents
        )


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something a user did. `at` is None for now; `id` makes two of the same one."""

    user: User
    name: str
    attributes: dict[str, Any]
    context: dict[str, Any]
    ltv: float | None
    device_id: str | None
    at: datetime | None
    id: str | None

    def payload(self, guest_id: int, attributes: dict[str, Any]) -> dict[str, Any]:
        """What is kept in the log, with those of its attributes that may be saved."""
        kept: dict[str, Any] = {"guest_id": guest_id, "name": self.name, "attributes": attributes}
        if self.ltv is not None:
            kept["ltv"] = self.ltv
        if self.context:
            kept["context"] = self.context
        if self.device_id is not None:
            kept["device_id"] = self.device_id
        return kept


def read_user(entry: object, *, block: str, is_merging: bool) -> User:
    """An entry of `user/create`, or the user of an event, with its attributes under `block`. Raises Invalid."""
    told = _object(entry, "an entry")
    user_id = _text(told, "userID", _LONGEST_USER_ID)
    anonymous_id = _text(told, "nv_uid", _LONGEST_USER_ID)
    if told.get(block) is None and (user_id or anonymous_id):
        return User(user_id=user_id, anonymous_id=anonymous_id)
    attributes = dict(_object(told.get(block), block) if told.get(block) is not None else {})
    ours = [name for name in _OURS if name in attributes]
    if ours:
        raise Invalid(f"{ours[0]} is kept by the service and cannot be set", field=ours[0])
    name, email, phone = _name(attributes), _email(attributes), _phone(attributes)
    consents = {channel: _opt_in(attributes, field) for field, channel in _OPT_INS.items() if field in attributes}
    user = User(
        user_id=user_id,
        anonymous_id=anonymous_id,
        name=name,
        email=email,
        phone=phone,
        attributes={key: value for key, value in attributes.items() if key not in _OPT_INS},
        consents=consents,
    )
    _check_attributes(user.attributes)
    if not (user_id or anonymous_id or (is_merging and (email or phone))):
        needed = "userID, email or mobile" if is_merging else "userID"
        raise Invalid(f"{needed} is required", field="userID")
    return user


def read_event(entry: object, *, is_merging: bool, zone: str, now: datetime) -> Event:
    """An entry of `event/create` or `user_event/create`. Raises Invalid."""
    user = read_user(entry, block="user_params", is_merging=is_merging)
    told = _object(entry, "an entry")
    name = told.get("event_name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise Invalid(f"event_name is required, a text of at most {_LONGEST_NAME} characters", field="event_name")
    if name.lower() in SYSTEM_EVENTS:
        raise Invalid(f"{name} is recorded by the service itself and cannot be sent", field="event_name")
    given = told.get("attributes")
    attributes = _object(given, "attributes") if given is not None else {}
    _check_attributes(attributes)
    return Event(
        user=user,
        name=name,
        attributes={key: value for key, value in attributes.items() if value is not None},
        context=_context(told.get("context")),
        ltv=_ltv(told.get("ltv")),
        device_id=_text(told, "deviceID", _LONGEST_DEVICE),
        at=_at(told.get("event_time"), zone, now),
        id=_text(told, "event_id", _LONGEST_USER_ID),
    )


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{what} must be an object", field=what)
    return value


def _text(told: Mapping[str, Any], field: str, longest: int) -> str | None:
    value = told.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise Invalid(f"{field} must be a text of at most {longest} characters", field=field)
    return value


def _name(attributes: dict[str, Any]) -> str | None | msgspec.UnsetType:
    """The whole name; a first and a last name make one where none is told."""
    for part in ("name", "first_name", "last_name"):
        value = attributes.get(part)
        if value is not None and not (isinstance(value, str) and len(value) <= 200):
            raise Invalid(f"{part} must be a text of at most 200 characters", field=part)
    if "name" in attributes:
        return (attributes.pop("name") or "").strip() or None
    parts = [attributes.get(part) for part in ("first_name", "last_name")]
    return " ".join(part for part in parts if part)[:200] or UNSET


def _email(attributes: dict[str, Any]) -> str | None | msgspec.UnsetType:
    if "email" not in attributes:
        return UNSET
    value = attributes.pop("email")
    if value is None:
        return None
    if not isinstance(value, str):
        raise Invalid("The email address is not valid.", field="email")
    return guests.checked_email(value)


def _phone(attributes: dict[str, Any]) -> str | None | msgspec.UnsetType:
    if "mobile" not in attributes:
        return UNSET
    value = attributes.pop("mobile")
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("+"):
        raise Invalid("mobile must be in E.164 form, such as +919800000000", field="mobile")
    return guests.checked_phone(value, field="mobile")


def _opt_in(attributes: dict[str, Any], field: str) -> bool:
    value = attributes[field]
    if not isinstance(value, list | dict) and (value in _YES or value in _NO):
        return value in _YES
    raise Invalid(f'{field} must be "1" or "0"', field=field)


def _check_attributes(attributes: dict[str, Any]) -> None:
    guests.attributes.checked_attributes(attributes, is_rich=True)
    for name, value in attributes.items():
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise Invalid(f"{name} must be a text of at most {_LONGEST_TEXT} characters", field=name)
    gender = attributes.get("gender")
    if gender is not None and gender not in _GENDERS:
        raise Invalid(f"gender must be one of: {', '.join(_GENDERS)}", field="gender")
    if attributes.get("birth_date") is not None:
        times.read_day(attributes["birth_date"], field="birth_date")


def _ltv(value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not -_GREATEST_VALUE <= number <= _GREATEST_VALUE:
        raise Invalid("ltv must be a number", field="ltv")
    return number


def _at(value: object, zone: str, now: datetime) -> datetime | None:
    if value is None or value == "":
        return None
    at = times.read(value, zone=zone, field="event_time")
    if at < EARLIEST:
        raise Invalid(f"event_time must not be before {EARLIEST:%Y-%m-%d}", field="event_time")
    if at > now + AHEAD:
        raise Invalid("event_time must not be more than a day ahead", field="event_time")
    return at


def _context(value: object) -> dict[str, Any]:
    """Texts by name, two deep; what is empty is absent."""
    if value is None:
        return {}
    kept: dict[str, Any] = {}
    for name, member in _object(value, "context").items():
        part = _context(member) if isinstance(member, dict) else member
        if part in ("", None, {}):
            continue
        if not isinstance(part, dict) and not (isinstance(part, str) and len(part) <= 2048):
            raise Invalid(f"context.{name} must be a text of at most 2048 characters", field="context")
        kept[name] = part
    if len(kept) > 50:
        raise Invalid("context has at most 50 members", field="context")
    return kept
