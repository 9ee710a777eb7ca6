"""Every field with every operator, compiled in each way, against the migrated schema."""

from typing import Any

import asyncpg
import pytest
import sqlglot
from sqlglot import exp

from hospes.capabilities.segments import compiling
from hospes.capabilities.segments.conditions import (
    OPERATORS_OF,
    OfActivity,
    OfAnswer,
    OfAttribute,
    OfCount,
    OfDate,
    OfEvents,
    OfEventValues,
    OfFlag,
    OfId,
    OfIdSet,
    OfInstant,
    OfNumber,
    OfPresent,
    OfSet,
    OfStaysAhead,
    OfText,
    OfUpcoming,
    operators_of,
)
from hospes.capabilities.segments.fields import FIELDS
from hospes.capabilities.segments.rules import parse

WAYS = (compiling.judging, compiling.explaining, compiling.counting, compiling.sampling, compiling.listing)
AROUND = [compiling.Surroundings("Europe/Paris", months, merged) for months, merged in ((None, False), (12, True))]
# Tables without a workspace in their key, and names that stand for what was selected before.
ELSEWHERE = {"asked", "found", "judged", "entered", "gone", "family", "merged", "unnest"}


def values_for(operator: str, type_: str) -> Any:
    one: Any = {"text": "Anna", "number": 3, "boolean": True, "date": "2026-06-20", "id": 7, "list": "spa"}[type_]
    if operator in ("set", "not_set"):
        return None
    if operator == "between":
        return [1, 5]
    if operator in ("within_last", "within_next", "anniversary_within"):
        return 3
    return [one] if operator in ("in", "not_in", "any_of", "all_of", "none_of") else one


def conditions_for(name: str) -> list[dict[str, Any]]:
    """Conditions of a field: every operator, every window, every filter that it offers."""
    field, kind = FIELDS[name], FIELDS[name].kind
    type_ = next((t for k, t in _TYPES if issubclass(kind, k)), "number")
    base: dict[str, Any] = {"field": name}
    if issubclass(kind, OfActivity):
        base |= {"name": "note.added", "within": {"days": 30}}
    if issubclass(kind, OfEvents):
        base |= {"name": "page"}
    if issubclass(kind, OfEventValues):
        base |= {"attribute": "amount", "measure": "sum"}
    if issubclass(kind, OfStaysAhead):
        base |= {"in_days": [1, 3]}
    if kind is OfAttribute:
        return [
            {"field": name, "name": "city", "type": t, "operator": op}
            | ({} if values_for(op, t) is None else {"value": values_for(op, t)})
            for t, ops in OPERATORS_OF.items()
            for op in ops
        ]
    if kind is OfInstant:
        return [
            base | {"operator": "before", "value": "2026-06-20T12:00:00Z"},
            base | {"operator": "after", "value": "2026-06-20T12:00:00Z"},
            base | {"operator": "within_last", "value": {"days": 3}},
            base | {"operator": "not_within_last", "value": {"hours": 3}},
        ]
    if name == "everyone":
        return [base | {"value": True, "operator": "="}]
    made = []
    for operator in operators_of(kind):
        value = values_for(operator, type_)
        made.append(base | {"operator": operator} | ({} if value is None else {"value": value}))
    if issubclass(kind, OfEventValues):
        made += [one | {"measure": measure} for measure in ("min", "max", "average") for one in made]
    if issubclass(kind, OfCount):
        made += _narrowed(made[0], field.filters, kind)
    return made


_TYPES: tuple[tuple[Any, str], ...] = (
    (OfText, "text"),
    (OfNumber, "number"),
    (OfId, "id"),
    (OfIdSet, "id"),
    (OfFlag, "boolean"),
    (OfAnswer, "boolean"),
    (OfDate, "date"),
    (OfSet, "list"),
    (OfCount, "number"),
)


def _narrowed(one: dict[str, Any], filters: dict[str, tuple[str, str]], kind: type) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if not issubclass(kind, OfPresent | OfStaysAhead):
        made.append(one | {"within": {"days": 7}})
    if not issubclass(kind, OfPresent | OfStaysAhead | OfUpcoming | OfActivity):
        made.append(one | {"since": "2026-01-01T00:00:00Z"})
    if issubclass(kind, OfEvents):
        filters = {"amount": ("", "number"), "kind": ("", "text"), "paid": ("", "boolean")}
    for name, (_, type_) in filters.items():
        operators = ("=", "!=", "in", "not_in", "set", "not_set")
        operators = operators[:2] + operators[4:] if type_ == "boolean" else operators
        operators += {"text": ("contains",), "number": ("<", "<=", ">", ">=", "between")}.get(type_, ())
        for operator in operators:
            value = values_for(operator, type_)
            where = {"field": name, "operator": operator} | ({} if value is None else {"value": value})
            made.append(one | {"where": [where]})
    return made


def all_rules_of(name: str) -> Any:
    """Every condition of a field, in groups of every kind; what is not enough by itself stands beside everyone."""
    conditions = conditions_for(name)
    half = len(conditions) // 2
    groups = [
        {"combinator": "or", "rules": conditions[: half + 1]},
        {"combinator": "and", "not": True, "rules": conditions[half:]},
    ]
    everyone = {"field": "everyone", "operator": "=", "value": True}
    return parse({"combinator": "and", "rules": [everyone, *groups]})


def test_every_field_has_conditions_with_each_of_its_operators() -> None:
    for name, field in FIELDS.items():
        used = {condition["operator"] for condition in conditions_for(name)}
        assert used == set(operators_of(field.kind)), name


@pytest.mark.parametrize("name", FIELDS)
async def test_every_field_can_be_prepared_in_every_way(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)

    for around in AROUND:
        for way in WAYS:
            compiled = way(all_rules_of(name), around)
            prepared = await connection.prepare(compiled.statement.text)
            given = {compiling.judging: 4, compiling.explaining: 3, compiling.sampling: 3}.get(way, 2)
            assert len(prepared.get_parameters()) == given + len(compiled.values)

    await connection.close()


@pytest.mark.parametrize("name", FIELDS)
def test_every_table_is_bound_to_the_workspace_and_every_value_is_a_parameter(name: str) -> None:
    for around in AROUND:
        # Those that are left out differ from counting in what they select alone.
        for way in (compiling.judging, compiling.counting):
            tree = sqlglot.parse_one(way(all_rules_of(name), around).statement.text, dialect="postgres")

            for select in tree.find_all(exp.Select, exp.Delete):
                _check_bound(select)
            texts = {literal.this for literal in tree.find_all(exp.Literal) if literal.is_string}
            assert not texts & {"Anna", "city", "page", "spa", "note.added", "Europe/Paris"}


def _check_bound(select: Any) -> None:
    """Each table that stands in this query has its workspace compared with $1 in it."""
    nearest = (exp.Select, exp.Delete, exp.Insert)
    scope = [table for table in select.find_all(exp.Table) if table.find_ancestor(*nearest) is select]
    named = {table.alias_or_name for table in scope if table.name not in ELSEWHERE}
    bound = set()
    for same in select.find_all(exp.EQ):
        if (
            isinstance(same.this, exp.Column)
            and same.this.name == "workspace_id"
            and same.expression.sql() in ("$1", "@1")
        ):
            bound.add(same.this.table or next(iter(named), ""))
    assert named <= bound, (named - bound, select.sql()[:400])
