"""What makes two spellings one: folding for search, canonical forms for identity."""

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from hospes.base.errors import Invalid

_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LONGEST_EMAIL = 254
_LONGEST_LOCAL = 64
_LONGEST_PHONE = 32
_FEWEST_DIGITS = 3
_MOST_DIGITS = 15


def fold(text: str) -> str:
    """Lower case, without accents and control characters: what search compares."""
    if text.isascii():
        return _CONTROL.sub(" ", text.lower())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _CONTROL.sub(" ", unicodedata.normalize("NFC", bare))


def search_text(name: str | None, email: str | None, phone: str | None) -> str:
    """The text that a guest is found by. Fields stand on lines of their own, so no term spans two."""
    return "\n".join(fold(part) for part in (name, email, phone) if part)


def email(text: str, *, field: str = "email") -> str:
    """A valid address as it is shown; raises Invalid."""
    if len(text) <= _LONGEST_EMAIL and _PLAIN_EMAIL.fullmatch(text) and text.index("@") <= _LONGEST_LOCAL:
        return text
    if len(text) > _LONGEST_EMAIL:
        raise Invalid("The email address is not valid.", field=field)
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=True)
    except (EmailNotValidError, ValueError):
        raise Invalid("The email address is not valid.", field=field) from None
    return found.normalized


def email_identity(shown: str) -> str:
    """Two addresses with the same identity are one person's."""
    return unicodedata.normalize("NFC", shown).casefold()


def phone(text: str, *, field: str = "phone") -> str:
    """E.164 for an international number, else the number as it was written; raises Invalid."""
    stripped = unicodedata.normalize("NFKC", text).strip()
    digits = sum(char.isdigit() for char in stripped)
    if len(stripped) > _LONGEST_PHONE or not _FEWEST_DIGITS <= digits <= _MOST_DIGITS or not stripped.isascii():
        raise Invalid("The phone number is not valid. Use the international form, such as +33612345678.", field=field)
    if not re.fullmatch(r"\+?[0-9 ()./-]+", stripped):
        raise Invalid("The phone number is not valid. Use the international form, such as +33612345678.", field=field)
    if stripped.startswith(("+", "00")):
        return _international("+" + stripped.removeprefix("+").removeprefix("00"), field)
    return stripped


def _international(text: str, field: str) -> str:
    try:
        number = phonenumbers.parse(text)
        if phonenumbers.is_possible_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        pass
    raise Invalid("The phone number is not valid. Use the international form, such as +33612345678.", field=field)


def phone_identity(shown: str) -> str:
    """International numbers by their digits; others by the digits they have."""
    digits = re.sub(r"[^0-9]", "", shown)
    return "+" + digits if shown.startswith("+") else digits
