"""`hospes secret-key`: another key for the secrets in the database, without a pause."""

import os
from pathlib import Path

import typer

from hospes.base.errors import Misconfigured
from hospes.base.secrets import keys_in, new_key
from hospes.base.settings import Settings
from hospes.cli.session import DataDir, Json, key_file, secret_key, settings_for, show, told, with_house
from hospes.house import chores

app = typer.Typer(no_args_is_help=True, help="The key that seals secrets in the database.")


@app.command()
def rotate(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Put a new key before those in use. Start the server again with it; its worker seals everything anew."""
    with told():
        settings = settings_for(data_dir)
        keys = [new_key(), *keys_in(secret_key(settings))]
        _keep(settings, keys)
    if as_json:
        show({"keys": len(keys), "is_in_file": settings.secret_key is None})
    elif settings.secret_key is None:
        print("The new key is in secret.key, before the old one. Now start the server again.")
    else:
        print(f"Set HOSPES_SECRET_KEY to this, everywhere, and start again:\n{','.join(keys)}")


@app.command()
def retire(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Seal what is left with the first key, and drop the others. Links that they signed end with them."""
    with told():
        settings = settings_for(data_dir)
        keys = keys_in(secret_key(settings))
        left = with_house(settings, chores.reseal)
        if left:
            raise Misconfigured(f"{left} values are still sealed with an older key. See the log, then try again.")
        _keep(settings, keys[:1])
    if as_json:
        show({"retired": len(keys) - 1, "is_in_file": settings.secret_key is None})
    elif settings.secret_key is None:
        print(f"{len(keys) - 1} older keys are out of secret.key. Now start the server again.")
    else:
        print("Nothing needs the older keys. Leave only the first in HOSPES_SECRET_KEY, and start again.")


def _keep(settings: Settings, keys: list[str]) -> None:
    """In the file, all or nothing; what stands in the environment is the operator's. Raises Misconfigured."""
    if settings.secret_key is not None:
        return
    path = key_file(settings)
    beside = path.with_name("secret.key.new")
    try:
        beside.unlink(missing_ok=True)
        made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w") as file:
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise Misconfigured(f"The key {path} cannot be written ({error.strerror}). Mend the folder.") from None


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
