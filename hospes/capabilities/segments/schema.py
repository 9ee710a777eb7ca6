"""The rule language as JSON Schema, made from the structs that conditions are decoded into."""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from hospes.capabilities.segments.fields import STRUCTS
from hospes.capabilities.segments.rules import MOST_CONDITIONS, MOST_LEVELS, VERSION


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a segment's rules. What it cannot say (depth, what fits together) the server does."""
    (condition,), definitions = msgspec.json.schema_components([_any_condition()], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Rules of a segment, version {VERSION}",
        "description": f"Groups nest at most {MOST_LEVELS} levels deep, with at most {MOST_CONDITIONS} conditions.",
        "allOf": [{"$ref": "#/$defs/Rules"}],
        "$defs": {
            "Rules": _group({"version": {"const": VERSION, "default": VERSION}}),
            "Group": _group({}),
            "Condition": condition,
            **{name: definitions[name] for name in sorted(definitions)},
        },
    }


def _group(more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            **more,
            "combinator": {"enum": ["and", "or"]},
            "not": {"type": "boolean", "default": False},
            "rules": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_CONDITIONS,
                "items": {"anyOf": [{"$ref": "#/$defs/Condition"}, {"$ref": "#/$defs/Group"}]},
            },
        },
        "required": ["combinator", "rules"],
        "additionalProperties": False,
    }


def _any_condition() -> Any:
    """One of the structs, told apart by `field`."""
    return reduce(or_, STRUCTS.values())
