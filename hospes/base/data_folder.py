"""The data folder: made on first use, and used by one server at a time."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from hospes.base.errors import Misconfigured

_LOCK_NAME = "serve.lock"


class DataFolder:
    """A data folder that is ours until `release`, or until this process ends in any way."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    def release(self) -> None:
        """Let another server have the folder. Does nothing the second time."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def claim(data_dir: Path) -> DataFolder:
    """Make the folder when it is missing, and take it for this process.

    Raises Misconfigured when another server has it or it cannot be written.
    """
    folder = make(data_dir)
    try:
        # The descriptor closes on exec, as all of Python's do: a child that outlived us would
        # otherwise keep the folder locked.
        lock = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        raise Misconfigured(
            f"Another Hospes server (process {owner}) already uses {folder}. "
            "Stop it, or choose another folder with --data-dir."
        ) from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(lock)
        raise _unwritable(folder, error) from None
    return DataFolder(folder, lock)


def make(data_dir: Path) -> Path:
    """The folder's real path; made when missing. Raises Misconfigured when that is impossible."""
    folder = data_dir.expanduser().resolve()
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Misconfigured(f"{folder} is not a folder. Choose another with --data-dir.") from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    if is_new:
        # Under root the database runs as another user, who has to pass through, not to look around.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def _unwritable(folder: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"{folder} cannot be written ({error.strerror}). Choose another folder with --data-dir.")
