"""One PostgreSQL a test process, one house on it, and a workspace of its own for every test."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from hospes.base.clock import ManualClock
from hospes.base.migrate import migrate
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.house import House
from tests.living import Api, Home, Receiver

# The same examples in every run; new ones where time is no matter.
hypothesis.settings.register_profile("exact", derandomize=True)
hypothesis.settings.register_profile("full", derandomize=False)
IS_FULL = bool(os.environ.get("HOSPES_TEST_FULL"))
hypothesis.settings.load_profile("full" if IS_FULL else "exact")
if IS_FULL:
    os.environ["PYTEST_TIMEOUT"] = "0"  # whoever asks for the full counts has the time

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """`HOSPES_DATABASE_URL`, or a PostgreSQL of our own for as long as the tests run."""
    given = os.environ.get("HOSPES_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="hospes-test-"))
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        yield postgres.dsn
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def dsn(postgres_dsn: str) -> AsyncIterator[str]:
    """A migrated database for this test process alone."""
    name = f"hospes_test_{os.getpid()}"
    admin = await asyncpg.connect(postgres_dsn)
    await admin.execute(f"DROP DATABASE IF EXISTS {name}")
    await admin.execute(f"CREATE DATABASE {name}")
    ours = with_database(postgres_dsn, name)
    await migrate(ours)
    yield ours
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def with_database(dsn: str, name: str) -> str:
    base, question, options = dsn.partition("?")
    return base.rpartition("/")[0] + f"/{name}" + question + options


@pytest.fixture(scope="session")
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(autouse=True)
def noon(clock: ManualClock) -> None:
    """Every test begins at the same instant, whatever the ones before it did to the clock."""
    clock.jump(NOON)


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault(bytes(range(32)))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("data"), allow_loopback_webhooks=True, pool_size=16, allowed_hosts="testserver"
    )


@pytest.fixture(scope="session")
async def home(dsn: str, clock: ManualClock, vault: Vault, settings: Settings) -> AsyncIterator[Home]:
    """The house as servers and workers have it: one of each, on one clock that tests move."""
    server, workshop = House(settings, dsn, vault, clock=clock), House(settings, dsn, vault, clock=clock)
    async with server.serving() as application, workshop.working() as worker:
        yield Home(server, application, worker, clock, dsn)


@pytest.fixture
async def api(home: Home) -> Api:
    """A workspace of the test's own, with a location, a portal and a key that may do everything."""
    return await home.new_api()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A real HTTP server that webhooks are sent to."""
    async with Receiver() as receiver:
        yield receiver
