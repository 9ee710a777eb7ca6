"""Who takes pushes: a registration is one browser or one installed app of a guest.

Where it is reached is sealed; a keyed hash of that finds the same one again. A message by `push` has
the registration's id as its address.
"""

import base64
import binascii
import re
from datetime import datetime
from typing import ClassVar, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from hospes.base.db import Database, Reader, Tx, Violation, sql
from hospes.base.errors import Busy, Exhausted, Invalid, NotFound
from hospes.base.resealing import sealed
from hospes.base.secrets import Vault, same
from hospes.capabilities import events, guests, workspaces
from hospes.capabilities.events import Event

Platform = Literal["web", "android", "ios"]

# Live ones of one guest.
MOST = 50
_LONGEST = 4000
_ENDPOINT = re.compile(r"https?://[!-~]+")
_ANDROID = re.compile(r"[A-Za-z0-9_:%.-]{20,4000}")
_IOS = re.compile(r"[0-9a-f]{64,400}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push goes: a browser's endpoint with its two keys (RFC 8291, base64url), or an app's token."""

    platform: Platform
    address: str
    p256dh: str | None = None
    auth: str | None = None


class Registration(msgspec.Struct, frozen=True):
    """Without what is sealed."""

    id: int
    guest_id: int
    platform: str
    created_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    reason: str | None


class PushRegistered(Event, frozen=True):
    """The guest takes pushes on one more browser or phone; `platform` is web, android or ios."""

    TYPE: ClassVar[str] = "push.registered"
    TITLE: ClassVar[str] = "Push registered"

    registration_id: int
    platform: str


class PushUnregistered(Event, frozen=True):
    """A browser or phone takes no pushes any more; `reason` says who ended it."""

    TYPE: ClassVar[str] = "push.unregistered"
    TITLE: ClassVar[str] = "Push unregistered"

    registration_id: int
    platform: str
    reason: str


_COLUMNS = "id, guest_id, platform, created_at, last_seen_at, ended_at, reason"
LIVE = sql(f"""
    SELECT {_COLUMNS}
      FROM push_registrations
     WHERE workspace_id = $1 AND platform = $2 AND mark = $3 AND ended_at IS NULL
       FOR UPDATE
""")  # noqa: S608
NUMBER = sql("""
    SELECT count(*)
      FROM push_registrations
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND ended_at IS NULL
""")
ADD = sql("""
    INSERT INTO push_registrations (workspace_id, guest_id, platform, mark, target, keys, created_at, last_seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
    RETURNING id
""")
REFRESH = sql("""
    UPDATE push_registrations
       SET target = $3, keys = $4, last_seen_at = $5
     WHERE workspace_id = $1 AND id = $2
""")


async def register(tx: Tx, vault: Vault, guest_id: int, target: Target) -> int:
    """The guest takes pushes there; returns the registration's id, the same one for the same place.

    A place that was another guest's is this one's from now on. Raises NotFound for the guest, Invalid
    for what is no endpoint, key or token, Exhausted when the guest has 50.
    """
    target = checked(target)
    mark = _mark(tx, vault, target)
    sealed = _sealed(tx, vault, target, mark)
    # The registration before the guest, as whoever ends one: the log locks the guest too.
    known = await tx.find(Registration, LIVE, target.platform, mark)
    family = await guests.hold(tx, guest_id)
    if known is not None and known.guest_id in family:
        await tx.run(REFRESH, known.id, *sealed, tx.now)
        return known.id
    if known is not None:
        await end(tx, known.id, reason="Another guest uses it now.")
    if await tx.value(NUMBER, family) >= MOST:
        raise Exhausted(f"A guest has at most {MOST} registrations.")
    try:
        made = int(await tx.value(ADD, family[0], target.platform, mark, *sealed, tx.now))
    except Violation:
        raise Busy("Somebody registers the same place just now. Try again.") from None
    await events.record(tx, PushRegistered(guest_id=family[0], registration_id=made, platform=target.platform))
    return made


HOLDERS = sql(
    """
    SELECT r.workspace_id
      FROM unnest($1::bigint[], $2::bytea[]) AS asked (workspace_id, mark)
      JOIN push_registrations r ON r.workspace_id = asked.workspace_id
                               AND r.platform = 'web' AND r.mark = asked.mark AND r.ended_at IS NULL
     ORDER BY r.workspace_id
    """,
    across="a browser does not know which workspaces its subscription is for",
)
MOVE = sql("""
    UPDATE push_registrations
       SET mark = $3, target = $4, keys = $5, last_seen_at = $6
     WHERE workspace_id = $1 AND id = $2
""")


async def holders(database: Database, vault: Vault, target: Target) -> list[int]:
    """The workspaces in which a browser is registered."""
    asked = [workspace.id for workspace in await workspaces.list_all(database)]
    marks = [_mark_in(workspace_id, vault, target) for workspace_id in asked]
    return [row[0] for row in await database.fetch(HOLDERS, asked, marks)]


async def renew(tx: Tx, vault: Vault, old: Target, new: Target) -> bool:
    """A browser has another subscription in place of one that it had; returns whether it was registered.

    Both keys of the old one prove that it had it: they are told to nobody else. Raises Invalid for what is
    no endpoint or key.
    """
    new = checked(new)
    known = await tx.find(Registration, LIVE, old.platform, _mark(tx, vault, old))
    held = await find_target(tx, vault, known.id) if known is not None else None
    if known is None or held is None or not _is_same(held, old):
        return False
    mark = _mark(tx, vault, new)
    other = await tx.find(Registration, LIVE, new.platform, mark)
    if other is not None and other.id != known.id:
        # The wallet page was faster.
        return await end(tx, known.id, reason="The browser has another subscription.")
    try:
        await tx.run(MOVE, known.id, mark, *_sealed(tx, vault, new, mark), tx.now)
    except Violation:
        raise Busy("Somebody registers the same place just now. Try again.") from None
    return True


def _is_same(held: Target, shown: Target) -> bool:
    return all(
        same((getattr(held, key) or "").encode(), (getattr(shown, key) or "").rstrip("=").encode())
        for key in ("p256dh", "auth")
    )


END = sql(f"""
    UPDATE push_registrations
       SET ended_at = $3, reason = $4
     WHERE workspace_id = $1 AND id = $2 AND ended_at IS NULL
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def end(tx: Tx, registration_id: int, *, reason: str) -> bool:
    """Nothing is pushed there any more; returns whether anything was."""
    ended = await tx.find(Registration, END, registration_id, tx.now, reason[:200])
    if ended is None:
        return False
    await events.record(
        tx,
        PushUnregistered(
            guest_id=ended.guest_id, registration_id=ended.id, platform=ended.platform, reason=ended.reason or ""
        ),
    )
    return True


async def end_target(tx: Tx, vault: Vault, guest_id: int, target: Target, *, reason: str) -> bool:
    """As `end`, for the guest's registration at this place."""
    known = await tx.find(Registration, LIVE, target.platform, _mark(tx, vault, target))
    if known is None or known.guest_id not in await guests.family(tx, guest_id):
        return False
    return await end(tx, known.id, reason=reason)


OF_GUEST = sql(f"""
    SELECT {_COLUMNS}
      FROM push_registrations
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND ended_at IS NULL
       AND ($3::text IS NULL OR platform = $3)
     ORDER BY id
""")  # noqa: S608
GET = sql(f"SELECT {_COLUMNS} FROM push_registrations WHERE workspace_id = $1 AND id = $2")  # noqa: S608


async def list_of_guest(reader: Reader, guest_id: int, *, platform: str | None = None) -> list[Registration]:
    """The live ones of the guest, oldest first. Raises NotFound."""
    return await reader.all(Registration, OF_GUEST, await guests.family(reader, guest_id), platform)


async def find(reader: Reader, registration_id: int) -> Registration | None:
    """Live or ended."""
    return await reader.find(Registration, GET, registration_id)


async def get(reader: Reader, registration_id: int) -> Registration:
    """Live or ended. Raises NotFound."""
    found = await find(reader, registration_id)
    if found is None:
        raise NotFound("Registration not found")
    return found


class _Sealed(msgspec.Struct, frozen=True):
    platform: Platform
    mark: bytes
    target: bytes
    keys: bytes | None


REACHED = sql("""
    SELECT platform, mark, target, keys
      FROM push_registrations
     WHERE workspace_id = $1 AND id = $2 AND ended_at IS NULL
""")


async def find_target(reader: Reader, vault: Vault, registration_id: int) -> Target | None:
    """Where a live registration is reached."""
    found = await reader.find(_Sealed, REACHED, registration_id)
    if found is None:
        return None
    address = vault.open(found.target, _place(reader.workspace_id, "target", found.mark)).decode()
    keys = (None, None)
    if found.keys is not None:
        keys = msgspec.json.decode(vault.open(found.keys, _place(reader.workspace_id, "keys", found.mark)))
    return Target(platform=found.platform, address=address, p256dh=keys[0], auth=keys[1])


def checked(target: Target) -> Target:
    """Raises Invalid for what nothing could be pushed to."""
    if len(target.address) > _LONGEST:
        raise Invalid("The endpoint or token is too long.", field="endpoint")
    if target.platform == "web":
        return _checked_browser(target)
    address = target.address.lower() if target.platform == "ios" else target.address
    if not (_IOS if target.platform == "ios" else _ANDROID).fullmatch(address):
        raise Invalid("This is not a token of the app's push service.", field="token")
    return Target(platform=target.platform, address=address)


def _checked_browser(target: Target) -> Target:
    if not _ENDPOINT.fullmatch(target.address):
        raise Invalid("The endpoint is the address that the browser's subscription names.", field="endpoint")
    try:
        point, secret = unpacked(target.p256dh or ""), unpacked(target.auth or "")
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, binascii.Error):
        raise Invalid("The key p256dh is a point on P-256, uncompressed, in base64url.", field="p256dh") from None
    if len(point) != 65 or len(secret) != 16:
        raise Invalid("The key auth has 16 bytes in base64url, p256dh 65.", field="auth")
    return target


def unpacked(text: str) -> bytes:
    """base64url without padding (RFC 7515, 2). Raises ValueError."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)


def _mark(reader: Reader, vault: Vault, target: Target) -> bytes:
    return _mark_in(reader.workspace_id, vault, target)


def _mark_in(workspace_id: int, vault: Vault, target: Target) -> bytes:
    return vault.derive(f"{workspace_id}.{target.platform}.{target.address}", "push registration")


def _sealed(tx: Tx, vault: Vault, target: Target, mark: bytes) -> tuple[bytes, bytes | None]:
    address = vault.seal(target.address.encode(), _place(tx.workspace_id, "target", mark))
    if target.platform != "web":
        return address, None
    return address, vault.seal(msgspec.json.encode((target.p256dh, target.auth)), _place(tx.workspace_id, "keys", mark))


def _place(workspace_id: int, column: str, mark: bytes) -> str:
    return f"{workspace_id}/push_registrations/{column}/{mark.hex()}"


_KEY = {"workspace_id": "bigint", "mark": "bytea"}
SEALED = (
    sealed("push_registrations", "target", _KEY, lambda workspace_id, mark: _place(workspace_id, "target", mark)),
    sealed("push_registrations", "keys", _KEY, lambda workspace_id, mark: _place(workspace_id, "keys", mark)),
)
