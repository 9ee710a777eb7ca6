"""Making the files of the embedded PostgreSQL, once per data folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from hospes.base import postgres_home
from hospes.base.errors import Misconfigured
from hospes.base.postgres_home import Account, Home, spawn
from hospes.base.processes import wait_until

NAME = "hospes"  # the user and the database
_INIT_SECONDS = 120
_REMOVE_SECONDS = 5


def ensure(place: Home, programs: Path, account: Account) -> None:
    """Make the cluster, unless it is there. Raises Misconfigured when that cannot be done.

    It is made beside its place and moved there complete: half a cluster would block every later start.
    """
    for leftover in place.data_dir.glob("postgres.new-*"):
        _remove(leftover)
    if (place.cluster / "PG_VERSION").exists():
        _claim_owner(place.cluster, account)
        return
    if place.cluster.exists() and any(place.cluster.iterdir()):
        raise Misconfigured(f"{place.cluster} holds no PostgreSQL cluster, yet is not empty. Move it away.")
    _check_name(account)
    making = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=place.data_dir))
    postgres_home.own(making, account)
    _make_cluster(making, programs, account)
    making.rename(place.cluster)
    folder = os.open(place.data_dir, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _remove(leftover: Path) -> None:
    """Again and again: what a killed `initdb` had started still writes for a moment."""

    def is_removed() -> bool:
        shutil.rmtree(leftover, ignore_errors=True)
        return not leftover.exists()

    wait_until(is_removed, _REMOVE_SECONDS, every=0.02)


def _claim_owner(cluster: Path, account: Account) -> None:
    owner = cluster.stat().st_uid
    if owner == 0 and account.uid is not None and account.gid is not None:  # restored by root
        for path in (cluster, *cluster.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    elif owner != _uid(account):
        raise Misconfigured(
            f"{cluster} belongs to another user. Run Hospes as that user, or choose another folder with --data-dir."
        )


def _check_name(account: Account) -> None:
    """`initdb` asks for the user's name, and a container may run us under a number that has none."""
    try:
        pwd.getpwuid(_uid(account))
    except KeyError:
        raise Misconfigured(
            f"The user Hospes runs as (uid {_uid(account)}) has no name on this machine, which PostgreSQL asks for. "
            "Add one to /etc/passwd, or set HOSPES_DATABASE_URL."
        ) from None


def _uid(account: Account) -> int:
    return os.geteuid() if account.uid is None else account.uid


def _make_cluster(making: Path, programs: Path, account: Account) -> None:
    initdb, where = str(programs / "initdb"), ["-D", str(making)]
    # The built-in C.UTF-8 knows the letters of all scripts and is the same on every machine.
    locale = ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _finish([initdb, *where, "-U", NAME, "-A", "trust", *locale, "--no-sync", "--no-instructions"], account)
    _finish(
        [str(programs / "postgres"), "--single", "-F", *where, "template1"],
        account,
        given=f"CREATE DATABASE {NAME} STRATEGY file_copy\n".encode(),
    )
    _finish([initdb, *where, "--sync-only"], account)  # once, for all of the above


def _finish(command: list[str], account: Account, *, given: bytes = b"") -> None:
    process = spawn(command, account, dies_by=signal.SIGKILL, output=subprocess.PIPE)
    try:
        said, _ = process.communicate(given, timeout=_INIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    if process.returncode or b"ERROR:" in said:
        words = said.decode(errors="replace").strip().splitlines()
        raise Misconfigured(f"PostgreSQL could not make its data folder: {' '.join(words[-3:]) or process.returncode}")
