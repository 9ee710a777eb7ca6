"""What commands share: settings, the key, and a database to talk to."""

import asyncio
import hashlib
import json
import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from hospes.base import data_folder, key_check, postgres_home
from hospes.base.errors import HospesError, Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.secrets import Vault, new_key, vault_from
from hospes.base.settings import Settings
from hospes.capabilities.events import cluster
from hospes.house import House, prepare

T = TypeVar("T")

# Options that commands share.
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where data is kept. Default: HOSPES_DATA_DIR or .hospes")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def say(text: str) -> None:
    """Progress goes to standard error, so that `--json` on standard output stays clean."""
    # Where that is a file on a full disk, the work goes on.
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode())


def show(value: Any) -> None:
    """JSON on standard output."""
    print(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False), flush=True)


def show_hook(kind: str, secret: Callable[[Vault], str], *, data_dir: Path | None, as_json: bool) -> None:
    """The address to which others report; `secret` makes its last part."""
    with told():
        settings = settings_for(data_dir)
        url = f"{settings.public_url}/hooks/{kind}/{secret(vault_of(settings))}"
    if as_json:
        show({"url": url})
    else:
        print(url)


@contextmanager
def told() -> Iterator[None]:
    """Turns the house's errors into one sentence and exit status 1."""
    try:
        yield
    except HospesError as error:
        say(f"hospes: {error.message}")
        raise SystemExit(1) from None


def secret_key(settings: Settings) -> str:
    """`HOSPES_SECRET_KEY`, or the key in the data folder, made the first time. Raises Misconfigured."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = key_file(settings)
    try:
        if not path.exists():
            _write_key(path)
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(
            f"The key {path} cannot be read or made ({error.strerror}). Set HOSPES_SECRET_KEY, or mend the folder."
        ) from None


def key_file(settings: Settings) -> Path:
    """Where the key is kept that no setting gives. Raises Misconfigured."""
    return data_folder.make(settings.data_dir) / "secret.key"


async def check_key(settings: Settings, dsn: str) -> None:
    """Raises Misconfigured, with nothing written, when the key is not the database's, or is gone."""
    is_given = settings.secret_key is not None or key_file(settings).exists()
    await key_check.before(dsn, vault_of(settings) if is_given else None)


def _write_key(path: Path) -> None:
    """Raises OSError, and leaves no half of a key."""
    with suppress(FileExistsError):
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(made, "w") as file:
                file.write(new_key() + "\n")
        except OSError:
            path.unlink()
            raise


def vault_of(settings: Settings) -> Vault:
    return vault_from(secret_key(settings))


def dsn_of(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return EmbeddedPostgres(settings.data_dir).dsn


@contextmanager
def database_running(settings: Settings) -> Iterator[None]:
    """The database answers inside: the configured one, a running server's, or our own for the moment."""
    if settings.database_url is not None:
        yield
        return
    try:
        folder = data_folder.claim(settings.data_dir)
    except Misconfigured as error:
        if "already uses" not in error.message:
            raise
        yield  # a server runs on this folder: its database is ours too
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    with folder:
        try:
            postgres.start()
            yield
        finally:
            postgres.stop()


def with_house(settings: Settings, work: Callable[[House], Awaitable[T]]) -> T:
    """Open the house on a migrated database, do the work, close it."""

    async def run() -> T:
        dsn = dsn_of(settings)
        await check_key(settings, dsn)
        await prepare(dsn, say)
        house = House(settings, dsn, vault_of(settings))
        await house.open()
        try:
            await cluster.keep_ahead(house.database)
            return await work(house)
        finally:
            await house.close()

    with told(), database_running(settings):
        return asyncio.run(run())


def settings_for(data_dir: Path | None) -> Settings:
    """The environment's settings, with the folder that was asked for. Raises Misconfigured."""
    try:
        settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    except ValueError as error:
        first = str(error).splitlines()
        raise Misconfigured(f"A setting is not valid: {' '.join(line.strip() for line in first[1:3])}") from None
    return settings if "data_dir" in settings.model_fields_set else _reachable(settings)


def _reachable(settings: Settings) -> Settings:
    """Root's own folders are barred to the user that PostgreSQL runs as: then the data goes to /var/lib.

    Only for a folder that nobody chose; each checkout has one of its own.
    """
    folder = settings.data_dir.resolve()
    if os.geteuid() != 0 or settings.database_url is not None or folder.exists():
        return settings
    account = pwd.getpwnam("nobody")
    barred = postgres_home.first_barred(folder.parent, postgres_home.Account(account.pw_uid, account.pw_gid))
    if barred is None:
        return settings
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    other = Path("/var/lib/hospes") / f"{folder.parent.name}-{digest}"
    return settings.model_copy(update={"data_dir": other})
