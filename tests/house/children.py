"""Processes that claim a data folder and start PostgreSQL in it, to be killed."""

import os
import subprocess
import sys
from pathlib import Path

from hospes.base import processes

START = """
import sys
from pathlib import Path
from hospes.base import data_folder
from hospes.base.postgres import EmbeddedPostgres
folder = data_folder.claim(Path(sys.argv[1]))
server = EmbeddedPostgres(folder.path)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def beginning(folder: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """A process of its own that claims the folder, starts PostgreSQL and says its pid."""
    return subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


def left_in(folder: Path) -> list[str]:
    """Command lines, of whatever user, that name the folder."""
    return [command for _, command in processes.commands_from_ps() if str(folder) in command]
