"""The house: what one process opens, to serve, to work, or for a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hospes.base.jobs import Worker
from hospes.house.ground import Ground
from hospes.web.door import Entrance

# Each process imports what it needs itself. A worker loads the clients of the world's services, a third of all
# modules, and who only serves, or runs a command, starts without them.


class House(Ground):
    """Everything that one process holds: the database, the doors, the worker."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Entrance]:
        """The ASGI application, ready to answer."""
        from hospes.house.application import serving  # noqa: PLC0415 (see above)

        async with serving(self) as entrance:
            yield entrance

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """The worker, ready to run."""
        from hospes.house.work import working  # noqa: PLC0415 (see above)

        async with working(self) as worker:
            yield worker
