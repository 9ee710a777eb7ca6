"""What an endpoint is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any

import msgspec

from hospes.base.clock import Clock
from hospes.base.db import Database
from hospes.base.secrets import Vault
from hospes.capabilities import oauth
from hospes.capabilities.access import addresses
from hospes.capabilities.access.windows import Windows
from hospes.capabilities.oauth.clients import Client
from hospes.web.requests import Hosts, Request

MOST_BYTES = 64 * 1024


class Services(msgspec.Struct, frozen=True):
    """What the endpoints are given by the composition root. `rate_limit` is a minute's."""

    database: Database
    clock: Clock
    vault: Vault
    instant: Callable[[int, bool], Any]
    hosts: Hosts
    windows: Windows
    proxies: addresses.Proxies
    rules: oauth.Rules
    public_url: str
    rate_limit: int
    clients: oauth.clients.Directory
    renewals: oauth.renewing.Renewals


class Answer(msgspec.Struct, frozen=True):
    """`body` is sent as JSON; None is no body."""

    body: Mapping[str, Any] | None
    status: int = 200
    headers: Mapping[str, str] = {}


class Limited(Exception):
    """Too many requests; whole seconds to wait."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(seconds)


class Call:
    """One request to an endpoint."""

    def __init__(self, services: Services, request: Request) -> None:
        self.services = services
        self.request = request
        address = services.proxies.client(request.peer, request.header(b"x-forwarded-for"))
        self._address = addresses.bucket(address) if address else None
        # Nobody but who has the client's secret can use its share up.
        self._has_proved_itself = False

    async def form(self) -> oauth.Parameters:
        """The body's parameters; those of the address are never looked at (case O67). Raises Refused."""
        kind = (self.request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise oauth.Refused("invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
        return oauth.Parameters.read(await self.request.body(MOST_BYTES))

    async def authenticated(self, parameters: oauth.Parameters) -> Client:
        """The client that calls. Raises Refused, Limited."""
        credentials = oauth.authentication.read_credentials(self.request.header(b"authorization"), parameters)
        # What has no form of an id is not looked for: NUL, for one, would be an error of the database.
        is_id = credentials.client_id.isascii() and credentials.client_id.isprintable()
        found = await self.services.clients.find(credentials.client_id) if is_id else None
        client = oauth.authentication.check_client(found, credentials, parameters)
        self._has_proved_itself = client.auth_method != "none"
        self.take("client", client.id, None if self._has_proved_itself else self._address)
        return client

    async def counting_failures(self, work: Callable[["Call"], Awaitable[Answer]]) -> Answer:
        """Do the work, unless too much has failed from this address; a failure of it counts there (case O103)."""
        key = self._key("failures", self._address)
        if not self.services.windows.remaining(key, self.services.rate_limit):
            # Full: this counts nothing, and says how long to wait.
            self._wait(self.services.windows.take(key, self.services.rate_limit))
        try:
            return await work(self)
        except oauth.Refused:
            if not self._has_proved_itself:
                self.services.windows.take(key, self.services.rate_limit)
            raise

    def take_by_address(self, what: str) -> None:
        """Raises Limited."""
        self.take(what, self._address)

    def take(self, *names: Hashable) -> None:
        """Raises Limited."""
        self._wait(self.services.windows.take(self._key(*names), self.services.rate_limit))

    @staticmethod
    def _key(*names: Hashable) -> Hashable:
        return ("oauth", *names)

    @staticmethod
    def _wait(seconds: int) -> None:
        if seconds:
            raise Limited(seconds)
