"""An embedded PostgreSQL in a data folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hospes.base.postgres import EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not `tmp_path`, which under root nobody else may enter."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made / "data"
    shutil.rmtree(made)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(folder)
    yield postgres
    postgres.stop()
