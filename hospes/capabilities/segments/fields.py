"""The table of fields: everything that a rule can name."""

from typing import Any

import msgspec

from hospes.capabilities.segments.conditions import Condition
from hospes.capabilities.segments.fragments import events, guests, lists, loyalty, messages, offers, stays, visits
from hospes.capabilities.segments.fragments.field import Field

OWNERS = (guests, events, stays, visits, loyalty, offers, messages, lists)

FIELDS: dict[str, Field] = {field.name: field for owner in OWNERS for field in owner.FIELDS}


def _struct(field: Field) -> Any:
    """A struct for the conditions of one field, told apart by `field`."""
    name = "".join(word.capitalize() for word in field.name.replace(".", "_").split("_"))
    return msgspec.defstruct(
        name,
        [],
        bases=(field.kind,),
        tag_field="field",
        tag=field.name,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": field.about},
    )


# What a condition in JSON is decoded into, by the name of its field.
STRUCTS: dict[str, Any] = {name: _struct(field) for name, field in FIELDS.items()}


def field_of(condition: Condition) -> Field:
    """The row of the table that a condition is about."""
    return FIELDS[str(type(condition).__struct_config__.tag)]
