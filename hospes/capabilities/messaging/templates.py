"""Templates of emails: a name for good, and versions that are never changed."""

import re
from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities.messaging import rendering

TRANSACTIONAL, MARKETING = "transactional", "marketing"

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_VARIABLES = 50

# What every template is given, besides the variables of the request.
GIVEN = ("guest", "business", "unsubscribe_url")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Subject, HTML and text in Liquid; `variables` are those that every request has to give."""

    subject: str
    html: str
    text: str
    variables: list[str] = []


class Template(msgspec.Struct, frozen=True):
    id: int
    slug: str
    purpose: str
    version: int
    subject: str
    html: str
    text: str
    variables: list[str]
    created_at: datetime
    updated_at: datetime


class Version(msgspec.Struct, frozen=True):
    version: int
    subject: str
    html: str
    text: str
    variables: list[str]
    created_at: datetime


_COLUMNS = """
           t.id, t.slug, t.purpose, t.version, v.subject, v.html, v.plain AS text, v.variables,
           t.created_at, t.updated_at
      FROM templates t
      JOIN template_versions v ON v.workspace_id = t.workspace_id AND v.template_id = t.id AND v.version = t.version
"""
GET = sql(f"SELECT {_COLUMNS} WHERE t.workspace_id = $1 AND t.id = $2")
FIND = sql(f"SELECT {_COLUMNS} WHERE t.workspace_id = $1 AND t.slug = $2")
LIST = sql(f"""
    SELECT {_COLUMNS}
     WHERE t.workspace_id = $1 AND ($2::bigint IS NULL OR t.id < $2)
     ORDER BY t.id DESC
     LIMIT $3
""")
VERSIONS = sql("""
    SELECT version, subject, html, plain AS text, variables, created_at
      FROM template_versions
     WHERE workspace_id = $1 AND template_id = $2
     ORDER BY version DESC
     LIMIT 200
""")


async def get(reader: Reader, template_id: int) -> Template:
    """Raises NotFound."""
    return _found(await reader.find(Template, GET, template_id))


async def find(reader: Reader, slug: str) -> Template:
    """The template of this name. Raises NotFound."""
    return _found(await reader.find(Template, FIND, slug))


def _found(template: Template | None) -> Template:
    if template is None:
        raise NotFound("Template not found")
    return template


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Template]:
    """A page of templates, the newest first, behind the id `after`."""
    return await reader.all(Template, LIST, after, limit)


async def versions(reader: Reader, template_id: int) -> list[Version]:
    """The newest 200 versions. Raises NotFound."""
    await get(reader, template_id)
    return await reader.all(Version, VERSIONS, template_id)


CREATE = sql("""
    INSERT INTO templates (workspace_id, slug, purpose, version, created_at, updated_at)
    VALUES ($1, $2, $3, 1, $4, $4)
    RETURNING id
""")
ADD_VERSION = sql("""
    INSERT INTO template_versions (workspace_id, template_id, version, subject, html, plain, variables, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
""")
NEXT_VERSION = sql("""
    UPDATE templates
       SET version = version + 1, updated_at = $3
     WHERE workspace_id = $1 AND id = $2
    RETURNING version
""")


async def create(tx: Tx, *, slug: str, purpose: str, content: Content) -> int:
    """Make a template; returns its id. Raises Invalid for a text that is no template, Conflict for a name taken."""
    if not _SLUG.fullmatch(slug):
        raise Invalid("A template's slug has 1 to 64 small letters, digits, '-' and '_'.", field="slug")
    if purpose not in (TRANSACTIONAL, MARKETING):
        raise Invalid("A template's purpose is transactional or marketing.", field="purpose")
    check(content)
    try:
        template_id = int(await tx.value(CREATE, slug, purpose, tx.now))
    except Violation:
        raise Conflict("There is a template with this slug") from None
    await _add_version(tx, template_id, 1, content)
    return template_id


async def change(tx: Tx, template_id: int, content: Content) -> int:
    """Make a new version, which is sent from now on; returns its number. Raises NotFound, Invalid."""
    check(content)
    version = await tx.value(NEXT_VERSION, template_id, tx.now)
    if version is None:
        raise NotFound("Template not found")
    await _add_version(tx, template_id, version, content)
    return int(version)


async def _add_version(tx: Tx, template_id: int, version: int, content: Content) -> None:
    await tx.run(
        ADD_VERSION,
        template_id,
        version,
        content.subject,
        content.html,
        content.text,
        list(content.variables),
        tx.now,
    )


def check(content: Content) -> None:
    """Raises Invalid for what could never be sent."""
    if len(content.variables) > _MOST_VARIABLES:
        raise Invalid(f"A template declares at most {_MOST_VARIABLES} variables.", field="variables")
    for name in content.variables:
        if not _VARIABLE.fullmatch(name) or name in GIVEN:
            raise Invalid(f"{name[:64]!r} cannot be the name of a variable.", field="variables")
    sample: dict[str, Any] = dict.fromkeys(content.variables, "x") | {name: {} for name in GIVEN}
    for field in ("subject", "html", "text"):
        rendering.check(getattr(content, field), field=field)
        rendering.render(getattr(content, field), sample, is_html=field == "html", field=field)
