"""A real server: its processes, its address, its demo key."""

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-c", "from hospes.cli import main; main()"]


class Live:
    """A running `hospes serve`; `base` is the Guest API's base URL."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, said: dict[str, str]) -> None:
        self.process = process
        self.folder = folder
        self.base = said["Guest API"].removesuffix("/docs")
        self.key = said["API key"]


def data_folder() -> Path:
    """A folder that the database's own user can reach, also under root."""
    folder = Path(tempfile.mkdtemp(prefix="hospes-live-"))
    folder.chmod(0o711)
    return folder


@contextmanager
def live_server(*options: str, **settings: str) -> Iterator[Live]:
    """`hospes serve --demo` on a fresh data folder; ended with SIGTERM, which has to end well."""
    folder = data_folder()
    environment = {name: value for name, value in os.environ.items() if name != "HOSPES_DATABASE_URL"}
    environment |= {"HOSPES_ALLOW_LOOPBACK_WEBHOOKS": "1", "HOSPES_LOG_LEVEL": "warning"}
    environment |= {f"HOSPES_{name.upper()}": value for name, value in settings.items()}
    arguments = ["serve", "--demo", "--port", "0", "--data-dir", str(folder), *options]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as run,
    ):
        assert run.stdout is not None
        said: dict[str, str] = {}
        for line in run.stdout:
            name, _, value = line.strip().partition("  ")
            said[name] = value.strip()
            if line.startswith("Stop with"):
                break
        assert "API key" in said, (folder / "log").read_text()[-2000:]
        live = Live(run, folder, said)
        # The socket takes callers from the start; the first answer comes when the children are up.
        with urllib.request.urlopen(live.base + "/openapi.json", timeout=30) as answer:
            assert answer.status == 200
        try:
            yield live
        finally:
            if run.poll() is None:
                run.terminate()
                assert run.wait(40) == 0, (folder / "log").read_text()[-2000:]
    shutil.rmtree(folder, ignore_errors=True)
