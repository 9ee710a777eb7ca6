"""Instants and days in queries (A31)."""

from datetime import UTC, datetime

import pytest

from tests.web.queries import fault, guests


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-20T12:00:00%2B00:00",
        "2026-06-20T12:00:00+00:00",
        "2026-06-20T12:00:00Z",
        "2026-06-20t12:00z",
        "2026-06-20+12:00:00.000Z",
        "2026-06-20T12:00:00.000000000Z",
        "2026-06-20T14:00:00%2b02:00",
        "2026-06-20T02:00:00-10:00",
        "2026-06-20T12%3A00%3A00-00:00",
    ],
)
def test_spellings_of_the_same_instant(text: str) -> None:
    since = guests(f"since={text}".encode()).since

    assert since == datetime(2026, 6, 20, 12, tzinfo=UTC)
    assert since.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "datetime_parsing"),
        ("2026-06-20", "datetime_parsing"),
        ("1781956800", "datetime_parsing"),
        ("2026-06-20T12:00:00", "timezone_aware"),
        ("2026-06-20T12:00:00%2B0000", "datetime_parsing"),
        ("2026-06-20T12:00:00++00:00", "datetime_parsing"),
        ("2026-06-20T12:00:00%2B24:00", "datetime_parsing"),
        ("0000-00-00T00:00:00Z", "datetime_parsing"),
        ("2026-02-30T00:00:00Z", "datetime_parsing"),
        ("2026-01-01T24:00:00Z", "datetime_parsing"),
        ("2016-12-31T23:59:60Z", "datetime_parsing"),
        ("0001-01-01T00:00:00%2B14:00", "datetime_parsing"),
        ("9999-12-31T23:59:59-14:00", "datetime_parsing"),
        ("%D9%A2026-06-20T12:00:00Z", "datetime_parsing"),
    ],
)
def test_what_is_no_instant(text: str, kind: str) -> None:
    refused = fault(guests, f"since={text}")

    assert (refused.kind, refused.loc) == (kind, ("query", "since"))


@pytest.mark.parametrize("text", ["", "2026-6-20", "20260620", "2026-W25-6", "2026-02-30", "0000-01-01", "2026-06-20T"])
def test_what_is_no_day(text: str) -> None:
    assert fault(guests, f"day={text}").kind == "date_parsing"
