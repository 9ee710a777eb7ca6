"""The order that the tests of decoding send, and what they say of the answer."""

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from hospes.web.decode import BodyDecoder, Fault, Malformed


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Line(msgspec.Struct, frozen=True):
    sku: str
    count: Annotated[int, Meta(ge=1, le=99)] = 1


class Card(msgspec.Struct, frozen=True, tag="card", tag_field="by"):
    last4: str


class Cash(msgspec.Struct, frozen=True, tag="cash", tag_field="by"):
    drawer: int


class Order(msgspec.Struct, frozen=True, kw_only=True, rename={"party": "partySize"}):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    location_id: int | UnsetType = UNSET
    note: str | None = None
    is_vip: bool = False
    rate: float = 0.0
    party: int = 1
    lines: list[Line] = []
    tags: Annotated[list[str], Meta(max_length=2)] | UnsetType = UNSET
    attributes: dict[str, Annotated[str, Meta(max_length=3)] | int | None] = {}
    extra: dict[str, Any] = {}
    limits: dict[Annotated[str, Meta(max_length=2)], int] = {}
    carts: dict[str, list[Line]] = {}
    channel: Literal["direct", "airbnb", "other"] = "direct"
    colour: Colour | None = None
    at: datetime | None = None
    on: date | None = None
    price: Decimal | None = None
    pay: Card | Cash | None = None


decode = BodyDecoder(Order)
anything = BodyDecoder(Any)


def faults(decoder: BodyDecoder[Any], raw: bytes | str) -> tuple[Fault, ...]:
    with pytest.raises(Malformed) as refused:
        decoder(raw.encode() if isinstance(raw, str) else raw)
    for fault in refused.value.faults:  # every fault can be sent
        msgspec.json.encode(fault)
    return refused.value.faults


def fault(decoder: BodyDecoder[Any], raw: bytes | str) -> Fault:
    (only,) = faults(decoder, raw)
    return only


def outcome(decoder: BodyDecoder[Any], raw: bytes) -> str:
    try:
        decoder(raw)
    except Malformed:
        return "refused"
    return "accepted"


def whole(**members: Any) -> dict[str, Any]:
    return {"name": "a", **members}
