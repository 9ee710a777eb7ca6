"""Receivers' own verifiers in JavaScript, run by Node.

The packages are what `package-lock.json` pins, installed here at the first need, without scripts.
"""

import base64
import fcntl
import hashlib
import json
import os
import runpy
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.living import Received

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / "assets" / "build.py"
STAMP = HERE / "node_modules" / ".stamp"

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

Request = tuple[str, Received, datetime]


class Verifiers:
    """The contract's JavaScript and the npm packages `standardwebhooks` and `svix`."""

    def __init__(self, node: Path) -> None:
        self._node = node

    def verdicts(self, *requests: Request) -> list[dict[str, bool]]:
        """For each request (secret, what was received, the verifier's present): who accepts it."""
        asked = [
            {
                "secret": secret,
                "headers": received.headers,
                "body": base64.b64encode(received.body).decode(),
                "now": int(now.timestamp() * 1000),
            }
            for secret, received, now in requests
        ]
        told = subprocess.run(
            [self._node, HERE / "verify.mjs"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        answer: list[dict[str, bool]] = json.loads(told.stdout)
        return answer


def installed() -> Verifiers:
    """Node with the packages beside it. Skips the test when npm's registry cannot be reached."""
    build = runpy.run_path(str(BUILD))
    node, npm = build["find_node"]() or build["fetched_node"]()
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    with only_one():
        if not STAMP.is_file() or STAMP.read_text("utf-8") != wanted:
            install(node, npm)
            STAMP.write_text(wanted, "utf-8")
    return Verifiers(node)


def install(node: Path, npm: list[str]) -> None:
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--fetch-retries=0"],
        cwd=HERE,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode and any(word in said for word in UNREACHABLE):
        pytest.skip("npm's registry cannot be reached, and the JavaScript verifiers come from there.")
    assert done.returncode == 0, said


@contextmanager
def only_one() -> Iterator[None]:
    """Test processes side by side install once."""
    folder = os.open(HERE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
