"""What is wrong where, in pydantic's words: the Guest API speaks that dialect (contract 5)."""

import json
import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from msgspec import Meta

from hospes.web.decode import BodyDecoder, Fault
from tests.web.orders import Colour, Order, decode, fault, whole


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"note": "x"}, Fault("missing", ("body", "name"), "Field required", {"note": "x"})),
        (whole(location_id="1"), Fault("int_type", ("body", "location_id"), "Input should be a valid integer", "1")),
        (whole(rate="x"), Fault("float_type", ("body", "rate"), "Input should be a valid number", "x")),
        (whole(is_vip=1), Fault("bool_type", ("body", "is_vip"), "Input should be a valid boolean", 1)),
        (whole(note=5), Fault("string_type", ("body", "note"), "Input should be a valid string", 5)),
        (whole(partySize=None), Fault("int_type", ("body", "partySize"), "Input should be a valid integer", None)),
        (whole(lines={}), Fault("list_type", ("body", "lines"), "Input should be a valid list", {})),
        (whole(extra=[1]), Fault("dict_type", ("body", "extra"), "Input should be a valid dictionary", [1])),
        (
            whole(lines=[{"sku": "a"}, 5]),
            Fault(
                "model_attributes_type",
                ("body", "lines", 1),
                "Input should be a valid dictionary or object to extract fields from",
                5,
            ),
        ),
        (
            [1],
            Fault(
                "model_attributes_type",
                ("body",),
                "Input should be a valid dictionary or object to extract fields from",
                [1],
            ),
        ),
        (whole(lines=[{"count": 1}]), Fault("missing", ("body", "lines", 0, "sku"), "Field required", {"count": 1})),
        (
            whole(lines=[{"sku": "a", "count": 0}]),
            Fault(
                "greater_than_equal",
                ("body", "lines", 0, "count"),
                "Input should be greater than or equal to 1",
                0,
                {"ge": 1},
            ),
        ),
        (
            whole(location_id=1.5),
            Fault(
                "int_from_float",
                ("body", "location_id"),
                "Input should be a valid integer, got a number with a fractional part",
                1.5,
            ),
        ),
        (whole(location_id=1.0), Fault("int_type", ("body", "location_id"), "Input should be a valid integer", 1.0)),
        (
            {"name": ""},
            Fault(
                "string_too_short", ("body", "name"), "String should have at least 1 character", "", {"min_length": 1}
            ),
        ),
        (
            {"name": "n" * 300},
            Fault(
                "string_too_long",
                ("body", "name"),
                "String should have at most 20 characters",
                "n" * 100,
                {"max_length": 20},
            ),
        ),
        (
            whole(tags=["a", "b", "c"]),
            Fault(
                "too_long",
                ("body", "tags"),
                "List should have at most 2 items after validation, not 3",
                ["a", "b", "c"],
                {"field_type": "List", "max_length": 2, "actual_length": 3},
            ),
        ),
        (
            whole(channel="fax"),
            Fault(
                "literal_error",
                ("body", "channel"),
                "Input should be 'airbnb', 'direct' or 'other'",
                "fax",
                {"expected": "'airbnb', 'direct' or 'other'"},
            ),
        ),
        (
            whole(colour="green - at `$.name`"),
            Fault(
                "enum",
                ("body", "colour"),
                "Input should be 'red' or 'blue'",
                "green - at `$.name`",
                {"expected": "'red' or 'blue'"},
            ),
        ),
        (
            whole(pay={"by": "iou"}),
            Fault(
                "literal_error",
                ("body", "pay", "by"),
                "Input should be 'card' or 'cash'",
                "iou",
                {"expected": "'card' or 'cash'"},
            ),
        ),
        (whole(pay={}), Fault("missing", ("body", "pay", "by"), "Field required", {})),
        (whole(pay={"by": "card"}), Fault("missing", ("body", "pay", "last4"), "Field required", {"by": "card"})),
        (whole(at=5), Fault("datetime_type", ("body", "at"), "Input should be a valid datetime", 5)),
        (whole(on=5), Fault("date_type", ("body", "on"), "Input should be a valid date", 5)),
        (whole(on="2026-02-30"), Fault("date_parsing", ("body", "on"), "Input should be a valid date", "2026-02-30")),
        (whole(price=True), Fault("decimal_type", ("body", "price"), "Input should be a valid decimal", True)),
        (
            whole(attributes={"a": "b", "c": "long", "d": []}),
            Fault(
                "string_too_long",
                ("body", "attributes", "c"),
                "String should have at most 3 characters",
                "long",
                {"max_length": 3},
            ),
        ),
        (
            whole(attributes={"a": "b", "c": None, "d": []}),
            Fault("int_type", ("body", "attributes", "d"), "Input should be a valid integer or a valid string", []),
        ),
        (
            whole(limits={"aa": 1, "bbb": 2}),
            Fault(
                "string_too_long",
                ("body", "limits", "bbb", "[key]"),
                "String should have at most 2 characters",
                "bbb",
                {"max_length": 2},
            ),
        ),
        (
            whole(carts={"mon": [{"sku": "a"}], "tue": [{"sku": "b"}, {"count": 1}]}),
            Fault("missing", ("body", "carts", "tue", 1, "sku"), "Field required", {"count": 1}),
        ),
    ],
)
def test_a_fault_says_what_is_wrong_where(body: Any, expected: Fault) -> None:
    assert fault(decode, json.dumps(body)) == expected


PAIRS: list[tuple[Any, Any, Any]] = [
    # type for msgspec, type for pydantic, value that both refuse
    (Annotated[int, Meta(ge=1)], Annotated[int, pydantic.Field(ge=1)], 0),
    (Annotated[int, Meta(le=200)], Annotated[int, pydantic.Field(le=200)], 500),
    (Annotated[float, Meta(gt=1.5)], Annotated[float, pydantic.Field(gt=1.5)], 1.5),
    (Annotated[float, Meta(lt=1.5)], Annotated[float, pydantic.Field(lt=1.5)], 1.5),
    (Annotated[float, Meta(ge=1.5)], Annotated[float, pydantic.Field(ge=1.5)], 1),
    (Annotated[float, Meta(le=1.5)], Annotated[float, pydantic.Field(le=1.5)], 2),
    (Annotated[int, Meta(multiple_of=5)], Annotated[int, pydantic.Field(multiple_of=5)], 7),
    (Annotated[str, Meta(min_length=2)], Annotated[str, pydantic.Field(min_length=2)], "a"),
    (Annotated[str, Meta(max_length=1)], Annotated[str, pydantic.Field(max_length=1)], "abc"),
    (Annotated[str, Meta(pattern="^[a'\"]+$")], Annotated[str, pydantic.Field(pattern="^[a'\"]+$")], "b"),
    (Annotated[list[int], Meta(min_length=2)], Annotated[list[int], pydantic.Field(min_length=2)], [1]),
    (Annotated[list[int], Meta(max_length=1)], Annotated[list[int], pydantic.Field(max_length=1)], [1, 2]),
    (Annotated[dict[str, int], Meta(min_length=1)], Annotated[dict[str, int], pydantic.Field(min_length=1)], {}),
    (list[int], list[int], [1, []]),
    (list[int], list[int], {}),
    (dict[str, int], dict[str, int], []),
    (int | None, int | None, []),
    (str, str, 5),
    (bool, bool, []),
    (float, float, {}),
    (int, int, 1.5),
    (Literal["a", "b", "c"], Literal["a", "b", "c"], "d"),
    (Colour, Colour, "green"),
    (Annotated[datetime, Meta(tz=True)], pydantic.AwareDatetime, "2026-01-01T00:00:00"),
    (datetime, datetime, []),
    (date, date, []),
]


@pytest.mark.parametrize(("ours", "theirs", "value"), PAIRS)
def test_kinds_places_and_words_are_those_of_pydantic(ours: Any, theirs: Any, value: Any) -> None:
    raw = json.dumps({"x": value}).encode()
    decoder: BodyDecoder[Any] = BodyDecoder(msgspec.defstruct("Ours", [("x", ours)]))
    model = pydantic.create_model("Theirs", x=(theirs, ...))

    told = fault(decoder, raw)

    with pytest.raises(pydantic.ValidationError) as refused:
        model.model_validate(json.loads(raw))  # as FastAPI does
    expected = refused.value.errors(include_url=False)[0]
    assert (told.kind, told.loc[1:], told.msg) == (expected["type"], expected["loc"], expected["msg"])
    assert told.input == expected["input"]
    assert told.ctx == expected.get("ctx")


@pytest.mark.parametrize(
    ("type_", "value", "kind"),
    [
        (uuid.UUID, "x", "uuid_parsing"),
        (bytes, "*", "bytes_invalid_encoding"),
        (tuple[int, int], [1], "too_short"),
        (tuple[int, int], [1, 2, 3], "too_long"),
        (None, 1, "none_required"),
        (int | str, [], "int_type"),
        (Annotated[datetime, Meta(tz=False)], "2026-01-01T00:00:00Z", "timezone_naive"),
    ],
)
def test_further_types_have_their_kinds(type_: Any, value: Any, kind: str) -> None:
    assert fault(BodyDecoder(msgspec.defstruct("Further", [("x", type_)])), json.dumps({"x": value})).kind == kind


def test_a_forbidden_member_and_a_rule_of_the_struct_are_told() -> None:
    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        low: int = 0
        high: int = 0

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    closed = BodyDecoder(Closed)

    assert fault(closed, b'{"x":5}') == Fault("extra_forbidden", ("body", "x"), "Extra inputs are not permitted", 5)
    assert fault(closed, b'{"low":5}') == Fault("value_error", ("body",), "low is above high", {"low": 5})


def test_the_input_is_sent_back_short_and_flat() -> None:
    body = {"note": "x" * 500, "a": {"b": {"c": 1}}, "many": [0] * 21, "few": [0] * 20, "k" * 500: 2**70}

    shown = fault(BodyDecoder(Order), json.dumps(body)).input

    assert shown == {
        "note": "x" * 100,
        "a": {"b": "(object of 1)"},
        "many": "(list of 21)",
        "few": [0] * 20,
        "k" * 100: "(integer beyond 64 bits)",
    }
