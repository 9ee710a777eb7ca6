"""Making the files of the embedded PostgreSQL, once per data folder."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from hospes.base import postgres_home
from hospes.base.errors import Misconfigured
from hospes.base.postgres_home import Account, Home, spawn

NAME = "hospes"  # the user and the database
_INIT_SECONDS = 120


def ensure(place: Home, programs: Path, account: Account) -> None:
    """Make the cluster, unless it is there. Raises Misconfigured when that cannot be done.

    It is made beside its place and moved there complete: half a cluster would block every later start.
    """
    if (place.cluster / "PG_VERSION").exists():
        _check_owner(place.cluster, account)
        return
    if place.cluster.exists() and any(place.cluster.iterdir()):
        raise Misconfigured(f"{place.cluster} holds no PostgreSQL cluster, yet is not empty. Move it away.")
    for leftover in place.data_dir.glob("postgres.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    making = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=place.data_dir))
    postgres_home.own(making, account)
    _make_cluster(making, programs, account)
    making.rename(place.cluster)
    folder = os.open(place.data_dir, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _check_owner(cluster: Path, account: Account) -> None:
    wanted = os.geteuid() if account.uid is None else account.uid
    if cluster.stat().st_uid != wanted:
        raise Misconfigured(
            f"{cluster} belongs to another user. Run Hospes as that user, or choose another folder with --data-dir."
        )


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
