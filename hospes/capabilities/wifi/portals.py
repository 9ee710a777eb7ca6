"""Portals: what their page asks, says and looks like."""

import re
from datetime import datetime
from typing import Any, Literal

import msgspec

from hospes.base.db import Database, Reader, Tx, sql
from hospes.base.errors import Invalid, NotFound

FIELDS = ("name", "email", "phone")
LANGUAGES = ("en", "fr", "es")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LONGEST_TEXT = 20_000


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the form."""

    name: Literal["name", "email", "phone"]
    is_required: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a portal works. Words are by language; English stands in where one is missing.

    `marketing_words` is what a guest agrees to; without it nobody is asked. `verify` sends a code to
    the address before the way is open. A session that nothing was heard of for `silent_minutes` is
    over; sessions less than `gap_minutes` apart are one visit.
    """

    title: dict[str, str] = {}
    colour: str | None = None
    fields: list[Field] = msgspec.field(default_factory=lambda: [Field("name"), Field("email", is_required=True)])
    marketing_words: dict[str, str] = {}
    terms_text: dict[str, str] = {}
    terms_url: str | None = None
    verify: Literal["none", "email", "sms"] = "none"
    access_minutes: int = 720
    silent_minutes: int = 20
    gap_minutes: int = 30
    redirect_url: str | None = None


class Portal(msgspec.Struct, frozen=True):
    id: int
    location_id: int
    name: str
    slug: str
    is_active: bool
    settings: dict[str, Any]
    created_at: datetime

    def ask(self) -> Settings:
        """Its settings, with what is not set as it is by default."""
        return msgspec.convert(self.settings, Settings)


class Door(msgspec.Struct, frozen=True):
    """Whose page a slug opens."""

    workspace_id: int
    portal_id: int


_COLUMNS = "id, location_id, name, slug, is_active, settings, created_at"
GET = sql(f"SELECT {_COLUMNS} FROM portals WHERE workspace_id = $1 AND id = $2")  # noqa: S608
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM portals
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR location_id = $2)
     ORDER BY id DESC
     LIMIT $3 OFFSET $4
""")  # noqa: S608
COUNT = sql("SELECT count(*) FROM portals WHERE workspace_id = $1 AND ($2::bigint IS NULL OR location_id = $2)")
LIST_AFTER = sql(f"""
    SELECT {_COLUMNS}
      FROM portals
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")  # noqa: S608
BY_SLUG = sql(
    "SELECT workspace_id, portal_id FROM portal_slugs WHERE slug = $1", across="a page's address names no workspace"
)
CHANGE = sql("UPDATE portals SET settings = $3, is_active = $4 WHERE workspace_id = $1 AND id = $2")


async def find(database: Database, slug: str) -> Door:
    """The portal of a page's address. Raises NotFound."""
    row = await database.fetchrow(BY_SLUG, slug)
    if row is None:
        raise NotFound("Portal not found")
    return Door(*row)


async def get(reader: Reader, portal_id: int) -> Portal:
    """Raises NotFound."""
    portal = await reader.find(Portal, GET, portal_id)
    if portal is None:
        raise NotFound("Portal not found")
    return portal


async def list_page(reader: Reader, *, location_id: int | None, limit: int, offset: int) -> tuple[list[Portal], int]:
    """A page of portals, newest first, and how many there are."""
    found = await reader.all(Portal, LIST, location_id, limit, offset)
    return found, int(await reader.value(COUNT, location_id))


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Portal]:
    """A page of portals, the newest first, behind the id `after`."""
    return await reader.all(Portal, LIST_AFTER, after, limit)


async def change(tx: Tx, portal_id: int, settings: Settings, *, is_active: bool) -> None:
    """Replace a portal's settings. Raises NotFound, Invalid."""
    check(settings)
    if not await tx.run(CHANGE, portal_id, msgspec.to_builtins(settings), is_active):
        raise NotFound("Portal not found")


def check(settings: Settings) -> None:
    """Raises Invalid for what no guest could get through, or what a page could not show."""
    names = [field.name for field in settings.fields]
    if not names or len(set(names)) != len(names):
        raise Invalid("A portal asks for at least one of name, email and phone, each once.", field="fields")
    required = {field.name for field in settings.fields if field.is_required}
    needed = {"email": "email", "sms": "phone"}.get(settings.verify)
    if needed and needed not in required:
        raise Invalid(f"To send a code, the field {needed} has to be required.", field="verify")
    if settings.colour is not None and not _COLOUR.fullmatch(settings.colour):
        raise Invalid("A colour is written as #1f6f5c.", field="colour")
    for name in ("terms_url", "redirect_url"):
        url = getattr(settings, name)
        if url is not None and not (url.startswith(("https://", "http://")) and url.isascii() and len(url) <= 2000):
            raise Invalid("An address begins with https:// and has at most 2,000 characters.", field=name)
    for name in ("title", "marketing_words", "terms_text"):
        _check_words(name, getattr(settings, name))
    for name, most in (("access_minutes", 43_200), ("silent_minutes", 1_440), ("gap_minutes", 1_440)):
        if not 1 <= getattr(settings, name) <= most:
            raise Invalid(f"From 1 to {most} minutes.", field=name)


def _check_words(name: str, words: dict[str, str]) -> None:
    for language, text in words.items():
        if language not in LANGUAGES:
            raise Invalid(f"Languages are {', '.join(LANGUAGES)}.", field=name)
        if not 1 <= len(text) <= (_LONGEST_TEXT if name == "terms_text" else 500):
            raise Invalid("This text is empty or too long.", field=name)


def said(words: dict[str, str], language: str) -> str | None:
    """The words in this language, else in English, else in any."""
    return words.get(language) or words.get("en") or next(iter(words.values()), None)
