"""Smart locks of Nuki over its Web API: a keypad code for each stay.

https://developer.nuki.io: a code has a name of at most 20 characters and six digits from 1 to 9 that do
not begin with 12; none is there twice. Making one is answered before it is listed, and without its id.
"""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from hospes.capabilities.automations import Order, Told
from hospes.providers.outbound import Outbound, Page

_KEYPAD: Final = 13
_DIGITS: Final = "123456789"
_LONGEST_NAME: Final = 20
# A lock holds a few hundred authorizations of some 500 bytes each.
_MOST_BYTES: Final = 1024 * 1024
_SECONDS: Final = 15.0
# Not for good: the token may be mended, too much was asked, or the lock is busy.
_LATER: Final = (401, 403, 408, 409, 423, 429)


class _Authorization(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    type: int | None = None
    code: int | None = None


_LIST: Final = msgspec.json.Decoder(list[_Authorization])


class _Refused(Exception):
    """The API did not do what it was asked."""

    def __init__(self, told: Told) -> None:
        self.told = told


class Nuki:
    """A `Lock` for Nuki's keypads; `ref` is the smart lock's id."""

    def __init__(self, outbound: Outbound, *, url: str, token: str) -> None:
        self._outbound = outbound
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    async def grant(self, order: Order) -> Told:
        """As `Lock.grant`: the code is looked for before it is made, and others of its name go afterwards."""
        if len(order.name) > _LONGEST_NAME:
            return Told(fault="the name is too long")
        try:
            listed = await self._codes(order.ref)
            ours = [one for one in listed if one.name == order.name]
            taken = {one.code for one in listed if one.name != order.name}
            wanted = next(
                int(code) for code in order.digits(_DIGITS, 6) if _is_allowed(code) and int(code) not in taken
            )
            if not any(one.code == wanted for one in ours):
                await self._make(order, wanted)
            for one in ours:
                if one.code != wanted:
                    await self._delete(order.ref, one.id)
        except _Refused as refused:
            return refused.told
        return Told(code=str(wanted))

    async def revoke(self, ref: str, name: str) -> Told:
        """As `Lock.revoke`."""
        try:
            for one in await self._codes(ref):
                if one.name == name:
                    await self._delete(ref, one.id)
        except _Refused as refused:
            return refused.told
        return Told()

    async def _codes(self, ref: str) -> list[_Authorization]:
        page = await self._asked("GET", ref, f"?types={_KEYPAD}")
        try:
            return [one for one in _LIST.decode(page.body) if one.type == _KEYPAD]
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _Refused(Told(fault="an answer that is no list", may_succeed_later=True)) from None

    async def _make(self, order: Order, code: int) -> None:
        body = {
            "name": order.name,
            "type": _KEYPAD,
            "code": code,
            "allowedFromDate": _written(order.begins_at),
            "allowedUntilDate": _written(order.ends_at),
            # Every day, at all hours.
            "allowedWeekDays": 127,
            "allowedFromTime": 0,
            "allowedUntilTime": 0,
        }
        made = await self._asked("PUT", order.ref, body=msgspec.json.encode(body), well=(409,))
        if made.status == 409 and (order.name, code) not in [
            (one.name, one.code) for one in await self._codes(order.ref)
        ]:
            # Made by a call whose answer was lost, and not listed yet: it will be.
            raise _Refused(Told(fault="HTTP 409", may_succeed_later=True))

    async def _delete(self, ref: str, authorization: str) -> None:
        await self._asked("DELETE", ref, "/" + quote(authorization, safe=""), well=(404,))

    async def _asked(
        self, method: str, ref: str, rest: str = "", *, body: bytes | None = None, well: tuple[int, ...] = ()
    ) -> Page:
        url = f"{self._url}/smartlock/{quote(ref, safe='')}/auth{rest}"
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        page = await self._outbound.request(
            method, url, body=body, headers=headers, timeout_seconds=_SECONDS, read_limit=_MOST_BYTES
        )
        if page.status is None or page.error is not None:
            raise _Refused(Told(fault=page.error or "no answer", may_succeed_later=page.error != "refused_address"))
        if not (200 <= page.status < 300 or page.status in well):
            is_passing = page.status in _LATER or page.status >= 500
            raise _Refused(Told(fault=f"HTTP {page.status}", may_succeed_later=is_passing))
        return page


def _is_allowed(code: str) -> bool:
    return not code.startswith("12")


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
