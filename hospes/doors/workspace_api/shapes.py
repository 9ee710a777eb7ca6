"""What the Workspace API's requests and lists have in common."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

GREATEST = 2**63 - 1

Id = Annotated[int, Meta(ge=1, le=GREATEST)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-06-20T12:00:00+00:00"])]
Key = Annotated[str, Meta(min_length=1, max_length=128, description="Repeat the request under the same key safely.")]


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Every list: newest first; the next page starts behind the id `after`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    after: Id | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Every body may carry an idempotency key."""

    idempotency_key: Key | UnsetType = UNSET


def next_after(items: Sequence[Any], limit: int) -> int | None:
    """Where the next page starts; None when this one was not full."""
    return items[-1].id if len(items) == limit else None
