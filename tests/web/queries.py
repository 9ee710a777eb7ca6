"""The query that the tests of values send, and what is said of it."""

import enum
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from hospes.web.faults import Fault, Malformed
from hospes.web.values import QueryDecoder


class Sort(enum.Enum):
    NEW = "new"
    OLD = "old"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class Guests(Page, frozen=True, kw_only=True):
    search: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    is_vip: bool | None = None
    since: datetime | None = None
    day: date | UnsetType = UNSET
    number: int | UnsetType = UNSET
    sort: Sort = Sort.NEW
    state: Literal["open", "closed", "lost"] | None = None
    type: Annotated[list[Annotated[str, Meta(max_length=5)]], Meta(max_length=3)] | None = None
    ids: list[int] = []


class Needed(msgspec.Struct, frozen=True, rename="camel"):
    start_date: date
    end_date: date


page, guests, needed = QueryDecoder(Page), QueryDecoder(Guests), QueryDecoder(Needed)


def faults(decoder: QueryDecoder[Any], query: bytes | str) -> tuple[Fault, ...]:
    with pytest.raises(Malformed) as refused:
        decoder(query.encode() if isinstance(query, str) else query)
    msgspec.json.encode(refused.value.faults)
    return refused.value.faults


def fault(decoder: QueryDecoder[Any], query: bytes | str) -> Fault:
    (only,) = faults(decoder, query)
    return only
