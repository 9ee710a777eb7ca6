"""Another key, while the house is at work (cases P27, P33), and a start without the right one (case P28)."""

import asyncio
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hospes.base.clock import ManualClock
from hospes.base.errors import Misconfigured, NotFound
from hospes.base.secrets import Unreadable, Vault, new_key, vault_from
from hospes.base.settings import Settings
from hospes.capabilities import bookings, messaging, record, wallet
from hospes.capabilities.calendars import subscriptions
from hospes.capabilities.campaigns import links
from hospes.capabilities.messaging import letters, registrations, sending
from hospes.capabilities.messaging.registrations import Target
from hospes.cli import doctor
from hospes.doors import sms_hook
from hospes.house import SEALED, House, chores, prepare
from tests.conftest import NOON, with_database
from tests.live import COMMAND
from tests.living import Api, Home, Receiver
from tests.privacy.planted import dumped
from tests.property_api.account import Account

OLD, NEW = base64.b64encode(bytes(range(32))).decode(), base64.b64encode(bytes(range(100, 132))).decode()
BOTH = f"{NEW},{OLD}"
CODES = 60


@pytest.fixture
async def apart(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of the test's own: a key is everybody's."""
    name = f"apart_{os.getpid()}_{abs(hash(request.node.name))}"
    connection = await asyncpg.connect(dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    made = with_database(dsn, name)
    await prepare(made, lambda _: None)
    yield made
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@contextlib.asynccontextmanager
async def home_with(dsn: str, keys: str, settings: Settings, clock: ManualClock) -> AsyncIterator[Home]:
    server, workshop = (House(settings, dsn, vault_from(keys), clock=clock) for _ in range(2))
    async with server.serving() as application, workshop.working() as worker:
        yield Home(server, application, worker, clock, dsn)


def moved(home: Home, api: Api) -> Api:
    """The same caller, of a house that was started again."""
    again = Api(home, api.workspace_id, api.key, api.location_id, api.portal_id)
    again.tokens = api.tokens
    return again


class Planted:
    """A workspace with something sealed in every place that there is."""

    def __init__(self, account: Account, webhook_id: int) -> None:
        self.account = account
        self.api = account.api
        self.webhook_id = webhook_id
        self.codes: dict[int, bytes] = {}

    @classmethod
    async def grow(cls, home: Home, receiver: Receiver) -> "Planted":
        api = await home.new_api()
        account = await Account.open(home, api)
        webhook = await api.new_webhook(receiver, "guest.created")
        made = cls(account, webhook["id"])
        assert (await api.post(f"/webhooks/{webhook['id']}/rotate-secret")).status == 200
        await api.post(
            "/crm/guests", {"location_id": api.location_id, "name": "Anna"}, headers={"Idempotency-Key": "k"}
        )
        guest = await api.new_guest()
        vault = home.server.vault
        async with api.begin() as tx:
            one: dict[str, Any] = {"property_id": account.property_id, "url": receiver.url, "channel": "airbnb"}
            await subscriptions.create(tx, vault, home.server.destinations, **one)
            target = Target(platform="android", address="token" * 30)
            await registrations.register(tx, vault, guest["id"], target)
        for number in range(CODES):
            day = (NOON + timedelta(days=7 * number)).date()
            booking = await account.new_booking(str(day))
            await made.lock(vault, booking.id, b"%06d" % number)
        return made

    async def lock(self, vault: Vault, booking_id: int, code: bytes) -> None:
        async with self.api.begin() as tx:
            booking = await bookings.get(tx, booking_id)
            place = bookings.stays.lock_place(tx.workspace_id, booking_id)
            await bookings.stays.set_lock_code(tx, booking, vault.seal(code, place))
        self.codes[booking_id] = code


LEFT = {
    "answers": "SELECT count(*) FROM idempotency_keys WHERE substr(answer, 2, 4) = $1",
    "secrets": "SELECT count(*) FROM webhook_endpoints WHERE substr(secret, 2, 4) = $1 OR substr(old_secret, 2, 4) = $1",
    "codes": "SELECT count(*) FROM bookings WHERE substr(lock_code, 2, 4) = $1",
    "calendars": "SELECT count(*) FROM calendars WHERE substr(url, 2, 4) = $1",
    "phones": "SELECT count(*) FROM push_registrations WHERE substr(target, 2, 4) = $1 OR substr(keys, 2, 4) = $1",
    "house": "SELECT count(*) FROM installation WHERE substr(secret_check, 2, 4) = $1 OR substr(root, 2, 4) = $1 "
    "OR substr(vapid_key, 2, 4) = $1",
}


async def under(dsn: str, keys: str) -> dict[str, int]:
    """How many values today's key of these sealed."""
    connection = await asyncpg.connect(dsn)
    found = {name: await connection.fetchval(text, vault_from(keys).key_id) for name, text in LEFT.items()}
    await connection.close()
    return found


RESEAL = """
import asyncio, sys
import msgspec
from hospes.base.resealing import reseal
from hospes.base.secrets import vault_from
from hospes.base.settings import Settings
from hospes.house import SEALED, House
def told(one):
    def place(*key):
        print("next", flush=True)
        sys.stdin.readline()
        return one.place(*key)
    return msgspec.structs.replace(one, place=place)
async def main(dsn, keys):
    house = House(Settings(pool_size=2), dsn, vault_from(keys))
    await house.open()
    await reseal(house.database, house.vault, [told(one) for one in SEALED], most=1)
asyncio.run(main(*sys.argv[1:]))
"""


async def killed_while_resealing(dsn: str) -> None:
    """Somebody reseals one value at a time, each when told, and is killed over the eleventh."""
    before = sum((await under(dsn, OLD)).values())
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RESEAL,
        dsn,
        BOTH,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(11):
        assert await child.stdout.readline() == b"next\n"
        child.stdin.write(b"\n")
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert 0 < sum((await under(dsn, OLD)).values()) <= before - 10


async def test_a_key_is_changed_under_load_and_through_kills(
    apart: str, settings: Settings, clock: ManualClock, receiver: Receiver
) -> None:
    """P27: no read fails; afterwards nothing is under the old key, which can go."""
    async with home_with(apart, OLD, settings, clock) as home:
        planted = await Planted.grow(home, receiver)
    assert min((await under(apart, OLD)).values()) > 0
    over, failed, read = asyncio.Event(), list[str](), 0

    async def work(home: Home, api: Api, number: int) -> None:
        nonlocal read
        own, sealing = list(planted.codes)[number::10], home.server.vault
        while not over.is_set():
            for booking_id in own:
                place = bookings.stays.lock_place(api.workspace_id, booking_id)
                booking = await bookings.get(api.reader(), booking_id)
                if sealing.open(booking.lock_code or b"", place) != planted.codes[booking_id]:
                    failed.append(f"{booking_id} has another code")
                await planted.lock(sealing, booking_id, b"%06d" % read)
                read += 1
            again = await api.ask(
                "POST",
                "/crm/guests",
                {"location_id": api.location_id, "name": "Anna"},
                headers={"Idempotency-Key": "k"},
            )
            if again.status != 201:
                failed.append(repr(again))

    async with home_with(apart, BOTH, settings, clock) as home:
        api = planted.api = planted.account.api = moved(home, planted.api)
        # Most are left alone by whoever writes, so that there is something to be sealed anew.
        working = [asyncio.create_task(work(home, api, number)) for number in range(1)]
        for _ in range(3):
            await killed_while_resealing(apart)
        await chores.reseal(home.server)
        over.set()
        await asyncio.gather(*working)
        says = [finding.says for finding in await doctor.examine(home.server) if finding.what == "secret key"]

    assert (failed, read > 0) == ([], True)
    assert under_none(await under(apart, OLD))
    assert says == ["fits this database; the older ones can go: hospes secret-key retire"]
    async with home_with(apart, NEW, settings, clock) as home:
        for booking_id, code in planted.codes.items():
            booking = await bookings.get(moved(home, api).reader(), booking_id)
            place = bookings.stays.lock_place(api.workspace_id, booking_id)
            assert home.server.vault.open(booking.lock_code or b"", place) == code
        await moved(home, api).new_guest()
        await moved(home, api).deliver()
        assert receiver.received
    house = House(settings, apart, vault_from(OLD), clock=clock)
    with pytest.raises(Misconfigured):
        await house.open()
    await house.close()


async def test_what_was_written_since_it_was_read_is_not_written_over(
    apart: str, settings: Settings, clock: ManualClock, receiver: Receiver
) -> None:
    """P27"""
    async with home_with(apart, OLD, settings, clock) as home:
        api = await home.new_api()
        await api.new_webhook(receiver)
        database = home.server.database
        column = next(one for one in SEALED if one.name == "webhook_endpoints.secret")
        new = vault_from(BOTH)
        [(workspace_id, endpoint_id, was)] = await database.fetch(column.find, new.key_id, 500)

        rotated = (await api.post(f"/webhooks/{endpoint_id}/rotate-secret")).json()["secret"]
        place = column.place(workspace_id, endpoint_id)
        stale = new.seal(new.open(was, place), place)
        await database.execute(column.put, [workspace_id], [endpoint_id], [was], [stale])

        [(_, _, kept)] = await database.fetch(column.find, new.key_id, 500)
        assert new.open(kept, place).decode() == rotated


def under_none(found: dict[str, int]) -> bool:
    return found == dict.fromkeys(LEFT, 0)


async def test_links_of_before_live_to_their_date_while_the_old_key_is_there_and_die_with_it(
    home: Home, api: Api
) -> None:
    """P33: for the wallet, an export, unsubscribing, a click, a pixel, a receipt, and the hook's address."""
    old, both, new = vault_from(OLD), vault_from(BOTH), vault_from(NEW)
    both.root_of(old.seal(b"", ""))
    new.take_root(both.sealed_root("installation/root"), "installation/root")
    guest = await api.new_guest()
    async with api.begin() as tx:
        opens, _ = await wallet.links.issue(
            tx, old, guest_id=guest["id"], portal_id=api.portal_id, ttl=timedelta(hours=1)
        )
        export = await record.exporting.offer(tx, old, guest["id"])
    stops = sending.unsubscribe_url(api.reader(), guest["id"], vault=old, public_url="").removeprefix("/u/")
    marker = links.Marker(old, "", api.workspace_id, 7)
    clicks = marker.click_url("https://cafe.example/").removeprefix("/u/c/")
    pixel = marker.open_url().removeprefix("/u/o/")
    ways: dict[str, Any] = {
        "wallet": lambda vault: wallet.links.read(vault, opens),
        "export": lambda vault: record.exporting.asked(vault, export.token),
        "unsubscribe": lambda vault: messaging.unsubscribed(vault, stops),
        "click": lambda vault: links.clicked(vault, clicks),
        "pixel": lambda vault: links.opened(vault, pixel),
        "receipt": lambda vault: letters.marked(vault, letters.mark(old, api.workspace_id, 7)),
        "hook": lambda vault: vault.is_mark(sms_hook.secret(old), "sms", "hook"),
    }

    assert [name for name, read in ways.items() if not is_read(read, both)] == []
    assert [name for name, read in ways.items() if is_read(read, new)] == []

    home.clock.advance(hours=1)
    with pytest.raises(wallet.links.LinkEnded):
        await wallet.links.follow(api.reader(), wallet.links.read(both, opens))
    home.clock.advance(days=1)
    with pytest.raises(NotFound):
        async with api.begin() as tx:
            await record.exporting.use(tx, record.exporting.asked(both, export.token))


def is_read(read: Any, vault: Vault) -> bool:
    try:
        return bool(read(vault))
    except (Unreadable, wallet.links.LinkEnded):
        return False


async def test_what_has_to_come_out_the_same_again_does_so_under_every_later_key(
    apart: str, settings: Settings, clock: ManualClock
) -> None:
    """Addresses of calendars, names of phones and tokens are derived: they outlive the key."""
    made = []
    for keys in (OLD, BOTH, NEW, f"{new_key()},{NEW}"):
        async with home_with(apart, keys, settings, clock) as home:
            made.append(home.server.vault.derive("9001", "calendar"))
            assert await chores.reseal(home.server) == 0

    assert made == [Vault(bytes(range(32))).derive("9001", "calendar")] * 4


async def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """What a command says to the terminal, and how it ends."""
    child = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    return child.returncode or 0, said.decode()


@pytest.mark.parametrize("command", ["serve", "worker", "doctor"])
@pytest.mark.parametrize("key", [NEW, None])
async def test_without_the_key_or_with_another_nothing_starts_and_nothing_is_written(
    apart: str, settings: Settings, clock: ManualClock, tmp_path: Path, command: str, key: str | None
) -> None:
    """P28: not even a migration."""
    house = House(settings, apart, vault_from(OLD), clock=clock)
    await house.open()
    await house.close()
    connection = await asyncpg.connect(apart)
    await connection.execute("DELETE FROM schema_migrations WHERE version = '0019_root'")
    await connection.execute("ALTER TABLE installation DROP COLUMN root")
    before = await dumped(apart)

    environment = {"HOSPES_DATABASE_URL": apart, "HOSPES_DATA_DIR": str(tmp_path / "data")}
    status, said = await run(command, **environment | ({"HOSPES_SECRET_KEY": key} if key else {}))

    assert status == 1
    assert said.count("\n") == 1
    assert said.startswith("hospes: The secrets" if key else "hospes: The key that sealed the secrets")
    assert await dumped(apart) == before
    assert not await connection.fetchval("SELECT count(*) FROM pg_attribute WHERE attname = 'root'")
    assert not (tmp_path / "data" / "secret.key").exists()
    await connection.close()


async def test_the_commands_put_a_new_key_first_and_drop_the_old_one_when_nothing_needs_it(
    apart: str, tmp_path: Path
) -> None:
    environment = {"HOSPES_DATABASE_URL": apart, "HOSPES_DATA_DIR": str(tmp_path)}
    assert (await run("workspace", "create", "Cafe", **environment))[0] == 0
    first = (tmp_path / "secret.key").read_text()

    rotated = await run("secret-key", "rotate", **environment)
    both = (tmp_path / "secret.key").read_text()
    retired = await run("secret-key", "retire", **environment)
    last = (tmp_path / "secret.key").read_text()
    examined = await run("doctor", **environment)

    assert (rotated[0], retired[0], examined[0]) == (0, 0, 0), (rotated, retired, examined)
    assert both.endswith(first)
    assert both == last + first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    given = await run("secret-key", "rotate", HOSPES_SECRET_KEY=OLD, **environment)
    assert given[1].strip().endswith(f",{OLD}")
    assert (tmp_path / "secret.key").read_text() == last
