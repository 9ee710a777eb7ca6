"""The limit: a bare ASGI function with asyncpg that does the same SELECT, or the same INSERTs.

Run as `python -m bench.limit SOCKET_FD DSN WORKSPACE`.
"""

import socket
import sys
import time
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
import msgspec
import uvicorn
import uvloop

from hospes.capabilities.access import metering  # noqa: F401 (the same modules in memory as the server has)
from hospes.capabilities.analytics.days import ADD_EVENT
from hospes.capabilities.bookings import listing, stays
from hospes.capabilities.events.log import RECORD, TRACKED
from hospes.capabilities.events.together import TRACK
from hospes.capabilities.guests.merging import HOLD
from hospes.capabilities.guests.profile import CREATE, STATE
from hospes.capabilities.loyalty.ledger import DRAW, SPENDABLE, WRITE
from hospes.capabilities.missions import work
from hospes.capabilities.record.whole import GET
from hospes.capabilities.tracking.tracked import KNOWN
from hospes.capabilities.wallet.pass_updates import MOVE
from hospes.capabilities.webhooks import subscriptions
from hospes.capabilities.webhooks.outbox import FAN_OUT

_encode = msgspec.json.Encoder().encode
_BODY = '{"event":"guest.created","tenant_id":1,"payload":{"guest_id":1},"timestamp":"2026-06-20T12:00:00+00:00"}'


async def main(fd: int, dsn: str, workspace: int) -> None:
    async def prepare(connection: Any) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=lambda v: _encode(v).decode(), decoder=msgspec.json.decode
        )

    async def keep(_: Any) -> None:
        return None

    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=10, init=prepare, reset=keep)
    numbers = iter(range(time.time_ns() // 1000, 10**18))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/public/v1/bookings":
            status, body = 200, await bookings(scope["query_string"].decode())
        elif scope["method"] == "PATCH":
            given = msgspec.json.decode((await receive())["body"])
            status, body = 200, await move(int(scope["path"].rpartition("/")[2]), given)
        elif scope["method"] == "GET":
            now = datetime.now(UTC)
            row = await pool.fetchrow(GET.text, workspace, int(scope["path"].rpartition("/")[2]), now)
            status, body = 200, _encode(dict(row))
        elif scope["path"].endswith("/event/create"):
            given = msgspec.json.decode((await receive())["body"])
            status, body = 200, await track(given["nv"])
        elif scope["path"].endswith("/redeem"):
            status, body = 200, await redeem(int(scope["path"].split("/")[-2]))
        else:
            given = msgspec.json.decode((await receive())["body"])
            status, body = 201, await insert(given)
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def insert(given: dict[str, Any]) -> bytes:
        name, email = given["name"], given["email"]
        async with pool.acquire() as connection, connection.transaction():
            now = datetime.now(UTC)
            row = await connection.fetchrow(
                CREATE.text, workspace, ["email"], [email], name, email, None, False, True, {}, 1, None,
                f"{name}\n{email}", now, None, True, True, True, True,
            )  # fmt: skip
            guest = row["id"]
            event = await connection.fetchrow(
                RECORD.text, workspace, 0, "guest.created", guest, 1, {"guest_id": guest}, "bench", "bench", now, now,
                None, None,
            )  # fmt: skip
            await connection.fetchrow(
                STATE.text, workspace, guest, "bench", "bench", event["position"], now, ["email"], [email],
                ["name", "email"], [_encode(name).decode(), _encode(email).decode()], ["marketing"], [True],
                ["guests", "location:1"], [1, 1], None,
            )  # fmt: skip
            await connection.execute(
                FAN_OUT.text,
                workspace,
                f"dlv_bench{next(numbers):016d}",
                event["position"],
                1,
                "guest.created",
                _BODY,
                now,
            )
            return _encode(dict(await connection.fetchrow(GET.text, workspace, guest, now)))

    async def track(entries: list[dict[str, Any]]) -> bytes:
        async with pool.acquire() as connection, connection.transaction():
            now = datetime.now(UTC)
            asked = list({entry["userID"] for entry in entries})
            known = dict(zip(asked, await connection.fetch(KNOWN.text, workspace, asked), strict=True))
            guests = [known[entry["userID"]][0] for entry in entries]
            told = [
                {"guest_id": guest, "name": entry["event_name"], "attributes": entry["attributes"]}
                for guest, entry in zip(guests, entries, strict=True)
            ]
            await connection.execute(
                TRACK.text, workspace, 0, TRACKED, _encode(told).decode(), [None] * len(guests), "bench", "bench",
                now, now,
            )  # fmt: skip
        return _encode({"accepted": len(entries)})

    async def redeem(guest: int) -> bytes:
        """One point spent, as `loyalty.redeem` does it: lock, lots, ledger, event, figures, passes, webhook row."""
        async with pool.acquire() as connection, connection.transaction():
            now = datetime.now(UTC)
            await connection.fetchrow(HOLD.text, workspace, guest)
            lot = (await connection.fetch(SPENDABLE.text, workspace, [guest], now))[0]
            movement = await connection.fetchval(
                WRITE.text, workspace, guest, "redeem", -1, "bench", None, None, None, "bench", "bench", now, 0, 1
            )  # fmt: skip
            await connection.execute(DRAW.text, workspace, movement, [lot["id"]], [guest], [1], "liability")
            event = await connection.fetchrow(
                RECORD.text, workspace, 0, "loyalty.points_redeemed", guest, None,
                {"guest_id": guest, "points": 1}, "bench", "bench", now, now, None, None,
            )  # fmt: skip
            await connection.execute(ADD_EVENT.text, workspace, ["points_redeemed"], 1, now, None)
            await connection.fetch(MOVE.text, workspace, [guest], event["position"], now)
            await connection.execute(
                FAN_OUT.text, workspace, f"dlv_bench{next(numbers):016d}", event["position"], 1,
                "loyalty.points_redeemed", _BODY, now,
            )  # fmt: skip
            return _encode({"transaction_id": movement, "guest_id": guest, "points": -1})

    async def bookings(query: str) -> bytes:
        given = dict(parse_qsl(query))
        since, until = (date.fromisoformat(given.get(name, "2030-01-01")) for name in ("fromDate", "toDate"))
        rows = await pool.fetch(
            listing.PAGE_OF_ONE.text,
            workspace,
            int(given["propertyId"]),
            since,
            until,
            given.get("status"),
            None,
            50,
            0,
        )
        return _encode({"data": [dict(row) for row in rows]})

    async def move(booking: int, given: dict[str, Any]) -> bytes:
        """A booking moved: row, nights, event, cleaning, event, webhook row, and the booking as it is then."""
        arrival, departure = date.fromisoformat(given["arrival"]), date.fromisoformat(given["departure"])
        async with pool.acquire() as connection, connection.transaction():
            now = datetime.now(UTC)
            row = await connection.fetchrow(stays.LOCK.text, workspace, booking)
            await connection.execute(
                stays.UPDATE.text, workspace, booking, row["guest_id"], row["status"], arrival, departure,
                None, None, 1, 0, None, None, None, None, "EUR", None, {}, now,
            )  # fmt: skip
            await connection.execute(stays.FREE.text, workspace, booking, arrival, departure)
            await connection.execute(stays.ADD.text, workspace, row["property_id"], booking, arrival, departure)
            event = await connection.fetchrow(
                RECORD.text, workspace, 0, "booking.updated", row["guest_id"], 1, {"booking_id": booking}, "bench",
                "bench", now, now, row["property_id"], booking,
            )  # fmt: skip
            mission = await connection.fetchrow(work.AUTOMATIC.text, workspace, booking, "cleaning")
            at = datetime.combine(departure, row["unit_check_out_time"], UTC)
            await connection.execute(
                work.UPDATE.text, workspace, mission["id"], booking, "cleaning", "pending", "Checkout cleaning", None,
                at, "Europe/Paris", 120, None, None, None, now,
            )  # fmt: skip
            await connection.fetchrow(
                RECORD.text, workspace, 1, "mission.updated", None, 1, {"booking_id": booking}, "bench", "bench",
                now, now, row["property_id"], booking,
            )  # fmt: skip
            await connection.execute(
                subscriptions.SEND.text, workspace, row["property_id"], "booking.updated",
                f"evt_bench{next(numbers):016d}", event["position"], 1, _BODY, now,
            )  # fmt: skip
            shown = dict(await connection.fetchrow(stays.GET.text, workspace, booking))
            return _encode(shown)

    config = uvicorn.Config(application, lifespan="off", access_log=False, log_level="warning")
    await uvicorn.Server(config).serve(sockets=[socket.socket(fileno=fd)])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
