"""`hospes serve` and `hospes worker`."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from hospes.base import data_folder, ids, metrics
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.secrets import keys_in
from hospes.base.settings import HELD, Settings
from hospes.capabilities import access, events, staff
from hospes.capabilities.events import cluster
from hospes.cli import demo
from hospes.cli.session import check_key, dsn_of, say, secret_key, vault_of
from hospes.cli.supervisor import Child, Supervisor, bind
from hospes.house import House, prepare
from hospes.house.application import DOORS
from hospes.providers import arrangements


def serve(settings: Settings, *, host: str, port: int, workers: int, with_worker: bool, with_demo: bool) -> int:
    """Serve until told to stop; returns the exit status. Raises Misconfigured."""
    with data_folder.claim(settings.data_dir), _folder_for_figures() as figures:
        # Every child inherits it: their figures come together there.
        os.environ[metrics.FOLDER] = figures
        listening = bind(host, port)
        address = f"http://{_shown(host)}:{listening.getsockname()[1]}"
        postgres = EmbeddedPostgres(settings.data_dir) if settings.database_url is None else None
        try:
            if "public_url" not in settings.model_fields_set:
                # Links in mail and on pages lead back here; the children inherit it.
                os.environ["HOSPES_PUBLIC_URL"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
            # Several processes count a key's calls together; one does without.
            fds = [listening.fileno()] + ([access.shared_windows.create()] if workers > 1 else [])
            children = [
                _child(settings, f"api {number + 1}", ["api", *map(str, fds)], *fds) for number in range(workers)
            ]
            if with_worker:
                children.append(_child(settings, "worker", ["worker"]))
            supervisor = Supervisor(children, say=say, postgres=postgres)
            with supervisor.preparing():
                if postgres:
                    postgres.start()
                credentials = asyncio.run(_prepare(settings, with_demo=with_demo))
                _announce(settings, address, credentials)
            return supervisor.run()
        finally:
            if postgres:
                postgres.stop()


def work(settings: Settings) -> int:
    """Run a worker alone, beside servers on the same PostgreSQL. Raises Misconfigured."""
    if settings.database_url is None:
        raise Misconfigured(
            "A worker of its own needs HOSPES_DATABASE_URL. With the embedded database, `hospes serve` runs one."
        )
    asyncio.run(_prepare(settings, with_demo=False))
    if settings.is_outbox_held:
        say(_held(settings))
    say("Working. Stop with Ctrl-C.")
    return Supervisor([_child(settings, "worker", ["worker"])], say=say).run()


async def _prepare(settings: Settings, *, with_demo: bool) -> demo.Credentials | None:
    dsn = dsn_of(settings)
    await check_key(settings, dsn)
    await prepare(dsn, say)
    house = House(settings, dsn, vault_of(settings))
    await house.open()
    try:
        # Before the first event: a month that has rows in the default partition gets none of its own.
        await events.keep_partitions(house.database, house.clock.now())
        await cluster.keep_ahead(house.database)
        keys = keys_in(secret_key(settings))
        # Made with the key of that day.
        credentials = await demo.fill(house, keys[-1]) if with_demo else None
        for key in keys:
            await _refuse_demo_in_public(house, key)
        return credentials
    finally:
        await house.close()


async def _refuse_demo_in_public(house: House, key: str) -> None:
    host = urlsplit(house.settings.public_url).hostname or ""
    is_public = not _is_loopback(host)
    if is_public and await access.brand_keys.is_live(house.database, demo.brand_key(key)):
        raise Misconfigured(
            f"HOSPES_PUBLIC_URL is {house.settings.public_url}, and the demo's brand key still works here. "
            "Turn it off first: hospes brand-keys list, then hospes brand-keys deactivate ID"
        )
    if is_public and await access.keys.is_live(house.database, demo.api_key(key)):
        raise Misconfigured(
            f"HOSPES_PUBLIC_URL is {house.settings.public_url}, and the demo workspace's key still works here. "
            "Revoke it first: hospes keys list, then hospes keys revoke ID"
        )
    owner = None if _is_loopback(host) else await staff.find_by_email(house.database, demo.OWNER)
    if owner is not None and owner.is_active:
        raise Misconfigured(
            f"HOSPES_PUBLIC_URL is {house.settings.public_url}, and the demo workspace's owner can still sign in here. "
            f"Stop that first: hospes staff disable {demo.OWNER}"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _folder_for_figures() -> Iterator[str]:
    """In memory where there is such a folder. The figures are mapped files: on a disk that is full, writing to
    them would end the process. Raises Misconfigured.
    """
    memory = "/dev/shm"  # noqa: S108 (the folder within it has a name of its own)
    where = memory if os.access(memory, os.W_OK | os.X_OK) else None
    try:
        folder = tempfile.TemporaryDirectory(prefix="hospes-metrics-", dir=where)
    except OSError as error:
        raise Misconfigured(f"There is no folder for temporary files ({error.strerror}). Set TMPDIR.") from None
    with folder as name:
        yield name


def _child(settings: Settings, name: str, arguments: list[str], *fds: int) -> Child:
    # A worker that is started again takes over from the one that died: they share a name.
    environment = {"HOSPES_DATA_DIR": str(Path(settings.data_dir).resolve()), "HOSPES_WORKER_NAME": ids.token("", 16)}
    return Child(name, [sys.executable, "-m", "hospes.cli.children", *arguments], environment, fds)


def _announce(settings: Settings, address: str, credentials: demo.Credentials | None) -> None:
    lines = [f"Hospes serves on {address}"]
    lines += [f"  {contract.DIALECT.title:<14} {address}{contract.DOCS}/docs" for contract in DOORS.values()]
    if credentials:
        base, key = next(iter(DOORS)), credentials.api_key
        lines += [
            f"  API key        {key}",
            f"  Try it         curl -H 'Authorization: Bearer {key}' {address}{base}/crm/guests",
            f"  Brand          {credentials.brand_id} with the key {credentials.brand_key}",
            f"  Wi-Fi page     {address}/p/{demo.SLUG}",
            f"  Sign in        {address}/staff with {credentials.staff.email} and {credentials.staff.password}",
        ]
    if settings.smtp_url is None:
        outbox = f"{address}/dev/outbox" if settings.dev_outbox else f"the folder {arrangements.folder(settings)}"
        lines.append(f"  Mail           is not sent, it lies in {outbox}")
    if settings.is_outbox_held:
        lines.append(f"  Outbox         {_held(settings)}")
    lines.append("Stop with Ctrl-C.")
    with suppress(OSError):
        print("\n".join(lines), flush=True)


def _held(settings: Settings) -> str:
    undo = "unset HOSPES_HOLD_OUTBOX" if settings.hold_outbox else f"remove {settings.data_dir / HELD}"
    return f"is held: nothing is sent. To send, {undo} and start again."


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 (recognised, not bound)
        return os.uname().nodename
    return f"[{host}]" if ":" in host else host
