"""The list of guests: newest first, filtered, searched, and as quick at its end as at its start."""

import msgspec

from hospes.base.db import Reader, Statement, sql
from hospes.capabilities.guests import counts, marks
from hospes.capabilities.guests.folding import fold
from hospes.capabilities.guests.profile import COLUMNS, Guest

# How many of the newest guests a search looks at first.
_GLANCE = 2000
# With at least so many hits among those, walking on finds a page sooner than the index does.
_FREQUENT = 8


class Wanted(msgspec.Struct, frozen=True):
    """Which guests; what is None does not narrow. `search` is a part of a name, email or phone."""

    search: str | None = None
    location_id: int | None = None
    tag: str | None = None
    is_vip: bool | None = None


class Page(msgspec.Struct, frozen=True):
    """`is_estimate`: the total was projected from a sample, because the term is too common to count."""

    guests: list[Guest]
    total: int
    is_estimate: bool = False


_FILTERS = {
    "location_id": "g.location_id = ${}",
    "tag": """EXISTS (SELECT
                    FROM guest_tags gt
                    JOIN tags t ON t.workspace_id = gt.workspace_id AND t.id = gt.tag_id
                   WHERE gt.workspace_id = $1 AND gt.guest_id = g.id AND t.slug = ${})""",
    "is_vip": "g.is_vip = ${}",
}
_ORDER = "ORDER BY g.created_at DESC, g.id DESC"


def _conditions(names: tuple[str, ...], first: int) -> str:
    return "".join(f" AND {_FILTERS[name].format(first + place)}" for place, name in enumerate(names))


def _for_every_choice(make: "msgspec.UnsetType | object") -> dict[tuple[str, ...], Statement]:
    choices: list[tuple[str, ...]] = [()]
    for name in _FILTERS:
        choices += [(*choice, name) for choice in choices]
    return {choice: make(choice) for choice in choices}  # type: ignore[operator]


# $2 limit, $3 offset, then the filters. The page's ids come first, from the index alone.
PAGES = _for_every_choice(
    lambda names: sql(f"""
    SELECT {COLUMNS}
      FROM (SELECT g.id
              FROM guests g
             WHERE g.workspace_id = $1 AND g.merged_into IS NULL{_conditions(names, 4)}
             {_ORDER}
             LIMIT $2 OFFSET $3) page
      JOIN guests g ON g.workspace_id = $1 AND g.id = page.id
     {_ORDER}
""")  # noqa: S608
)
COUNTS = _for_every_choice(
    lambda names: sql(f"""
    SELECT count(*) FROM guests g WHERE g.workspace_id = $1 AND g.merged_into IS NULL{_conditions(names, 2)}
""")  # noqa: S608
)
# $2 limit, $3 and $4 the mark, $5 how far behind it.
FROM_MARK = sql(f"""
    SELECT {COLUMNS}
      FROM (SELECT g.id
              FROM guests g
             WHERE g.workspace_id = $1 AND g.merged_into IS NULL AND (g.created_at, g.id) <= ($3, $4)
             {_ORDER}
             LIMIT $2 OFFSET $5) page
      JOIN guests g ON g.workspace_id = $1 AND g.id = page.id
     {_ORDER}
""")  # noqa: S608
BY_IDS = sql(f"""
    SELECT {COLUMNS}
      FROM guests g
     WHERE g.workspace_id = $1 AND g.id = ANY ($2::bigint[])
     {_ORDER}
""")  # noqa: S608

_NEAR = 2000


async def list_page(reader: Reader, wanted: Wanted, *, limit: int, offset: int) -> Page:
    """A page of guests, newest first, and how many there are in all. Guest API 8.1."""
    filters = {name: value for name in _FILTERS if (value := getattr(wanted, name)) is not None}
    if wanted.search is not None and (term := fold(wanted.search).strip()):
        return await _searched(reader, term, filters, limit=limit, offset=offset)
    if wanted.search is not None:
        return Page([], 0)
    total = await _total(reader, filters)
    if offset >= total:
        return Page([], total)
    if not filters and offset > _NEAR:
        mark = await marks.nearest(reader, total - offset)
        if mark is not None:
            behind = mark.rank - (total - offset)
            return Page(await reader.all(Guest, FROM_MARK, limit, mark.created_at, mark.guest_id, behind), total)
    return Page(await reader.all(Guest, PAGES[tuple(filters)], limit, offset, *filters.values()), total)


async def _total(reader: Reader, filters: dict[str, object]) -> int:
    match filters:
        case {"location_id": int(location_id), **others} if not others:
            return await counts.total(reader, counts.at_location(location_id))
        case {"is_vip": True, **others} if not others:
            return await counts.total(reader, counts.VIP)
        case {**others} if not others:
            return await counts.total(reader, counts.ALL)
    return int(await reader.value(COUNTS[tuple(filters)], *filters.values()))


# $2 the term, $3 how many of the newest to look at, then the filters.
GLANCES = _for_every_choice(
    lambda names: sql(f"""
    SELECT count(*) AS seen,
           array_agg(id ORDER BY created_at DESC, id DESC) FILTER (WHERE strpos(search_text, $2) > 0) AS hits
      FROM (SELECT g.id, g.created_at, g.search_text
              FROM guests g
             WHERE g.workspace_id = $1 AND g.merged_into IS NULL{_conditions(names, 4)}
             {_ORDER}
             LIMIT $3) newest
""")  # noqa: S608
)
# $2 the term, $3 limit, $4 offset, then the filters: walks the list until the page is full.
WALKS = _for_every_choice(
    lambda names: sql(f"""
    SELECT g.id
      FROM guests g
     WHERE g.workspace_id = $1 AND g.merged_into IS NULL AND strpos(g.search_text, $2) > 0{_conditions(names, 5)}
     {_ORDER}
     LIMIT $3 OFFSET $4
""")  # noqa: S608
)
# As WALKS, through the index. The candidates are materialized so that the planner has no other
# way to them, whatever it believes of the term. Tokens carry the workspace.
LOOKUPS = _for_every_choice(
    lambda names: sql(f"""
    WITH candidates AS MATERIALIZED (
        SELECT workspace_id, id, created_at, search_text, location_id, is_vip, merged_into
          FROM guests
         WHERE search_tokens(workspace_id, search_text) @> (
                   SELECT array_agg(hashtextextended(substr($2, at, least(3, length($2))), $1))
                     FROM generate_series(1, greatest(1, length($2) - 2)) AS at)
    ), hits AS (
        SELECT g.id, g.created_at
          FROM candidates g
         WHERE g.workspace_id = $1 AND g.merged_into IS NULL AND strpos(g.search_text, $2) > 0{_conditions(names, 5)}
    )
    SELECT (SELECT count(*) FROM hits) AS total,
           ARRAY(SELECT id FROM hits ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4) AS ids
""")  # noqa: S608
)


class _Glance(msgspec.Struct, frozen=True):
    seen: int
    hits: list[int] | None


class _Spread(msgspec.Struct, frozen=True):
    seen: int
    hits: int


# A hundred guests behind each of ten marks.
SPREAD = sql("""
    SELECT count(*) AS seen, count(*) FILTER (WHERE strpos(piece.search_text, $2) > 0) AS hits
      FROM (SELECT created_at, guest_id
              FROM guest_marks
             WHERE workspace_id = $1
             ORDER BY rank * 7919 % 1000003
             LIMIT 10) mark
     CROSS JOIN LATERAL (
           SELECT g.search_text
             FROM guests g
            WHERE g.workspace_id = $1 AND g.merged_into IS NULL
              AND (g.created_at, g.id) <= (mark.created_at, mark.guest_id)
            ORDER BY g.created_at DESC, g.id DESC
            LIMIT 100) piece
""")


class _Lookup(msgspec.Struct, frozen=True):
    total: int
    ids: list[int]


async def _searched(reader: Reader, term: str, filters: dict[str, object], *, limit: int, offset: int) -> Page:
    choice, values = tuple(filters), tuple(filters.values())
    glance = await reader.find(_Glance, GLANCES[choice], term, _GLANCE, *values)
    assert glance is not None
    hits = glance.hits or []
    if glance.seen < _GLANCE:
        return Page(await _by_ids(reader, hits[offset : offset + limit]), len(hits))
    spread = _Spread(0, 0)
    if len(hits) < _FREQUENT:
        # The newest may be unlike the others: look at some from all over the list as well.
        spread = await reader.find(_Spread, SPREAD, term) or spread
    if len(hits) < _FREQUENT and spread.hits < _FREQUENT:
        found = await reader.find(_Lookup, LOOKUPS[choice], term, limit, offset, *values)
        assert found is not None
        return Page(await _by_ids(reader, found.ids), found.total)
    ids = hits[offset : offset + limit]
    if len(ids) < limit:
        ids = await reader.column(WALKS[choice], term, limit, offset, *values)
    everyone = await _total(reader, filters)
    seen, matching = (spread.seen, spread.hits) if spread.seen else (glance.seen, len(hits))
    estimate = max(everyone * matching // seen, len(hits), offset + len(ids) if ids else 0)
    return Page(await _by_ids(reader, ids), estimate, is_estimate=True)


async def _by_ids(reader: Reader, ids: list[int]) -> list[Guest]:
    return await reader.all(Guest, BY_IDS, ids) if ids else []
