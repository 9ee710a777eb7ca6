"""Packages from npm for tests: what a folder's `package-lock.json` pins, installed there at the first need."""

import fcntl
import hashlib
import os
import runpy
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[1] / "assets" / "build.py"

# What npm and Node call it when nobody answers at the other end.
UNREACHABLE = (
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT",
    "ETIMEDOUT",
)


def node_with_packages(folder: Path, *, oldest: int | None = None) -> Path:
    """Node, once the folder's packages are installed. Skips the test when npm's registry cannot be reached.

    `oldest` is the least that these packages need, when that is more than the house does.
    """
    build = runpy.run_path(str(BUILD))
    found_here = build["find_node"]()
    if found_here and oldest and _major(found_here[0]) < oldest:
        found_here = None
    node, npm = found_here or build["fetched_node"]()
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".stamp"
    with only_one(folder):
        if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
            install(folder, node, npm)
            stamp.write_text(wanted, "utf-8")
    found: Path = node
    return found


def _major(node: Path) -> int:
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return int(asked.stdout.strip().removeprefix("v").partition(".")[0])


def install(folder: Path, node: Path, npm: list[str]) -> None:
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--fetch-retries=0"],
        cwd=folder,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode and any(word in said for word in UNREACHABLE):
        pytest.skip("npm's registry cannot be reached, and this test's packages come from there.")
    assert done.returncode == 0, said


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Test processes side by side install once."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
