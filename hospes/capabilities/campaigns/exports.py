"""A campaign's messages as a table: written page by page, so that a million of them take no more room than one page."""

import io
from collections.abc import AsyncIterator, Callable

import msgspec
from defusedcsv import csv

from hospes.base.db import Reader
from hospes.base.errors import Invalid
from hospes.capabilities.campaigns import plans, reports
from hospes.capabilities.campaigns.reports import Row

FORMATS = ("csv", "ndjson")
_PAGE = 1_000
_NAMES = Row.__struct_fields__


async def written(reader: Reader, campaign_id: int, form: str, *, figure: str = "targeted") -> AsyncIterator[str]:
    """The messages behind a figure, a page at a time. A cell of CSV that a table program would
    calculate stands behind an apostrophe.

    Raises NotFound and Invalid before anything is written.
    """
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
