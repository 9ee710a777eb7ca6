"""A field: its name, its kind, what it is about, and how it reads in SQL."""

from collections.abc import Callable
from typing import Any

import msgspec

from hospes.capabilities.segments.conditions import Condition, Filter
from hospes.capabilities.segments.operators import Comparing, elements, flag, narrowed_by, number, text, whole
from hospes.capabilities.segments.scope import Leaf, Scope


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """`topics` are beginnings of the types of events after which the field may have changed.

    `filters` are what `where` can narrow by: a column and the type as which it is read.
    """

    name: str
    kind: type[Condition]
    about: str
    topics: tuple[str, ...]
    fragment: Callable[[Any, Scope], Leaf]
    filters: dict[str, tuple[str, str]] = {}


# Whatever may have changed the row of a guest. Counting of tracked events does not.
GUEST = ("guest.", "consent.", "user.", "tag.", "message.", "wifi.", "visit.", "booking.", "event.identified")

_COMPARING: dict[str, Comparing] = {"text": text, "number": number, "boolean": flag, "id": whole, "list": elements}


def column(expression: str, compare: Comparing) -> Callable[[Any, Scope], Leaf]:
    """The fragment of a field that is one column of the guest."""

    def fragment(condition: Any, scope: Scope) -> Leaf:
        return compare(expression, condition.operator, condition.value, scope)

    return fragment


def filtered(filters: list[Filter], columns: dict[str, tuple[str, str]], scope: Scope) -> tuple[str, ...]:
    """What filters over known columns say of one row; that they are known and fit was checked before."""

    def column_of(one: Filter) -> tuple[str, Comparing]:
        expression, type_ = columns[one.field]
        return expression, _COMPARING[type_]

    return narrowed_by(filters, column_of, scope)


def of_json(value: str, type_: str) -> str:
    """A member of a JSON document as a column of this type; NULL when it is of another."""
    match type_:
        case "text":
            return f"CASE WHEN jsonb_typeof({value}) = 'string' THEN {value} #>> '{{}}' END"
        case "number":
            return f"CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric END"
        case "boolean":
            return f"CASE WHEN jsonb_typeof({value}) = 'boolean' THEN ({value})::boolean END"
        case "list":
            return f"CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} END"
        case _:
            return f"written_date(CASE WHEN jsonb_typeof({value}) = 'string' THEN {value} #>> '{{}}' END)"
