"""Nothing is handed over to a guest once a withdrawal has committed: the two sides of the lock that sees to it.

Who hands a message over holds the lock of its guest together with others, from the question whether the guest
agrees until the message has left. Who takes an answer back holds it alone: that waits for a message that is being
handed over at this moment, and until the transaction ends no other begins. The locks belong to a session of the
database and not to a transaction, so no network call stands inside one, and they die with whoever held them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import structlog

from hospes.base.db import Database, Session, Tx, columns, sql
from hospes.base.errors import Busy

# A mail server that hangs in the middle of a message must not keep anybody from leaving.
_PATIENCE = "2s"

Answer = Literal["yes", "no", "unsure"]

log = structlog.get_logger()

# What stands under the ids of those who were merged is theirs who answer for them.
CLOSE = sql("""
    SELECT count(pg_advisory_xact_lock(hashtextextended('reach ' || id, $1)))
      FROM (SELECT id
              FROM guests
             WHERE workspace_id = $1 AND (id = ANY ($2::bigint[]) OR merged_into = ANY ($2::bigint[]))
             ORDER BY id) AS family
""")
PATIENCE = sql("SELECT set_config('lock_timeout', $2, true) FROM (VALUES ($1::bigint)) AS here (workspace_id)")


async def close(tx: Tx, *guest_ids: int) -> None:
    """Begin no message to these guests until the transaction ends, and let the one under way leave first.

    It is waited for 2 seconds. What is handed over for longer than that may arrive after the withdrawal, which
    is worth more than the order.
    """
    try:
        async with tx.undoable():
            await tx.value(PATIENCE, _PATIENCE)
            await tx.value(CLOSE, list(guest_ids))
    except Busy:
        log.warning("consent.message_under_way", workspace=tx.workspace_id)
    else:
        await tx.value(PATIENCE, "0")


_ASKED = """
      FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY
           AS o (workspace_id, guest_id, channel, place)
"""
_SIDE_BY_SIDE = "messages of several workspaces are handed over side by side"
HOLD = sql(
    f"""
    SELECT pg_try_advisory_lock_shared(hashtextextended('reach ' || o.guest_id, o.workspace_id))
      {_ASKED}
     ORDER BY o.place
    """,
    across=_SIDE_BY_SIDE,
)
LET_GO = sql(
    f"""
    SELECT count(pg_advisory_unlock_shared(hashtextextended('reach ' || o.guest_id, o.workspace_id)))
      {_ASKED}
    """,
    across=_SIDE_BY_SIDE,
)
# A statement of its own behind the locks: it sees whatever was committed before they were had.
AGREES = sql(
    f"""
    SELECT coalesce(CASE o.channel WHEN 'email' THEN g.email_consent
                                   WHEN 'sms' THEN g.sms_consent
                                   ELSE g.push_consent END, false)
      {_ASKED}
      LEFT JOIN guests old ON old.workspace_id = o.workspace_id AND old.id = o.guest_id
      LEFT JOIN guests g ON g.workspace_id = o.workspace_id AND g.id = coalesce(old.merged_into, old.id)
                        AND g.merged_into IS NULL
     ORDER BY o.place
    """,
    across=_SIDE_BY_SIDE,
)


class _Question(msgspec.Struct, frozen=True, eq=False):
    workspace_id: int
    guest_id: int
    channel: str
    answer: "asyncio.Future[Answer]"

    @property
    def row(self) -> tuple[int, int, str]:
        return self.workspace_id, self.guest_id, self.channel


class Reach:
    """The side of who hands over: one a worker process.

    While one question is asked of the database, those that come meanwhile gather, and are asked together next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[_Question] = []
        self._held: set[_Question] = set()
        self._over: list[_Question] = []
        self._stirred = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def held(self, workspace_id: int, guest_id: int, channel: str) -> AsyncIterator[Answer]:
        """Whether the guest agrees to be told of offers this way; a `yes` is true until this is left.

        `unsure`: the guest is being asked, or changed, at this moment. Raises Busy.
        """
        question = _Question(workspace_id, guest_id, channel, asyncio.get_running_loop().create_future())
        self._asked.append(question)
        self._stir()
        try:
            yield await question.answer
        finally:
            if question in self._asked:
                self._asked.remove(question)
            elif question in self._held:
                self._held.remove(question)
                self._over.append(question)
                self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        """Has a session of the database for as long as anything is asked or held."""
        try:
            async with self._database.session() as session:
                while self._asked or self._held or self._over:
                    await self._stirred.wait()
                    self._stirred.clear()
                    await self._let_go(session)
                    await self._answer(session)
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            log.warning("consent.session_lost", error=type(error).__name__)
            asked, self._asked = self._asked, []
            _refuse(asked)
        finally:
            # The locks went with the session.
            self._held.clear()
            self._over.clear()
            self._serving = None
            if self._asked:
                self._stir()

    async def _let_go(self, session: Session) -> None:
        over, self._over = self._over, []
        if over:
            await session.fetchrow(LET_GO, *columns([question.row for question in over], 3))

    async def _answer(self, session: Session) -> None:
        asked, self._asked = self._asked, []
        if not asked:
            return
        rows = columns([question.row for question in asked], 3)
        try:
            held = [row[0] for row in await session.fetch(HOLD, *rows)]
            agrees = [row[0] for row in await session.fetch(AGREES, *rows)]
        except Exception:
            _refuse(asked)
            raise
        for question, is_held, does_agree in zip(asked, held, agrees, strict=True):
            if is_held and does_agree and not question.answer.done():
                self._held.add(question)
            elif is_held:
                self._over.append(question)
                self._stirred.set()
            if not question.answer.done():
                question.answer.set_result("unsure" if not is_held else "yes" if does_agree else "no")


def _refuse(asked: list[_Question]) -> None:
    for question in asked:
        if not question.answer.done():
            question.answer.set_exception(Busy())
