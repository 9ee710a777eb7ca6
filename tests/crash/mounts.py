"""Small file systems of their own, for disks that are full or read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.live import data_folder


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    """A disk of this size in memory; skips the test where nothing may be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a disk that can be filled")
    folder = data_folder()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "none", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"this machine lets nobody mount a disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def make_writable(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Write a file that leaves so many bytes, or not one; returns it, to be removed."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        while (free := free_bytes(disk)) > leave:
            with suppress(OSError):
                file.write(b"\0" * min(1 << 20, free - leave))
    return filler


def free_bytes(disk: Path) -> int:
    state = os.statvfs(disk)
    return state.f_bavail * state.f_frsize
