"""What every process of the house stands on: the database, the clock, the keys, each workspace's present."""

from datetime import datetime
from typing import Any

from hospes.base import db, key_check, migrate
from hospes.base.clock import Clock, SystemClock
from hospes.base.jobs import Worker
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.base.signals import Signals
from hospes.capabilities import (
    access,
    analytics,
    automations,
    bookings,
    calendars,
    loyalty,
    messaging,
    missions,
    segments,
    tracking,
    wallet,
    webhooks,
    workspaces,
)
from hospes.providers import arrangements
from hospes.providers.destinations import Destinations
from hospes.providers.web_push import VapidKey

# What follows an event, in the same transaction, in this order.
REACTIONS = (
    analytics.count,
    loyalty.earn_for_visit,
    wallet.refresh,
    webhooks.fan_out,
    missions.turnover.follow,
    automations.follow,
    bookings.fan_out,
    segments.note,
)
# The same for events that were tracked, which come many at once.
TRACKED_REACTIONS = (segments.note_tracked,)

# What is sealed, for whoever changes the key.
SEALED = (
    *access.idempotency.SEALED,
    *bookings.stays.SEALED,
    *calendars.subscriptions.SEALED,
    *messaging.registrations.SEALED,
    *messaging.vapid.SEALED,
    *webhooks.endpoints.SEALED,
    # Last: until all else is sealed anew, no start without the older key is let through.
    *key_check.SEALED,
)


class Ground:
    """Opened by whoever serves, works or runs a command."""

    def __init__(
        self,
        settings: Settings,
        dsn: str,
        vault: Vault,
        *,
        clock: Clock | None = None,
        shared_memory: int | None = None,
    ) -> None:
        """`shared_memory` is where the processes of one server count a key's calls together."""
        self.settings = settings
        self.dsn = dsn
        self.vault = vault
        self.clock = clock or SystemClock()
        self.windows: access.windows.Windows = (
            access.windows.SlidingWindows(self.clock)
            if shared_memory is None
            else access.shared_windows.SharedWindows(shared_memory, self.clock)
        )
        self.destinations = Destinations(
            allow_loopback=settings.allow_loopback_webhooks,
            own_url=settings.public_url,
        )
        self._real: set[int] = set()
        self.database: db.Database
        self.keyrings: tuple[access.Keyring[Any], ...]
        self.meter: access.metering.Meter
        self.intake: tracking.Intake
        self.push_key: str
        self.signals: Signals
        self.worker: Worker | None = None

    async def open(self, *, is_patient: bool = True) -> None:
        """Connect. Raises Busy when the database cannot be reached, Misconfigured for another key."""
        self.database = await db.connect(
            self.dsn,
            clock=self.clock,
            size=self.settings.pool_size,
            statement_timeout_ms=self.settings.statement_timeout_ms,
            is_patient=is_patient,
        )
        self.database.reactions = REACTIONS
        self.database.tracked_reactions = TRACKED_REACTIONS
        await key_check.check(self.database, self.vault)

    async def close(self) -> None:
        await self.database.close()

    def sms_desk(self) -> messaging.SmsDesk:
        """Where text messages come back to."""
        return messaging.SmsDesk(self.database, self.vault, self.clock, instant=self.instant)

    async def vapid_key(self) -> VapidKey:
        """What pushes to browsers are signed with. Raises Misconfigured."""
        return arrangements.vapid_key(self.settings, await messaging.vapid.private_key(self.database, self.vault))

    async def instant(self, workspace_id: int) -> datetime:
        """A workspace's present. Whether it is a sandbox never changes, so that is asked once."""
        if workspace_id in self._real:
            return self.clock.now()
        at = await workspaces.find_sandbox_instant(self.database, workspace_id)
        if at is None:
            self._real.add(workspace_id)
        return at or self.clock.now()

    async def instant_of(self, workspace_id: int, is_sandbox: bool) -> datetime:
        """The same for those who know whether it is one."""
        return await self.instant(workspace_id) if is_sandbox else self.clock.now()

    def wake(self, workspace_id: int, job: str) -> None:
        """Tell this process's own worker."""
        if self.worker is not None:
            self.worker.wake(workspace_id, job)

    def forget_keys(self) -> None:
        """Ask again of every caller who it is."""
        for keyring in self.keyrings:
            keyring.forget()


async def prepare(dsn: str, say: Any) -> None:
    """Migrate and make the log's partitions: what has to be true before anything serves."""
    await migrate.migrate(dsn, say=say)
