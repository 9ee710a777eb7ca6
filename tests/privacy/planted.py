"""A guest who left something of theirs everywhere, each piece to be found again by a text of its own."""

from typing import Any, ClassVar

import asyncpg
import msgspec

from hospes.base import ids
from hospes.base.secrets import Vault
from hospes.capabilities import bookings, campaigns, events, guests, loyalty, messaging, missions, wallet
from hospes.capabilities.messaging.registrations import Target
from tests.living import Api, Receiver, ask
from tests.messaging.mailing import new_template, send
from tests.property_api.account import Account
from tests.wifi.test_radius import Network


class Tracked(events.Event, frozen=True):
    """As senders of the Audience API track what guests do."""

    TYPE: ClassVar[str] = "event.tracked"
    TITLE: ClassVar[str] = "Tracked"

    name: str
    attributes: dict[str, Any]
    context: dict[str, Any]
    device_id: str
    ltv: float


class Planted:
    """A guest of a workspace, and every text that is theirs alone."""

    def __init__(self, account: Account, network: Network, vault: Vault) -> None:
        self.account = account
        self.api: Api = account.api
        self.network = network
        self.vault = vault
        self.mark = "zq" + ids.token("", 10).lower()
        self.canaries: list[str] = []
        self.guest: dict[str, Any] = {}
        self.other: dict[str, Any] = {}
        self.booking_id = 0
        self.user_id = ""
        self.mac = self.ip = ""

    def canary(self) -> str:
        """A text that stands nowhere else."""
        self.canaries.append(f"{self.mark}n{len(self.canaries)}q")
        return self.canaries[-1]

    def email(self) -> str:
        return f"{self.canary()}@example.com"

    def phone(self) -> str:
        self.canaries.append("+336" + ids.digits(8))
        return self.canaries[-1]

    async def grow(self, receiver: Receiver) -> None:
        """Live for a while: through every door."""
        await self._profile()
        await self._stays(receiver)
        await self._messages()
        await self._wifi()
        await self._wallet()
        await self._audience()

    async def _profile(self) -> None:
        old = await self.api.new_guest(name=self.canary(), email=self.email(), phone=self.phone())
        change = {"name": self.canary(), "email": self.email()}
        attributes = {f"a{number}": self.canary() for number in range(60)}
        answer = await self.api.patch(f"/crm/guests/{old['id']}", {**change, "attributes": attributes})
        assert answer.status == 200, answer
        self.guest = answer.json()
        for _ in range(60):
            answer = await self.api.post(f"/crm/guests/{old['id']}/notes", {"text": f"Says {self.canary()}."})
            assert answer.status == 201, answer
        await self._another_record()

    async def _another_record(self) -> None:
        self.other = await self.api.new_guest(name=self.canary(), email=self.email())
        async with self.api.begin() as tx:
            self.user_id = self.canary()
            known = guests.Changes(identifiers=(("user_id", self.user_id), ("device", self.canary())))
            await guests.update(tx, self.guest["id"], known, evidence=self.canary())
            await guests.merge(tx, self.guest["id"], self.other["id"], evidence=self.canary())

    async def _stays(self, receiver: Receiver) -> None:
        body = {"propertyId": self.account.property_id, "url": receiver.url, "events": ["booking.created"]}
        assert (await self.account.post("/webhooks", body)).status == 201
        async with self.api.begin() as tx:
            await bookings.parameters.create(tx, key="wish", name="Wish")
        # The answer of whoever is told may hold what it was told.
        receiver.answers(200, body=self.canary().encode())
        party = bookings.Party(email=self.guest["email"])
        booking = await self.account.new_booking("2026-05-01", guest=party, notes=self.canary(), amount=480)
        self.booking_id = booking.id
        named = bookings.Party(
            first_name=self.canary(), last_name=self.canary(), address=bookings.party.Address(line1=self.canary())
        )
        async with self.api.begin() as tx:
            changes = bookings.Changes(custom={"wish": self.canary()}, guest=named)
            await bookings.change(tx, booking.id, changes, evidence="test")
            mission = missions.NewMission(
                property_id=self.account.property_id,
                booking_id=booking.id,
                mission_type="other",
                title=f"Flowers for {self.canary()}",
                description=self.canary(),
                scheduled_at=tx.now,
            )
            await missions.create(tx, mission)
        await self.api.deliver()

    async def _messages(self) -> None:
        await new_template(self.api)
        for _ in range(30):
            await send(self.api, self.guest, guest_name=self.canary())
        async with self.api.begin() as tx:
            code = messaging.outbox.Draft(
                channel="email", purpose="transactional", address=self.guest["email"], text=f"{self.canary()} {{code}}"
            )
            await messaging.codes.issue(tx, self.vault, purpose="portal", draft=code)
            await messaging.suppressions.add(tx, "email", self.guest["email"], reason=self.canary())
            failed = await messaging.outbox.put(tx, msgspec.structs.replace(code, guest_id=self.guest["id"]))
            told = messaging.feedback.Told("", "bounced", f"550 {self.canary()} is unknown")
            await messaging.feedback.note(tx, failed, told)
            note = campaigns.Content(subject=self.canary(), html=f"<p>{self.canary()}</p>")
            name = self.canary()
            await campaigns.send_one(tx, self.guest["id"], "email", note, name=name, is_transactional=True)

    async def _wifi(self) -> None:
        mac, ip = self._mac(), f"10.{ids.digits(2)}.{ids.digits(2)}.77"
        self.canaries += [mac, ip]
        await self.network.account("Start", "before", Calling_Station_Id=mac, Framed_IP_Address=ip)
        await self.network.account("Stop", "before", Calling_Station_Id=mac)
        portal = (await self.api.workspace("GET", f"/portals/{self.api.portal_id}")).json()
        headers = [(b"host", b"testserver"), (b"content-type", b"application/x-www-form-urlencoded")]
        answer = await ask(
            self.api.home.application,
            "POST",
            f"/p/{portal['slug']}",
            headers=headers,
            query=f"mac={mac}".encode(),
            body=f"name=A&email={self.guest['email']}".encode(),
        )
        assert answer.status == 200, answer
        await self.network.account("Start", "s-1", Calling_Station_Id=mac, Framed_IP_Address=ip)
        self.mac, self.ip = mac, ip

    @staticmethod
    def _mac() -> str:
        return "a483e7" + "".join("0123456789abcdef"[int(pair) % 16] for pair in map("".join, _pairs(ids.digits(12))))

    async def _wallet(self) -> None:
        token = "".join("0123456789abcdef"[int(pair) % 16] for pair in map("".join, _pairs(ids.digits(64))))
        self.canaries.append(token)
        async with self.api.begin() as tx:
            await loyalty.add(tx, self.guest["id"], 120, note=self.canary())
            made = await wallet.passes.issue(tx, self.vault, guest_id=self.guest["id"], portal_id=self.api.portal_id)
            await wallet.pass_devices.register(tx, made, device=self.canary(), push_token=token)
            target = Target(platform="android", address=self.canary() + ids.token("", 120))
            await messaging.registrations.register(tx, self.vault, self.guest["id"], target)

    async def _audience(self) -> None:
        async with self.api.begin() as tx:
            for _ in range(20):
                happened = Tracked(
                    guest_id=self.guest["id"],
                    name="room_viewed",
                    attributes={"said": self.canary()},
                    context={"ip": self.canary()},
                    device_id=self.canary(),
                    ltv=12.5,
                )
                await events.record(tx, happened)

    async def found(self) -> list[str]:
        """The canaries that stand in the clear anywhere in the database."""
        dump = await dumped(self.api.home.dsn)
        return [canary for canary in self.canaries if canary in dump]


def _pairs(text: str) -> list[tuple[str, str]]:
    return list(zip(text[::2], text[1::2], strict=True))


async def dumped(dsn: str) -> str:
    """Every row of every table as text, bytes as the characters that they hold."""
    connection = await asyncpg.connect(dsn)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    text = []
    for (table,) in tables:
        rows = await connection.fetch(f'SELECT * FROM "{table}"')
        text += [" ".join(_read(value) for value in row.values()) for row in rows]
    await connection.close()
    return "\n".join(text)


def _read(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


async def figures(planted: Planted) -> dict[str, Any]:
    """What the business counts by: none of it may change because somebody was erased."""
    api = planted.api
    connection = await asyncpg.connect(api.home.dsn)
    counted = {}
    for name, statement in _FIGURES.items():
        counted[name] = [str(tuple(row)) for row in await connection.fetch(statement, api.workspace_id)]
    await connection.close()
    answer = await api.get("/analytics/overview")
    shown = answer.json()
    # How many there are now, and are online, is one less, as it must be.
    counted["overview"] = {
        name: value for name, value in shown.items() if name not in ("guests_total", "active_sessions")
    }
    return counted


_FIGURES = {
    "ledger": "SELECT account, sum(points) FROM loyalty_entries WHERE workspace_id = $1 GROUP BY 1 ORDER BY 1",
    "movements": "SELECT kind, count(*), sum(points) FROM loyalty_movements WHERE workspace_id = $1 GROUP BY 1",
    "stays": "SELECT status, count(*), sum(amount) FROM bookings WHERE workspace_id = $1 GROUP BY 1",
    "nights": "SELECT count(*) FROM booking_nights WHERE workspace_id = $1",
    "sent": "SELECT count(*) FROM messages WHERE workspace_id = $1",
    "visits": "SELECT count(*), min(started_at) FROM visits WHERE workspace_id = $1",
    "sessions": "SELECT count(*), sum(bytes_in) FROM wifi_sessions WHERE workspace_id = $1",
    "visitors": "SELECT count(*) FROM visitors WHERE workspace_id = $1",
    "days": "SELECT metric, day_on, sum(value) FROM day_counts WHERE workspace_id = $1 GROUP BY 1, 2 ORDER BY 1, 2",
    "events": "SELECT type, count(*) FROM events WHERE workspace_id = $1 AND type <> 'guest.erased' GROUP BY 1 ORDER BY 1",
    "worth": "SELECT sum((payload ->> 'ltv')::numeric) FROM events WHERE workspace_id = $1 AND type = 'event.tracked'",
}
