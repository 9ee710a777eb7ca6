"""Rules that cannot be used get one error, which names the place."""

from typing import Any

import pytest

from hospes.base.db import Statement
from hospes.base.errors import Invalid
from hospes.capabilities import segments
from tests.living import Api
from tests.segments.world import all_of

REMEMBER = Statement(
    "INSERT INTO attribute_types (workspace_id, subject, name, type, first_at) VALUES ($1, 'user', $2, $3, $4)"
)
VIP = {"field": "guest.vip", "operator": "=", "value": True}


def nested(levels: int) -> Any:
    rules: Any = VIP
    for _ in range(levels):
        rules = {"combinator": "and", "rules": [rules]}
    return rules


def event(**more: Any) -> dict[str, Any]:
    return {"field": "event", "name": "order", "operator": ">=", "value": 1, **more}


def spent(**more: Any) -> dict[str, Any]:
    return event(field="event.value", attribute="amount", measure="sum") | more


BAD = {
    "no object": ([], "$", "object"),
    "an empty object": ({}, "$.combinator", "'and' or 'or'"),
    "no condition": (all_of(), "$.rules", "everyone"),
    "another version": (all_of(VIP) | {"version": 2}, "$.version", "version 1"),
    "an unknown member": (all_of(VIP) | {"name": "x"}, "$.name", "nothing else"),
    "an unknown combinator": ({"combinator": "xor", "rules": [VIP]}, "$.combinator", "'and' or 'or'"),
    "a rule that is none": (all_of(VIP, 7), "$.rules[1]", "condition with field"),
    "an unknown field": (all_of({"field": "guest.shoe"}), "$.rules[0].field", "Unknown field 'guest.shoe'"),
    "an operator of others": (all_of(VIP | {"operator": "<"}), "$.rules[0].operator", "has the operators ="),
    "another type": (all_of(VIP | {"value": "yes"}), "$.rules[0].value", "Expected `bool`"),
    "one too many": (all_of(VIP | {"colour": "red"}), "$.rules[0]", "unknown field `colour`"),
    "a list for one": (
        all_of({"field": "guest.name", "operator": "=", "value": ["a"]}),
        "$.rules[0]",
        "takes one value",
    ),
    "no value": (all_of({"field": "guest.name", "operator": "="}), "$.rules[0]", "needs a value"),
    "too long a text": (
        all_of({"field": "guest.name", "operator": "=", "value": "x" * 1001}),
        "$.rules[0].value",
        "length <= 1000",
    ),
    "NUL": (all_of({"field": "guest.name", "operator": "=", "value": "\0"}), "$.rules[0]", "NUL"),
    "an unknown attribute type": (
        all_of({"field": "attribute", "name": "city", "type": "colour", "operator": "=", "value": "red"}),
        "$.rules[0].type",
        "Invalid enum value 'colour'",
    ),
    "an attribute of another type": (
        all_of({"field": "attribute", "name": "city", "type": "number", "operator": "=", "value": "Lyon"}),
        "$.rules[0]",
        "type text does not fit a number",
    ),
    "an operator that the type lacks": (
        all_of({"field": "attribute", "name": "city", "operator": "contains", "value": True}),
        "$.rules[0]",
        "does not fit a boolean",
    ),
    "a day that is none": (
        all_of({"field": "guest.birth_date", "operator": "=", "value": "2026-02-30"}),
        "$.rules[0].value",
        "date",
    ),
    "a measure of nothing": (
        all_of({name: value for name, value in spent().items() if name != "attribute"}),
        "$.rules[0]",
        "missing required field `attribute`",
    ),
    "an unknown measure": (all_of(spent(measure="median")), "$.rules[0].measure", "Invalid enum value 'median'"),
    "a measure beside a text": (all_of(spent(value="much")), "$.rules[0].value", "Expected"),
    "a measure turned round": (all_of(spent(operator="between", value=[5, 1.5])), "$.rules[0]", "the lower first"),
    "a measure of counts": (all_of(event(measure="sum")), "$.rules[0]", "unknown field `measure`"),
    "a sum of all time that nobody has": (all_of(spent(operator="<")), "$.rules[0]", "look at everything"),
    "an average of all time that is not": (
        all_of(spent(measure="average", operator="!=")),
        "$.rules[0]",
        "look at everything",
    ),
    "an instant without offset": (
        all_of({"field": "guest.created_at", "operator": "before", "value": "2026-06-20T12:00:00"}),
        "$.rules[0]",
        "needs an offset",
    ),
    "a window of nothing": (all_of(event(within={"days": 0})), "$.rules[0].within", "longer than nothing"),
    "two windows": (
        all_of(event(within={"days": 1}, since="2026-06-20T12:00:00Z")),
        "$.rules[0]",
        "not both",
    ),
    "a filter that the field lacks": (
        all_of({"field": "visit", "operator": ">=", "value": 1, "where": [{"field": "x", "operator": "set"}]}),
        "$.rules[0].where[0].field",
        "narrowed by location_id, minutes",
    ),
    "a filter of another type": (
        all_of(
            {
                "field": "visit",
                "operator": ">=",
                "value": 1,
                "where": [{"field": "location_id", "operator": "=", "value": 1.5}],
            }
        ),
        "$.rules[0].where[0].value",
        "is an id",
    ),
    "eleven levels": (nested(11), "$" + ".rules[0]" * 10, "10 levels"),
    "two hundred levels": (nested(200), "$" + ".rules[0]" * 10, "10 levels"),
    "more than 100 conditions": (
        all_of({"combinator": "and", "rules": [VIP] * 60}, {"combinator": "or", "rules": [VIP] * 60}),
        "$.rules[1].rules[40]",
        "at most 100",
    ),
    "never, without a window": (all_of(event(operator="=", value=0)), "$.rules[0]", "everyone"),
    "not ever, turned round": (
        {"combinator": "or", "not": True, "rules": [event()]},
        "$.rules[0]",
        "everyone",
    ),
    "one of many that is enough, and is never": (
        {"combinator": "or", "rules": [VIP, event(operator="<", value=1)]},
        "$.rules[1]",
        "everyone",
    ),
    "what segments do themselves": (
        all_of({"field": "activity", "name": "segment.entered", "operator": ">=", "value": 1, "within": {"days": 1}}),
        "$.rules[0]",
        "Use the field 'segment'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_where_it_stands(name: str) -> None:
    rules, path, words = BAD[name]

    with pytest.raises(Invalid) as caught:
        segments.parse(rules)

    assert caught.value.field == path
    assert words in caught.value.message


GOOD = {
    "ten levels": nested(10),
    "never, beside what is": all_of(VIP, event(operator="=", value=0)),
    "never, of everyone": all_of({"field": "everyone", "operator": "="}, event(operator="=", value=0)),
    "not in a window": all_of(event(operator="=", value=0, within={"days": 30})),
    "never, twice turned round": {
        "combinator": "and",
        "not": True,
        "rules": [{"combinator": "or", "rules": [event(operator="=", value=0)]}],
    },
    "100 conditions": all_of(*[VIP] * 100),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_near_it_is_taken(name: str) -> None:
    assert segments.parse(GOOD[name]).rules


async def test_the_api_names_the_place_in_the_body(api: Api) -> None:
    unknown = all_of({"field": "guest.shoe", "operator": "=", "value": 42})

    answer = await api.workspace("POST", "/segments", {"name": "Shoes", "rules": unknown})

    assert answer.status == 422
    assert answer.json()["errors"] == [
        {"field": "body.rules.rules[0].field", "message": "Unknown field 'guest.shoe' (at $.rules[0].field)."}
    ]


async def test_a_body_200_deep_is_refused_and_breaks_nothing(api: Api) -> None:
    refused = await api.workspace("POST", "/segments", {"name": "Deep", "rules": nested(200)})
    deep = await api.workspace("POST", "/segments", {"name": "Deep", "rules": nested(20)})

    assert (refused.status, deep.status) == (422, 422)
    assert "10 levels" in deep.json()["detail"]
    assert (await api.workspace("GET", "/segments")).json()["items"] == []


async def test_an_attribute_that_holds_an_object_or_another_type_is_refused(api: Api) -> None:
    async with api.begin() as tx:
        for name, type_ in (("home", "object"), ("age", "number")):
            await tx.value(REMEMBER, name, type_, tx.now)

    told = []
    for name, value in (("home", "x"), ("age", "x")):
        rules = all_of({"field": "attribute", "name": name, "operator": "=", "value": value})
        answer = await api.workspace("POST", "/segments", {"name": name, "rules": rules})
        told.append((answer.status, answer.json()["errors"][0]["field"], answer.json()["detail"]))

    assert told == [
        (
            422,
            "body.rules.rules[0].name",
            "Attribute home holds objects, which cannot be used (at $.rules[0].name).",
        ),
        (422, "body.rules.rules[0].name", "Attribute age holds a number, not a text (at $.rules[0].name)."),
    ]


async def test_a_segment_cannot_look_at_itself_or_at_one_that_is_not_there(api: Api) -> None:
    def looks_at(segment_id: int) -> Any:
        return {
            "name": f"At {segment_id}",
            "rules": all_of({"field": "segment", "operator": "any_of", "value": [segment_id]}),
        }

    first = (await api.workspace("POST", "/segments", {"name": "First", "rules": all_of(VIP)})).json()["id"]
    second = (await api.workspace("POST", "/segments", looks_at(first))).json()["id"]

    circle = await api.workspace("PUT", f"/segments/{first}", looks_at(second))
    missing = await api.workspace("POST", "/segments", looks_at(second + 1000))
    needed = await api.workspace("DELETE", f"/segments/{first}")

    assert (circle.status, missing.status, needed.status) == (422, 422, 409)
    assert "look at itself" in circle.json()["detail"]
    assert "no segment" in missing.json()["detail"]
