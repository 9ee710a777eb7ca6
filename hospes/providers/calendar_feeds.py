"""Fetching the feeds of channels, through the guarded client."""

from typing import Final

from hospes.capabilities.calendars import Fetched
from hospes.providers.outbound import Outbound

MOST_BYTES: Final = 5 * 1024 * 1024
TIMEOUT_SECONDS: Final = 20.0
# Channels move their feeds to other hosts and back: from www.airbnb.com to the country's, for one.
REDIRECTS: Final = 3


class CalendarFeeds:
    """The way to feeds. Never raises for what the network does."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def get(self, url: str, *, etag: str | None, modified: str | None) -> Fetched:
        """The feed, or that it is what it was when it had this `etag` or was this old (RFC 9110 section 13)."""
        headers = {"Accept": "text/calendar, */*;q=0.1"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        page = await self._outbound.get(
            url, headers=headers, timeout_seconds=TIMEOUT_SECONDS, read_limit=MOST_BYTES, redirects=REDIRECTS
        )
        return Fetched(
            page.status,
            page.error,
            page.body,
            etag=_short(page.headers.get("ETag")),
            modified=_short(page.headers.get("Last-Modified")),
        )


def _short(value: str | None) -> str | None:
    """A header that may be sent back as it came."""
    return value if value is not None and len(value) <= 200 and value.isascii() and value.isprintable() else None
