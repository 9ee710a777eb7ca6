"""`hospes backup`: a copy of a data folder while its server runs."""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from hospes.base import data_folder, postgres_home
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.settings import HELD, Settings
from hospes.cli.session import DataDir, Json, database_running, say, secret_key, settings_for, show, told


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to put it; made when missing, else it has to be empty.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Copy the data folder, also under load; a server that starts on the copy sends nothing by itself."""
    with told():
        settings = settings_for(data_dir)
        if settings.database_url is not None:
            raise Misconfigured(
                "HOSPES_DATABASE_URL is a PostgreSQL of your own. Back it up with pg_dump or pg_basebackup, "
                "and start the copy with HOSPES_HOLD_OUTBOX=1."
            )
        with database_running(settings):
            made = _copy(settings, folder)
    if as_json:
        show({"folder": str(made)})
    else:
        say(f"Made. To run it: hospes serve --data-dir {made}")


def _copy(settings: Settings, folder: Path) -> Path:
    """Returns the folder's real path. What could not be finished is removed again. Raises Misconfigured."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misconfigured(f"{folder} is not empty. Choose another folder for the backup.")
    made = data_folder.make(folder)
    try:
        # First of all: there is no moment at which the copy would send.
        (made / HELD).write_text("This folder is a copy. While this file is here, the copy sends nothing.\n")
        _copy_database(EmbeddedPostgres(settings.data_dir).dsn, made / "postgres")
        if settings.secret_key is None:
            key = made / "secret.key"
            key.touch(mode=0o600)
            key.write_text(secret_key(settings) + "\n")
    except (OSError, Misconfigured) as error:
        for part in made.iterdir():
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        if isinstance(error, OSError):
            raise Misconfigured(f"The backup could not be written: {error.strerror}.") from None
        raise
    return made


def _copy_database(dsn: str, to: Path) -> None:
    program = postgres_home.wheel_programs() / "pg_basebackup"
    # With all that is written meanwhile, so that the copy is whole by itself.
    command = [str(program), "-d", dsn, "-D", str(to), "-X", "stream", "-c", "fast"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the command is ours)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["pg_basebackup did not say why."]
        raise Misconfigured(f"The backup could not be made: {words[-1].removeprefix('pg_basebackup: ')}")
