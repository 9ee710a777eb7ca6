"""The database: statements, readers and transactions.

A `Reader` or a `Tx` is proof that somebody may act in one workspace: it carries the workspace,
passes it to every statement as `$1`, and can only be had from `Database`, which doors, jobs and
the command line hold. A function that takes a `Reader` cannot write.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg
import msgspec

from hospes.base.clock import Clock
from hospes.base.connections import DRIVER_ERRORS, Connections, is_gone
from hospes.base.errors import Busy, Conflict, HospesError, Invalid

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

STATEMENTS: list["Statement"] = []
_MOST_EVENTS = 1 << 16


class Statement:
    """One SQL statement, known at import. `across` says why it does not name a workspace."""

    __slots__ = ("across", "checked", "text")

    def __init__(self, text: str, across: str | None = None) -> None:
        self.text = text
        self.across = across
        # The struct whose fields were found to be this statement's columns.
        self.checked: type | None = None


def sql(text: str, *, across: str | None = None) -> Statement:
    """Declare a statement; `$1` is the workspace unless `across` gives the reason why not."""
    statement = Statement(text, across)
    STATEMENTS.append(statement)
    return statement


def composed(text: str) -> Statement:
    """A statement put together at run time from fragments that are ours; what users wrote is in its parameters.

    It is for segments alone, whose tests prepare every fragment. Raises ValueError for one that does not
    name the workspace.
    """
    if "workspace_id = $1" not in text:
        raise ValueError("A composed statement names the workspace.")
    return Statement(text)


class Violation(Conflict):
    """The database refused a row. `constraint` names the rule; values never travel with it."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__("The request conflicts with the present state.")


class Actor(msgspec.Struct, frozen=True):
    """Who acts, through which door, and from which address, where that is known."""

    door: str
    name: str
    address: str = ""


class Reader:
    """Reads in one workspace at one instant."""

    __slots__ = ("_source", "actor", "now", "workspace_id")

    def __init__(self, source: "_Source", workspace_id: int, now: datetime, actor: Actor) -> None:
        self._source = source
        self.workspace_id = workspace_id
        self.now = now
        self.actor = actor

    async def all(self, struct: type[S], statement: Statement, *values: Any) -> list[S]:
        """Every row as a struct whose fields are the statement's columns, in their order."""
        rows = await self._source.fetch(statement, self.workspace_id, *values)
        if rows and statement.checked is not struct:
            _check_columns(statement, struct, rows[0])
        return [struct(*row) for row in rows]

    async def find(self, struct: type[S], statement: Statement, *values: Any) -> S | None:
        """The first row as a struct, or None."""
        row = await self._source.fetchrow(statement, self.workspace_id, *values)
        if row is None:
            return None
        if statement.checked is not struct:
            _check_columns(statement, struct, row)
        return struct(*row)

    async def value(self, statement: Statement, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self._source.fetchrow(statement, self.workspace_id, *values)
        return row[0] if row is not None else None

    async def column(self, statement: Statement, *values: Any) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in await self._source.fetch(statement, self.workspace_id, *values)]


class Tx(Reader):
    """One transaction in one workspace; commits on leaving `Database.begin`."""

    __slots__ = ("_connection", "_ordinal", "reactions", "recorded_at", "tracked_reactions", "wakes")

    def __init__(
        self,
        connection: "_Guarded",
        workspace_id: int,
        now: datetime,
        actor: Actor,
        *,
        recorded_at: datetime,
        reactions: Sequence[Any],
        tracked_reactions: Sequence[Any],
    ) -> None:
        super().__init__(connection, workspace_id, now, actor)
        self._connection = connection
        self._ordinal = 0
        self.recorded_at = recorded_at
        self.reactions = reactions
        self.tracked_reactions = tracked_reactions
        self.wakes: set[str] = set()

    async def run(self, statement: Statement, *values: Any) -> int:
        """Execute; returns how many rows were written."""
        status = await self._connection.execute(statement, self.workspace_id, *values)
        return int(status.rpartition(" ")[2]) if status[-1].isdigit() else 0

    def next_ordinal(self, count: int = 1) -> int:
        """0, 1, 2 …: the place of an event within this transaction, or of the first of so many.

        Raises Invalid: a position has room for 65,536 a transaction.
        """
        ordinal = self._ordinal
        self._ordinal += count
        if self._ordinal > _MOST_EVENTS:
            raise Invalid("Too many events in one transaction.")
        return ordinal

    def wake(self, job: str) -> None:
        """After COMMIT, tell the workers that `job` has something to do in this workspace."""
        self.wakes.add(job)

    @asynccontextmanager
    async def undoable(self) -> AsyncIterator[None]:
        """A savepoint: what happens inside is undone when it raises; the transaction lives on."""
        async with self._connection.savepoint():
            yield


class _Source(Protocol):
    async def fetch(self, statement: Statement, *values: Any) -> list[asyncpg.Record]: ...

    async def fetchrow(self, statement: Statement, *values: Any) -> asyncpg.Record | None: ...


class Session(_Source, Protocol):
    """One connection for a while, outside of any transaction."""


class _Guarded:
    """A connection whose errors are ours: nothing of a row's content gets out with them (case S7)."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    async def fetch(self, statement: Statement, *values: Any) -> list[asyncpg.Record]:
        try:
            return await self.raw.fetch(statement.text, *values)  # type: ignore[no-any-return]
        except DRIVER_ERRORS as error:
            raise translated(error) from None

    async def fetchrow(self, statement: Statement, *values: Any) -> asyncpg.Record | None:
        try:
            return await self.raw.fetchrow(statement.text, *values)  # type: ignore[no-any-return]
        except DRIVER_ERRORS as error:
            raise translated(error) from None

    async def execute(self, statement: Statement, *values: Any) -> str:
        try:
            return await self.raw.execute(statement.text, *values)  # type: ignore[no-any-return]
        except DRIVER_ERRORS as error:
            raise translated(error) from None

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        transaction = await _started(self.raw)
        try:
            yield
        except BaseException:
            await _translating(transaction.rollback, unless_gone=self.raw)
            raise
        await _translating(transaction.commit)


class _Anyone:
    """Each statement on a connection of its own."""

    __slots__ = ("_connections",)

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def fetch(self, statement: Statement, *values: Any) -> list[asyncpg.Record]:
        return await self._on_one("fetch", statement.text, values)  # type: ignore[no-any-return]

    async def fetchrow(self, statement: Statement, *values: Any) -> asyncpg.Record | None:
        return await self._on_one("fetchrow", statement.text, values)  # type: ignore[no-any-return]

    async def execute(self, statement: Statement, *values: Any) -> str:
        return await self._on_one("execute", statement.text, values)  # type: ignore[no-any-return]

    async def _on_one(self, method: str, text: str, values: tuple[Any, ...]) -> Any:
        is_well = False
        try:
            connection = await self._connections.take()
            try:
                found = await getattr(connection, method)(text, *values)
                is_well, is_kept = True, not self._connections.was_warned(connection)
            except asyncpg.PostgresError as error:
                is_well = not _is_read_only(error)  # it was told no, and is as good as before
                raise
            finally:
                await self._connections.give(connection, is_well=is_well)
        except DRIVER_ERRORS as error:
            if _is_read_only(error):
                await self._connections.renew()
            raise translated(error) from None
        if not is_kept:
            raise Unsure
        return found


class Database:
    """The connections, and the only maker of readers and transactions."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._anyone = _Anyone(connections)
        self._clock = clock
        # Set by the composition root: what follows every event, in the same transaction, and who
        # hears (workspace_id, jobs) that a committed transaction woke.
        self.reactions: Sequence[Any] = ()
        # The same for events that were tracked, which come many at once.
        self.tracked_reactions: Sequence[Any] = ()
        self.on_commit: Callable[[int, set[str]], None] | None = None
        # Asked before every transaction; where there is no room, there is none.
        self.has_room: Callable[[], bool] | None = None

    def reader(self, workspace_id: int, *, now: datetime, actor: Actor) -> Reader:
        """Reads outside a transaction: each statement sees what is committed when it starts."""
        return Reader(self._anyone, workspace_id, now, actor)

    @asynccontextmanager
    async def snapshot(self, workspace_id: int, *, now: datetime, actor: Actor) -> AsyncIterator[Reader]:
        """Reads that all see one consistent moment, whatever is committed meanwhile. Raises Busy."""
        connection, is_well = await self._taken(), False
        try:
            transaction = await _started(connection, isolation="repeatable_read", readonly=True)
            try:
                yield Reader(_Guarded(connection), workspace_id, now, actor)
            finally:
                await _translating(transaction.rollback, unless_gone=connection)
            is_well = True
        finally:
            await self._connections.give(connection, is_well=is_well)

    @asynccontextmanager
    async def begin(self, workspace_id: int, *, now: datetime, actor: Actor) -> AsyncIterator[Tx]:
        """A transaction: committed on leaving, rolled back when anything is raised.

        Raises Busy when no connection is to be had, or the disk is full. After a Busy raised by COMMIT itself, or
        Unsure, the outcome is unknown: only an idempotency key may decide whether to try again (case S8).
        """
        if self.has_room is not None and not self.has_room():
            raise Busy("The server's disk is full, so nothing can be written. Reading goes on.")
        connection, is_well = await self._taken(), False
        try:
            tx = Tx(
                _Guarded(connection),
                workspace_id,
                now,
                actor,
                recorded_at=self._clock.now(),
                reactions=self.reactions,
                tracked_reactions=self.tracked_reactions,
            )
            transaction = await _started(connection)
            try:
                yield tx
            except BaseException as error:
                await _translating(transaction.rollback, unless_gone=connection)
                is_well = isinstance(error, HospesError) and not isinstance(error, ReadOnly)
                raise
            await _translating(transaction.commit)
            is_well = True
            if self._connections.was_warned(connection):
                raise Unsure
        except ReadOnly:
            await self._connections.renew()
            raise
        finally:
            await self._connections.give(connection, is_well=is_well)
        if tx.wakes and self.on_commit:
            self.on_commit(workspace_id, tx.wakes)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """One connection for a while, for locks that outlive a statement; they end with it. Raises Busy."""
        connection, is_well = await self._taken(), False
        try:
            yield _Guarded(connection)
            is_well = True
        finally:
            # Where this fails, the connection is gone, and the locks with it.
            with suppress(*DRIVER_ERRORS):
                await connection.execute("SELECT pg_advisory_unlock_all()")
            await self._connections.give(connection, is_well=is_well)

    async def fetch(self, statement: Statement, *values: Any) -> list[asyncpg.Record]:
        """For statements declared `across` workspaces: sign-in, sweeping, the command line."""
        return await self._anyone.fetch(statement, *values)

    async def fetchrow(self, statement: Statement, *values: Any) -> asyncpg.Record | None:
        """As `fetch`, the first row."""
        return await self._anyone.fetchrow(statement, *values)

    async def execute(self, statement: Statement, *values: Any) -> str:
        """As `fetch`, for its effect."""
        return await self._anyone.execute(statement, *values)

    async def _taken(self) -> Any:
        try:
            return await self._connections.take()
        except DRIVER_ERRORS as error:
            raise translated(error) from None

    async def close(self) -> None:
        await self._connections.close()


# What PostgreSQL or its driver says of values that validation should have caught (case S6).
_CLIENT_FAULTS = ("22", "54000", "54001")
# Deadlock, serialization, lock and statement time limits, too many connections, shutdown, a disk that fails.
_WAITED = ("57014", "55P03")
_BUSY = ("40", "55P03", "57", "53", "08", "58")


def translated(error: BaseException) -> HospesError:
    """Our own error for one of the driver's, without a word of what the row held."""
    state = getattr(error, "sqlstate", None) or ""
    constraint = getattr(error, "constraint_name", None)
    if state.startswith("23") and constraint:
        return Violation(constraint)
    if isinstance(error, asyncpg.DataError) or state.startswith(_CLIENT_FAULTS):
        return Invalid("A value cannot be stored: it is too large, or holds characters that are not allowed.")
    if _is_read_only(error):
        return ReadOnly()
    if state in _WAITED:
        return WaitedTooLong()
    if not state or state.startswith(_BUSY):
        return Busy("The database did not answer in time. Try again in a moment.")
    return DatabaseError(state)


class ReadOnly(Busy):
    """The database takes no writes here any more: another server is taking over. Try again in a moment."""


class WaitedTooLong(Busy):
    """A statement waited for another's lock, or for itself, until its time was over. Try again in a moment."""


class Unsure(Busy):
    """It was written, but no second server confirmed it in time. Send it again under its idempotency key."""


def _is_read_only(error: BaseException) -> bool:
    return getattr(error, "sqlstate", None) == "25006"


class DatabaseError(HospesError):
    """The database refused a statement: a fault of ours."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The database refused a statement (SQLSTATE {state}).")


async def _started(connection: Any, **how: Any) -> Any:
    try:
        transaction = connection.transaction(**how)
        await transaction.start()
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    return transaction


async def _translating(step: Callable[[], Any], *, unless_gone: Any = None) -> None:
    try:
        # Called in here: on a connection that is gone, the call itself raises, before anything is awaited.
        await step()
    except DRIVER_ERRORS as error:
        if unless_gone is not None and is_gone(unless_gone):
            return
        raise translated(error) from None


def _check_columns(statement: Statement, struct: type[msgspec.Struct], row: asyncpg.Record) -> None:
    """Structs are filled by place, so the names must agree; checked once a statement."""
    columns, fields = tuple(row.keys()), struct.__struct_fields__
    if columns != fields[: len(columns)]:
        raise TypeError(f"{struct.__name__} has fields {fields}, the statement gives {columns}")
    statement.checked = struct


def encode_json(value: Any) -> str:
    """JSON text for a jsonb parameter."""
    return msgspec.json.encode(value).decode()


async def _prepare_connection(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=encode_json, decoder=msgspec.json.decode, format="text"
    )


async def _keep(_connection: asyncpg.Connection) -> None:
    """No reset query: no session state travels through the pool, which gives 1.28 times the reads."""


async def connect(dsn: str, *, clock: Clock, size: int, statement_timeout_ms: int, is_patient: bool = True) -> Database:
    """Open a pool of at most `size` connections. Raises Busy when the server cannot be reached.

    One that is not patient does not wait for its commits to reach the disk: for a worker, whose
    writes say what was sent. A crash of the database may lose the last of them, and then the same
    delivery is sent once more under the same id; nothing that was committed elsewhere is lost. Its
    plans do not look at values: for a workspace newer than the statistics, the planner would believe
    that it holds a row or none, and then any index looks as good as the right one.
    """
    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            init=_prepare_connection,
            reset=_keep,
            command_timeout=statement_timeout_ms / 1000 + 5,
            server_settings={
                "application_name": "hospes",
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": "60000",
                "timezone": "UTC",
                "jit": "off",
                **({} if is_patient else _IMPATIENT),
            },
        )
    except DRIVER_ERRORS as error:
        raise Busy(f"PostgreSQL cannot be reached ({type(error).__name__}). Check HOSPES_DATABASE_URL.") from None
    return Database(Connections(pool), clock)


_IMPATIENT = {"synchronous_commit": "off", "plan_cache_mode": "force_generic_plan"}


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into `width` parallel lists, for `unnest`."""
    return [[row[i] for row in rows] for i in range(width)]
