"""A campaign's messages as a table: written page by page, so that a million of them take no more room than one page."""

import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import msgspec
from defusedcsv import csv

from hospes.base import ids
from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import Vault
from hospes.capabilities.campaigns import plans, reports
from hospes.capabilities.campaigns.reports import Row

FORMATS = ("csv", "ndjson")
PURPOSE = "export"
_LIFE = timedelta(days=1)
_PAGE = 1_000
_NAMES = Row.__struct_fields__


class Offer(msgspec.Struct, frozen=True):
    """An address under which a table can be had once, and until when."""

    token: str
    expires_at: datetime


class Asked(msgspec.Struct, frozen=True):
    """What a token asks for; `number` tells two of them apart."""

    workspace_id: int
    campaign_id: int
    form: str
    figure: str
    number: str
    expires_at: datetime


async def offer(tx: Tx, vault: Vault, campaign_id: int, form: str, *, figure: str = "targeted") -> Offer:
    """A token for the messages behind a figure. Raises NotFound, Invalid."""
    await written(tx, campaign_id, form, figure=figure)
    expires_at = (tx.now + _LIFE).replace(microsecond=0)
    claims = {
        "w": tx.workspace_id,
        "c": campaign_id,
        "f": form,
        "g": figure,
        "n": ids.token("", 16),
        "e": int(expires_at.timestamp()),
    }
    return Offer(vault.sign(claims, PURPOSE), expires_at)


def asked(vault: Vault, token: str) -> Asked:
    """What a token asks for. Raises Unreadable for one that is not ours."""
    claims = vault.signed(token, PURPOSE)
    ends = datetime.fromtimestamp(claims["e"], UTC)
    return Asked(claims["w"], claims["c"], claims["f"], claims["g"], claims["n"], ends)


USE = sql("""
    INSERT INTO campaign_exports (workspace_id, number, campaign_id, used_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
    RETURNING number
""")
SWEEP = sql("DELETE FROM campaign_exports WHERE workspace_id = $1 AND expires_at < $2")


async def use(tx: Tx, wanted: Asked) -> None:
    """Note that a token was used. Raises NotFound for one that was used before, or has ended."""
    await tx.run(SWEEP, tx.now)
    used = await tx.value(USE, wanted.number, wanted.campaign_id, tx.now, wanted.expires_at)
    if tx.now >= wanted.expires_at or used is None:
        raise NotFound("The export is over; ask for another.")


async def written(reader: Reader, campaign_id: int, form: str, *, figure: str = "targeted") -> AsyncIterator[str]:
    """The messages behind a figure, a page at a time. A cell of CSV that a table program would
    calculate stands behind an apostrophe.

    Raises NotFound and Invalid before anything is written.
    """
    if figure not in reports.ROWS:
        raise Invalid(f"A figure is one of {', '.join(reports.ROWS)}.", field="figure")
    if form not in FORMATS:
        raise Invalid(f"A form is one of {', '.join(FORMATS)}.", field="format")
    await plans.get(reader, campaign_id)
    return _pages(reader, campaign_id, figure, _csv if form == "csv" else _ndjson, has_head=form == "csv")


async def _pages(
    reader: Reader, campaign_id: int, figure: str, write: Callable[[list[Row]], str], *, has_head: bool
) -> AsyncIterator[str]:
    if has_head:
        yield ",".join(_NAMES) + "\r\n"
    after = None
    while page := await reports.rows(reader, campaign_id, figure, after=after, limit=_PAGE):
        after = page[-1].message_id
        yield write(page)


def _csv(page: list[Row]) -> str:
    out = io.StringIO(newline="")
    table = csv.writer(out)
    for row in page:
        table.writerow([_cell(value) for value in msgspec.structs.astuple(row)])
    return out.getvalue()


def _cell(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else "" if value is None else value


def _ndjson(page: list[Row]) -> str:
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in page)
