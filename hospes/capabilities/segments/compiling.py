"""Rules into SQL: the one place of the house where statements are put together.

They are made of fragments that stand in this package, never of what a user wrote: that is always a
parameter. `$1` is the workspace here as everywhere.
"""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Statement, composed, sql
from hospes.capabilities import loyalty
from hospes.capabilities.segments.fields import field_of
from hospes.capabilities.segments.rules import Group, Placed, conditions_of
from hospes.capabilities.segments.scope import Leaf, Scope, earliest


class Surroundings(msgspec.Struct, frozen=True):
    """What of a workspace rules depend on: its time zone, its tiers' window, whether guests were merged."""

    zone: str
    tier_months: int | None
    has_merged: bool


class Compiled(msgspec.Struct, frozen=True):
    """A statement and its parameters behind those that every run gives."""

    statement: Statement
    values: tuple[Any, ...]


ZONE = sql("SELECT time_zone FROM workspaces WHERE id = $1", across="the key of the table")
# A guest who was erased points at itself, and answers for nobody.
HAS_MERGED = sql("SELECT EXISTS (SELECT FROM guests WHERE workspace_id = $1 AND merged_into <> id)")


async def surroundings(reader: Reader) -> Surroundings:
    """Of the reader's workspace."""
    program = await loyalty.programs.get(reader)
    zone, has_merged = await reader.value(ZONE), await reader.value(HAS_MERGED)
    return Surroundings(zone, program.tier_window_months, bool(has_merged))


# Who answers for each merged guest.
_MERGED = """
    WITH merged AS (SELECT id, merged_into AS head FROM guests WHERE workspace_id = $1 AND merged_into <> id)
"""
# The ids under which things of a guest may stand.
_FAMILY = """
     CROSS JOIN LATERAL (
           SELECT CASE WHEN g.absorbed = 0 THEN ARRAY[g.id]
                       ELSE g.id || ARRAY(SELECT c.id FROM guests c WHERE c.workspace_id = $1 AND c.merged_into = g.id)
                  END AS ids) f
"""
_JUDGE = """
    WITH asked AS (
        SELECT guest_id, at FROM unnest($2::bigint[], $3::timestamptz[]) AS asked (guest_id, at)
    ), found AS (
        SELECT n.guest_id, coalesce({is_true}, false) AS is_in, {next_at} AS next_at
          FROM asked n
          JOIN guests g ON g.workspace_id = $1 AND g.id = n.guest_id AND g.merged_into IS NULL
{family}{joins}
    ), judged AS (
        SELECT a.guest_id, a.at, coalesce(f.is_in, false) AS is_in,
               CASE WHEN f.next_at > a.at AND f.next_at < a.at + interval '100 years' THEN f.next_at END AS due_at
          FROM asked a
          LEFT JOIN found f ON f.guest_id = a.guest_id
    ), entered AS (
        INSERT INTO segment_members (workspace_id, segment_id, guest_id, entered_at)
        SELECT $1, $4::bigint, guest_id, at
          FROM judged
         WHERE is_in
            ON CONFLICT DO NOTHING
        RETURNING guest_id
    ), gone AS (
        DELETE FROM segment_members m
         USING judged j
         WHERE m.workspace_id = $1 AND m.segment_id = $4::bigint AND m.guest_id = j.guest_id AND NOT j.is_in
        RETURNING m.guest_id
    ), timed AS (
        INSERT INTO segment_dues AS d (workspace_id, segment_id, guest_id, due_at)
        SELECT $1, $4::bigint, guest_id, due_at
          FROM judged
         WHERE due_at IS NOT NULL
            ON CONFLICT (workspace_id, segment_id, guest_id) DO UPDATE SET due_at = excluded.due_at
         WHERE d.due_at <> excluded.due_at
    ), untimed AS (
        DELETE FROM segment_dues d
         USING judged j
         WHERE d.workspace_id = $1 AND d.segment_id = $4::bigint AND d.guest_id = j.guest_id AND j.due_at IS NULL
    )
    SELECT j.guest_id, j.at, j.is_in
      FROM judged j
      JOIN (SELECT guest_id FROM entered UNION ALL SELECT guest_id FROM gone) c ON c.guest_id = j.guest_id
     ORDER BY j.at, j.guest_id
"""
_EXPLAIN = """
    SELECT ARRAY[{held}]::boolean[] AS held, ARRAY[{next_at}]::timestamptz[] AS next_at
      FROM (SELECT $2::bigint AS guest_id, $3::timestamptz AS at) n
      JOIN guests g ON g.workspace_id = $1 AND g.id = n.guest_id AND g.merged_into IS NULL
{family}{joins}
"""
# The instant is named whether any condition looks at it or not, so that every run gives the same parameters.
_ALL = """
{merged}
    SELECT {wanted}
      FROM guests g
{joins}
     WHERE g.workspace_id = $1 AND g.merged_into IS NULL AND $2::timestamptz IS NOT NULL AND ({is_true})
{order}
"""


_ATTRIBUTES = "g.attributes"


class Written(msgspec.Struct, frozen=True):
    """Rules in SQL: whether they hold, when next they may not, and each condition by itself."""

    is_true: str
    next_at: str
    leaves: list[Leaf]
    scope: Scope

    @property
    def joins(self) -> str:
        return "\n".join(f"      {join}" for join in self.scope.joins)

    def compiled(self, text: str) -> Compiled:
        return Compiled(composed(text), tuple(self.scope.values))


def judging(rules: Group, around: Surroundings) -> Compiled:
    """Judge guests ($2) each at its instant ($3) for segment $4, and write down who came and who went.

    Answers with those alone: `guest_id`, `at`, `is_in`.
    """
    written = _written(rules, _scope(around, at="n.at", first=5, is_for_all=False))
    return written.compiled(
        _JUDGE.format(is_true=written.is_true, next_at=written.next_at, family=_FAMILY, joins=written.joins)
    )


def explaining(rules: Group, around: Surroundings) -> Compiled:
    """What each condition says of guest $2 at $3, in their order, and when next by the clock it may change."""
    written = _written(rules, _scope(around, at="n.at", first=4, is_for_all=False))
    held = ", ".join(f"({leaf.is_true}) IS TRUE" for leaf in written.leaves)
    coming = ", ".join(_bounded(leaf.next_at) for leaf in written.leaves)
    return written.compiled(_EXPLAIN.format(held=held, next_at=coming, family=_FAMILY, joins=written.joins))


def counting(rules: Group, around: Surroundings) -> Compiled:
    """How many guests the rules hold for at $2."""
    return _of_all(rules, around, wanted="count(*)", order="")


def sampling(rules: Group, around: Surroundings) -> Compiled:
    """The newest $3 guests for whom the rules hold at $2: id, name and email."""
    wanted = "g.id, g.name, g.email"
    return _of_all(rules, around, wanted=wanted, order="     ORDER BY g.created_at DESC, g.id DESC LIMIT $3", first=4)


def listing(rules: Group, around: Surroundings) -> Compiled:
    """The ids of all guests for whom the rules hold at $2: a plain recomputation."""
    return _of_all(rules, around, wanted="g.id", order="")


def _of_all(rules: Group, around: Surroundings, *, wanted: str, order: str, first: int = 3) -> Compiled:
    written = _written(rules, _scope(around, at="$2::timestamptz", first=first, is_for_all=True))
    text = _ALL.format(
        merged=_MERGED if around.has_merged else "",
        wanted=wanted,
        joins=written.joins,
        is_true=written.is_true,
        order=order,
    )
    return written.compiled(text)


def _scope(around: Surroundings, *, at: str, first: int, is_for_all: bool) -> Scope:
    return Scope(
        at=at,
        first=first,
        zone=around.zone,
        is_for_all=is_for_all,
        has_merged=around.has_merged,
        tier_months=around.tier_months,
    )


def _written(rules: Group, scope: Scope) -> Written:
    leaves = {one.path: field_of(one.condition).fragment(one.condition, scope) for one in conditions_of(rules)}
    next_at = earliest([leaf.next_at for leaf in leaves.values()]) or "NULL::timestamptz"
    is_true = _planned(rules, leaves) if scope.is_for_all else _tree(rules, leaves)
    return Written(is_true, next_at, list(leaves.values()), scope)


def _planned(rules: Group, leaves: dict[str, Leaf]) -> str:
    """As `_tree`, so that the planner does not guess.

    It knows nothing of what attributes hold, and takes each condition on one for true of hardly anybody;
    two, and it plans for one guest. In a CASE they are one condition that holds for half.
    """
    if rules.is_negated or rules.combinator == "or":
        return _tree(rules, leaves)
    texts = [_tree(rule, leaves) for rule in rules.rules]
    unknown = [text for text in texts if _ATTRIBUTES in text]
    known = [text for text in texts if _ATTRIBUTES not in text]
    guarded = [f"CASE WHEN {' AND '.join(unknown)} THEN true ELSE false END"] if unknown else []
    return f"({' AND '.join([*known, *guarded])})"


def _tree(node: Placed | Group, leaves: dict[str, Leaf]) -> str:
    """NULL counts as false: within and/or it does, and where something is negated, it is said so."""
    if isinstance(node, Placed):
        return f"({leaves[node.path].is_true})"
    joined = f" {node.combinator.upper()} ".join(_tree(rule, leaves) for rule in node.rules)
    return f"(({joined}) IS NOT TRUE)" if node.is_negated else f"({joined})"


def _bounded(next_at: str | None) -> str:
    return f"CASE WHEN {next_at} < n.at + interval '100 years' THEN {next_at} END" if next_at else "NULL"


async def count(reader: Reader, rules: Group, *, at: datetime | None = None) -> int:
    """How many guests the rules hold for, now or at another instant."""
    compiled = counting(rules, await surroundings(reader))
    return int(await reader.value(compiled.statement, at or reader.now, *compiled.values))
