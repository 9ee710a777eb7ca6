"""What makers of smart locks tell: that a guest's code opened a door.

The address holds a secret, `hospes locks hook` prints it. A report names the code as it is called at
the lock, and that name says whose it is.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hospes.base.db import Actor, Database
from hospes.base.secrets import Vault
from hospes.capabilities.automations import locks, openings
from hospes.capabilities.automations.openings import Opening
from hospes.web.hooks import Hook, Terms, objects

_TERMS = Terms(
    most_bytes=1024 * 1024,
    wanted="POST reports as JSON.",
    unreadable="The body is not JSON of a known form.",
    catches=(msgspec.DecodeError, UnicodeDecodeError, RecursionError),
)
_PURPOSE = ("locks", "hook")
_ACTOR = Actor("lock", "Lock hook")
# Of Nuki's log: unlocked or unlatched, by the keypad, and it worked. https://developer.nuki.io
_NUKI_OPENS, _NUKI_KEYPAD, _NUKI_WELL = (1, 3), 255, 0


class _Report(msgspec.Struct, frozen=True):
    """Our own form, for every brand."""

    brand: str
    lock_id: str
    name: str
    unlocked_at: datetime


class _Nuki(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of a lock's log, as Nuki's webhook brings it."""

    smartlock_id: int
    name: str
    action: int
    trigger: int
    state: int
    date: datetime


def secret(vault: Vault) -> str:
    """The last part of the hook's address."""
    return vault.mark(*_PURPOSE)


class LockHook:
    """ASGI application for `/hooks/locks/{token}`."""

    def __init__(self, database: Database, vault: Vault, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._instant = instant
        self._hook = Hook(lambda given: vault.is_mark(given, *_PURPOSE), _TERMS, self._take)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._hook(scope, receive, send)

    async def _take(self, raw: bytes, _content_type: str) -> int:
        return sum([await self._note(opening) for opening in _read(raw)])

    async def _note(self, opening: Opening) -> bool:
        place = locks.named(opening.name)
        if place is None:
            return False
        workspace_id, booking_id = place
        now = await self._instant(workspace_id)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            return await openings.note(tx, booking_id, opening)


def _read(raw: bytes) -> Sequence[Opening]:
    """What a request says. Raises msgspec.DecodeError."""
    return [opening for report in objects(raw) if (opening := _opening(report))]


def _opening(report: dict[str, Any]) -> Opening | None:
    """None for what tells of something else than a door that was opened."""
    if "feature" in report:
        if report["feature"] != "DEVICE_LOGS":
            return None
        entry = msgspec.convert(report.get("smartlockLog"), _Nuki)
        if entry.action not in _NUKI_OPENS or (entry.trigger, entry.state) != (_NUKI_KEYPAD, _NUKI_WELL):
            return None
        return Opening("nuki", str(entry.smartlock_id), entry.name, _instant(entry.date))
    told = msgspec.convert(report, _Report)
    return Opening(told.brand, told.lock_id, told.name, _instant(told.unlocked_at))


def _instant(at: datetime) -> datetime:
    """Without a zone it is UTC."""
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
