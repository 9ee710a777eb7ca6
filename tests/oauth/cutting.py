"""A PostgreSQL that fails at any statement: a proxy before the real one, which cuts every line at the one it is told."""

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import parse_qs, urlsplit

# What the driver asks for, of which statements are counted: Execute, and a simple Query (BEGIN, COMMIT).
_COUNTED = b"EQ"


class Cutter:
    """`cut_at(n)` has the nth statement from now fail: before the server sees it, or after it was done,
    with its answer lost. `on_cut` is called at that moment."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._left: int | None = None
        self._is_done_first = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server
        self.on_cut: Callable[[], None] = lambda: None
        self.has_cut = False

    @property
    def dsn(self) -> str:
        """Where the proxy stands."""
        host, port = self._server.sockets[0].getsockname()[:2]
        parts = urlsplit(self._dsn)
        return f"postgresql://{parts.username}@{host}:{port}{parts.path}?sslmode=disable"

    def cut_at(self, number: int, *, is_done_first: bool) -> None:
        self._left, self._is_done_first, self.has_cut = number, is_done_first, False

    def mend(self) -> None:
        self._left = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts, options = urlsplit(self._dsn), parse_qs(urlsplit(self._dsn).query)
        if "host" in options:
            path = f"{options['host'][0]}/.s.PGSQL.{options.get('port', ['5432'])[0]}"
            answers, asks = await asyncio.open_unix_connection(path)
        else:
            answers, asks = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        self._writers |= {writer, asks}
        back = asyncio.create_task(self._copy(answers, writer))
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._pass_on(reader, asks, writer)
        back.cancel()
        for one in (writer, asks):
            self._writers.discard(one)
            one.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, asks: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        # The first message has no kind.
        size = await reader.readexactly(4)
        asks.write(size + await reader.readexactly(struct.unpack("!I", size)[0] - 4))
        is_counted = True
        while True:
            head = await reader.readexactly(5)
            message = head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
            # The line on which a process listens beats by itself, at any moment.
            is_counted = is_counted and b"LISTEN " not in message
            if self._left is not None and is_counted and head[:1] in _COUNTED:
                self._left -= 1
                if self._left == 0:
                    await self._cut(reader, asks, writer, message)
                    return
            asks.write(message)
            await asks.drain()

    async def _cut(
        self, reader: asyncio.StreamReader, asks: asyncio.StreamWriter, writer: asyncio.StreamWriter, message: bytes
    ) -> None:
        self._left, self.has_cut = None, True
        if self._is_done_first:
            writer.transport.abort()
            self.on_cut()
            # The server does it all the same: the statement and its Sync are on their way.
            asks.write(message + (await reader.read(5) if message[:1] == b"E" else b""))
            await asks.drain()
            await asyncio.sleep(0.05)
        else:
            self.on_cut()
        self._cut_all()

    def _cut_all(self) -> None:
        for one in list(self._writers):
            one.transport.abort()

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.close()
