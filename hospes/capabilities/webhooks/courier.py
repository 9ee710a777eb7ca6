"""Carrying deliveries out: send, note the answer, decide."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from hospes.base import ids, metrics
from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Tx, columns, sql
from hospes.base.errors import HospesError
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import messaging, staff
from hospes.capabilities.webhooks import endpoints, outbox, plan
from hospes.capabilities.webhooks.outbox import Claimed
from hospes.capabilities.webhooks.signing import contract_signature, standard_headers, timed_signature

# How many requests one endpoint gets at once from one worker.
AT_ONCE = 20
# How much is claimed ahead: every endpoint has a share, which is smaller the more endpoints have
# something to send, so that those that do not answer leave room for the others.
_SHARED = 2000
_LARGEST_SHARE = 400
_SMALLEST_SHARE = 2 * AT_ONCE
_MOST_IN_HAND = 10_000
# Outcomes are written down together: when there are so many, or after so long.
_BATCH = 200
_BATCH_SECONDS = 0.005
_TIMEOUT_SECONDS = 10.0

_ACTOR = Actor("worker", "webhooks")

log = structlog.get_logger()


class Answer(Protocol):
    """What came of a request; `error` is one word when there was no answer."""

    @property
    def status(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def latency_ms(self) -> int: ...
    @property
    def head(self) -> str: ...
    @property
    def retry_after(self) -> str | None: ...


class Sender(Protocol):
    """The way out of the house. Never raises for what the network does."""

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0
    ) -> Answer: ...


class Headers(msgspec.Struct, frozen=True):
    """What the contracts' own headers are called: the Guest API's signature, and what the Property API's begin with."""

    signature: str = "X-Nectifi-Signature"
    property_prefix: str = "X-Nowistay"


class Outcome(msgspec.Struct, frozen=True):
    """A finished attempt, ready to be written down."""

    delivery: Claimed
    at: datetime
    status: int | None
    error: str | None
    latency_ms: int
    answer: str
    next_at: datetime | None
    planned: int

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Line:
    """What one endpoint is to get from this worker: in its line, and in the hands of its carriers."""

    __slots__ = ("carriers", "enough", "held", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[Claimed, float]] = deque()
        self.held = 0
        self.carriers = 0
        # With so many in hand no more are claimed: half of what was claimed last.
        self.enough = AT_ONCE


class Courier:
    """The job `webhooks`: one a worker process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        sender: Sender,
        *,
        instant: Callable[[int], Awaitable[datetime]],
        name: str,
        headers: "Headers | None" = None,
    ) -> None:
        """`instant(workspace_id)` tells a workspace's present.

        No two couriers that live at the same time have one `name`; one that takes the place of
        another has its name, and sends again what that one had in hand.
        """
        self._name = name
        self._database = database
        self._clock = clock
        self._sender = sender
        self._instant = instant
        self._headers_of = headers or Headers()
        self._open = lru_cache(maxsize=4096)(vault.open)
        # When a success was last noted at an endpoint: the next within a second changes nothing there.
        self._well_at: dict[tuple[int, int], datetime] = {}
        self._lines: dict[tuple[int, int], _Line] = {}
        self._held = 0
        self._is_stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: dict[int, list[Outcome]] = {}
        self._recording: dict[int, asyncio.Task[None]] = {}
        self.on_room: Callable[[int], None] = lambda _: None

    async def run(self, workspace_id: int) -> datetime | None:
        """Start everything due in a workspace; returns when the next falls due, None when nothing waits."""
        while not self._is_stopping and self._held < _MOST_IN_HAND:
            now = await self._instant(workspace_id)
            full = [
                endpoint
                for (owner, endpoint), line in self._lines.items()
                if owner == workspace_id and line.held >= line.enough
            ]
            claimed = await outbox.claim(
                self._database.reader(workspace_id, now=now, actor=_ACTOR),
                by=self._name,
                house_now=self._clock.now(),
                full=full,
                shared=_SHARED // (len(self._lines) + 1),
                each=(_SMALLEST_SHARE, _LARGEST_SHARE),
                most=_MOST_IN_HAND - self._held,
            )
            until = self._clock.monotonic() + outbox.LEASE.total_seconds() - 2 * _TIMEOUT_SECONDS
            for delivery in claimed:
                self._start(workspace_id, delivery, until)
            if not claimed:
                break
        reader = self._database.reader(workspace_id, now=self._clock.now(), actor=_ACTOR)
        return await reader.value(outbox.NEXT_DUE)  # type: ignore[no-any-return]

    async def take_over(self) -> None:
        """Let go of what an earlier courier of this name had in hand when it died."""
        await outbox.release(self._database, self._name)

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return await outbox.waiting(self._database)

    def stop(self) -> None:
        """As `Job.stop`: nothing more is claimed; what is in hand is sent."""
        self._is_stopping = True

    async def check(self) -> None:
        """As `Job.check`: every endpoint is somebody else's, and tells when it is sent something."""

    async def settle(self) -> None:
        """Wait until everything started is sent and written down."""
        while self._tasks or self._recording:
            await asyncio.gather(*self._tasks, *self._recording.values(), return_exceptions=True)

    def _start(self, workspace_id: int, delivery: Claimed, until: float) -> None:
        place = (workspace_id, delivery.endpoint_id)
        line = self._lines.setdefault(place, _Line())
        line.waiting.append((delivery, until))
        line.held += 1
        line.enough = max(AT_ONCE, line.held // 2)
        self._held += 1
        if line.carriers < AT_ONCE:
            line.carriers += 1
            task = asyncio.create_task(self._carry(place, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, place: tuple[int, int], line: "_Line") -> None:
        """One of an endpoint's carriers: takes deliveries from its line until it is empty."""
        workspace_id, _ = place
        while line.waiting:
            delivery, until = line.waiting.popleft()
            try:
                if self._clock.monotonic() <= until:
                    self._note(workspace_id, await self._attempt(workspace_id, delivery))
                # Else it waited behind a slow receiver: its lease ends, and somebody claims it anew.
            except Exception as error:  # noqa: BLE001 (one delivery must not take the others along; its lease ends)
                log.error("webhooks.attempt_failed", error=type(error).__name__, delivery=delivery.id)
            line.held -= 1
            self._held -= 1
            if line.held in (0, line.enough - 1):
                self.on_room(workspace_id)
        line.carriers -= 1
        if not line.carriers and self._lines.get(place) is line:
            del self._lines[place]

    def _note(self, workspace_id: int, outcome: Outcome) -> None:
        self._outcomes.setdefault(workspace_id, []).append(outcome)
        if workspace_id not in self._recording:
            self._recording[workspace_id] = asyncio.create_task(self._record(workspace_id))

    async def _attempt(self, workspace_id: int, delivery: Claimed) -> Outcome:
        body, at = delivery.body.encode(), await self._instant(workspace_id)
        try:
            headers = self._headers(workspace_id, delivery, body, at)
        except Unreadable:
            return self._outcome(delivery, at, status=None, error="secret", latency_ms=0, answer="")
        answer = await self._sender.post(delivery.url, body=body, headers=headers, timeout_seconds=_TIMEOUT_SECONDS)
        return self._outcome(
            delivery,
            await self._instant(workspace_id),
            status=answer.status,
            error=answer.error,
            latency_ms=answer.latency_ms,
            answer=answer.head,
            retry_after=answer.retry_after,
        )

    def _headers(self, workspace_id: int, delivery: Claimed, body: bytes, at: datetime) -> dict[str, str]:
        place = endpoints.place(workspace_id, delivery.endpoint_id)
        current = self._open(delivery.secret, place).decode()
        secrets, contract = [current], current
        if delivery.old_secret and delivery.old_secret_until and at < delivery.old_secret_until:
            contract = self._open(delivery.old_secret, place).decode()
            secrets.append(contract)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Hospes-Webhooks/1",
            **self._contract_headers(delivery, contract, body, at),
            **standard_headers(secrets, delivery.id, at, delivery.body),
        }
        if delivery.sequence is not None:
            headers["X-Hospes-Sequence"] = str(delivery.sequence)
        if delivery.is_manual:
            headers["X-Hospes-Manual"] = "test" if delivery.is_test else "replay"
        return headers

    def _contract_headers(self, delivery: Claimed, secret: str, body: bytes, at: datetime) -> dict[str, str]:
        """As the endpoint's own contract has them. Guest API 15.1, Property API 15.2."""
        if delivery.property_id is None:
            return {
                self._headers_of.signature: contract_signature(secret, body),
                "X-Nectifi-Event": delivery.event,
                "X-Nectifi-Delivery": delivery.id,
            }
        prefix = self._headers_of.property_prefix
        return {
            f"{prefix}-Event": delivery.event,
            f"{prefix}-Delivery": delivery.id,
            f"{prefix}-Webhook-Id": str(delivery.endpoint_id),
            f"{prefix}-Timestamp": str(int(at.timestamp())),
            f"{prefix}-Signature": timed_signature(secret, body, at),
        }

    def _outcome(
        self,
        delivery: Claimed,
        at: datetime,
        *,
        status: int | None,
        error: str | None,
        latency_ms: int,
        answer: str,
        retry_after: str | None = None,
    ) -> Outcome:
        succeeded = status is not None and 200 <= status < 300
        planned, next_at = delivery.planned, None
        if not delivery.is_manual and not succeeded:
            planned += 1
            next_at = plan.next_attempt(
                delivery.created_at, at, planned, chance=ids.fraction(), retry_after=retry_after
            )
        return Outcome(delivery, at, status, error, latency_ms, answer, next_at, planned)

    async def _record(self, workspace_id: int) -> None:
        try:
            while outcomes := self._outcomes.get(workspace_id):
                if self._tasks and len(outcomes) < _BATCH:
                    await asyncio.sleep(_BATCH_SECONDS)
                await self._write(workspace_id, self._outcomes.pop(workspace_id))
        except HospesError as error:
            # What was sent and not written down is sent again, under the same id, when its lease ends.
            log.warning("webhooks.unrecorded", error=type(error).__name__, workspace=workspace_id)
        finally:
            del self._recording[workspace_id]

    async def _write(self, workspace_id: int, outcomes: list[Outcome]) -> None:
        rows = [
            (
                outcome.delivery.id,
                outcome.is_success,
                outcome.status,
                outcome.error,
                outcome.latency_ms,
                outcome.answer,
                outcome.at,
                outcome.next_at,
                outcome.planned,
                outcome.delivery.is_manual,
            )
            for outcome in outcomes
        ]
        _count(outcomes)
        told = self._telling(workspace_id, outcomes)
        if not told:
            await self._database.execute(RECORD, workspace_id, *columns(rows, 10))
            return
        async with self._database.begin(workspace_id, now=self._clock.now(), actor=_ACTOR) as tx:
            await tx.run(RECORD, *columns(rows, 10))
            for endpoint_id in told:
                await _judge(tx, endpoint_id, [o for o in outcomes if o.delivery.endpoint_id == endpoint_id])

    def _telling(self, workspace_id: int, outcomes: list[Outcome]) -> list[int]:
        """The endpoints of which these outcomes tell something new; most say once more that all is well."""
        told = set()
        for outcome in outcomes:
            place = (workspace_id, outcome.delivery.endpoint_id)
            if not outcome.is_success:
                self._well_at.pop(place, None)
                told.add(outcome.delivery.endpoint_id)
            elif place not in self._well_at or outcome.at - self._well_at[place] >= _WELL:
                self._well_at[place] = outcome.at
                told.add(outcome.delivery.endpoint_id)
        return sorted(told)


def _count(outcomes: list[Outcome]) -> None:
    """Attempts by how they ended: `succeeded`, `refused` with a status, or `unanswered`."""
    succeeded = sum(outcome.is_success for outcome in outcomes)
    refused = sum(outcome.status is not None for outcome in outcomes) - succeeded
    for name, count in (
        ("succeeded", succeeded),
        ("refused", refused),
        ("unanswered", len(outcomes) - succeeded - refused),
    ):
        if count:
            metrics.ATTEMPTS.labels(name).inc(count)


# The delivery may have been asked for by hand while it was on its way: then it stays due. An attempt
# by hand that fails leaves the state as it was, unless it was the first and nothing is planned.
RECORD = sql("""
    WITH outcome AS (
        SELECT *
          FROM unnest($2::text[], $3::boolean[], $4::integer[], $5::text[], $6::integer[], $7::text[],
                      $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::boolean[])
            AS o (id, is_success, status, error, latency_ms, answer, at, next_at, planned, is_manual)
    ), noted AS (
        UPDATE webhook_deliveries d
           SET attempts = d.attempts + 1,
               planned = o.planned,
               response_status = o.status,
               status = CASE WHEN o.is_success THEN 'succeeded'
                             WHEN o.is_manual AND (d.status <> 'pending' OR d.resumes_at IS NOT NULL) THEN d.status
                             WHEN o.next_at IS NULL THEN 'failed'
                             ELSE 'pending' END,
               due_at = CASE WHEN d.is_manual AND NOT o.is_manual THEN d.due_at
                             WHEN o.is_success THEN NULL
                             WHEN o.is_manual THEN d.resumes_at
                             ELSE o.next_at END,
               resumes_at = CASE WHEN d.is_manual AND NOT o.is_manual THEN o.next_at END,
               is_manual = d.is_manual AND NOT o.is_manual,
               claimed_until = NULL
          FROM outcome o
         WHERE d.workspace_id = $1 AND d.id = o.id
        RETURNING d.id, d.attempts
    )
    INSERT INTO webhook_attempts (workspace_id, delivery_id, number, is_manual, response_status, error,
                                  latency_ms, answer, attempted_at)
    SELECT $1, o.id, noted.attempts, o.is_manual, o.status, o.error, o.latency_ms, o.answer, o.at
      FROM outcome o
      JOIN noted ON noted.id = o.id
""")
SUCCEEDED = sql("""
    UPDATE webhook_endpoints
       SET last_success_at = $3, failing_since = NULL,
           is_active = is_active OR coalesce(disabled_reason = $4, false),
           disabled_reason = CASE WHEN disabled_reason = $4 THEN NULL ELSE disabled_reason END
     WHERE workspace_id = $1 AND id = $2
       AND (failing_since IS NOT NULL OR disabled_reason = $4
            OR last_success_at IS NULL OR last_success_at < $3::timestamptz - interval '1 second')
""")
FAILED = sql("""
    UPDATE webhook_endpoints
       SET last_failure_at = $3,
           failing_since = CASE WHEN failing_since IS NULL OR last_failure_at < $3::timestamptz - $4::interval THEN $3
                                ELSE failing_since END
     WHERE workspace_id = $1 AND id = $2
""")
DISABLE = sql("""
    UPDATE webhook_endpoints
       SET is_active = false, disabled_reason = $3, disabled_at = $5, updated_at = $5
     WHERE workspace_id = $1 AND id = $2 AND is_active
       AND ($4::timestamptz IS NULL OR failing_since <= $4)
    RETURNING url
""")

_FAILING = "No delivery succeeded for 72 hours."
_GONE = "The receiver answered 410 Gone."
_WELL = timedelta(seconds=1)
# Retries are two days apart at most, when the receiver asks for it; after a longer silence an old
# failure says nothing any more.
_SILENCE = 2 * plan.DELAYS[-1] + timedelta(hours=6)
# The last attempt of a plan begins 72 hours after the event; the first may have ended a little later
# than that.
_SLACK = timedelta(seconds=30)


async def _judge(tx: Tx, endpoint_id: int, outcomes: list[Outcome]) -> None:
    """Note success and failure at the endpoint; switch it off when it failed for 72 hours or is gone."""
    counted = [outcome for outcome in outcomes if not outcome.delivery.is_test]
    successes = [outcome.at for outcome in counted if outcome.is_success]
    failures = [outcome.at for outcome in counted if not outcome.is_success]
    if failures and not successes:
        at = max(failures)
        await tx.run(FAILED, endpoint_id, at, _SILENCE)
        url = await tx.value(DISABLE, endpoint_id, _FAILING, at - plan.HORIZON + _SLACK, at)
        if url is not None:
            await _tell_owners(tx, endpoint_id, url)
    if successes:
        await tx.run(SUCCEEDED, endpoint_id, max(successes), _FAILING)
    if any(outcome.status == 410 for outcome in counted):
        await tx.run(DISABLE, endpoint_id, _GONE, None, max(outcome.at for outcome in counted))


async def _tell_owners(tx: Tx, endpoint_id: int, url: str) -> None:
    """Whoever answers for the workspace hears that a webhook was switched off; nobody else would notice."""
    # The rest of an address may be a secret.
    place = urlsplit(url).netloc.rpartition("@")[2]
    for owner in await staff.owners(tx):
        text = (
            f"Hello {owner.name},\n\n"
            f"we switched off webhook {endpoint_id}, which sends to {place}: no delivery has succeeded for 72 hours. "
            "Nothing is sent to it any more, until somebody switches it on again.\n"
        )
        draft = messaging.outbox.Draft(
            channel="email",
            purpose=messaging.templates.TRANSACTIONAL,
            address=owner.email,
            subject=f"The webhook to {place} was switched off",
            text=text,
        )
        await messaging.outbox.put(tx, draft)
