"""Instants and decimals in bodies (A30, A31)."""

import json
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from hospes.web.decode import BodyDecoder
from tests.web.orders import decode, fault, outcome


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2026-06-20T12:00:00", "timezone_aware"),
        ("0001-01-01T00:00:00+14:00", "datetime_parsing"),
        ("9999-12-31T23:59:59-14:00", "datetime_parsing"),
        ("0000-00-00T00:00:00Z", "datetime_parsing"),
        ("2026-02-30T00:00:00Z", "datetime_parsing"),
        ("2026-01-01T24:00:00Z", "datetime_parsing"),
        ("2016-12-31T23:59:60Z", "datetime_parsing"),
        ("2026-01-01", "datetime_parsing"),
    ],
)
def test_an_instant_has_an_offset_and_exists(text: str, kind: str) -> None:
    refused = fault(decode, json.dumps({"name": "a", "at": text}))

    assert (refused.kind, refused.loc, refused.input) == (kind, ("body", "at"), text)


DECIMALS = [
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "1E+999999",
    "1e2",
    "1_000",
    " 1 ",
    "١",
    "+1",
    ".5",
    "5.",
    "",
    "9" * 50,
]


@pytest.mark.parametrize("text", DECIMALS)
def test_a_decimal_is_plain_digits(text: str) -> None:
    refused = fault(decode, json.dumps({"name": "a", "price": text}))

    assert (refused.kind, refused.loc) == ("decimal_parsing", ("body", "price"))


@pytest.mark.parametrize("text", ['"12.50"', '"-0.01"', "12.5", "7", '"0"'])
def test_plain_decimals_are_read(text: str) -> None:
    assert decode(f'{{"name":"a","price":{text}}}'.encode()).price == Decimal(text.strip('"'))


class Deep(msgspec.Struct):
    kids: list["Deep"] = []
    by: dict[str, tuple[Decimal, datetime]] = {}
    bag: set[Decimal] = set()


def test_instants_and_decimals_are_found_wherever_they_stand() -> None:
    deep = BodyDecoder(Deep)

    assert fault(deep, '{"kids":[{},{"by":{"x":["NaN","2026-01-01T00:00:00Z"]}}]}').loc == (
        "body",
        "kids",
        1,
        "by",
        "x",
        0,
    )
    assert fault(deep, '{"by":{"x":["1","2026-01-01T00:00:00"]}}').loc == ("body", "by", "x", 1)
    assert fault(deep, '{"bag":["Infinity"]}').kind == "decimal_parsing"
    assert outcome(deep, b'{"kids":[{}],"by":{"x":["1","2026-01-01T00:00:00Z"]},"bag":["1"]}') == "accepted"


class Folder(msgspec.Struct):
    name: str = ""
    folders: list["Folder"] = []


def test_a_type_that_holds_itself_and_no_instant_is_read() -> None:
    assert BodyDecoder(Folder)(b'{"folders":[{"name":"a"}]}').folders == [Folder("a")]
