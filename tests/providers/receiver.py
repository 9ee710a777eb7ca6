"""A real HTTP server on loopback that says exactly the bytes a test wants said."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Script = Callable[["Receiver", asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.connections = 0
        self.bytes_sent = 0
        self.host = "127.0.0.1"
        self.port = 0
        self.scheme = "http"
        self.serving: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving[asyncio.current_task()] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                self.asked.set()
                await self.script(self, writer)
                await writer.drain()
        writer.close()

    async def hang_up(self) -> None:
        for writer in self.serving.values():
            writer.transport.abort()
        await asyncio.gather(*filter(None, self.serving), return_exceptions=True)


@contextlib.asynccontextmanager
async def receiving(script: Script, trust: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(script)
    server = await asyncio.start_server(receiver.serve, receiver.host, 0, ssl=trust)
    receiver.port = server.sockets[0].getsockname()[1]
    receiver.scheme = "https" if trust else "http"
    async with server:
        yield receiver
        await receiver.hang_up()


def says(text: str | bytes) -> Script:
    """Answer every request with these bytes, and keep the connection."""
    answer = text.encode() if isinstance(text, str) else text

    async def script(_: Receiver, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return script


def ends(text: str | bytes) -> Script:
    """As `says`, then close."""

    async def script(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        await says(text)(receiver, writer)
        writer.close()

    return script


def resets(text: str = "") -> Script:
    """As `says`, then reset the connection (RST)."""

    async def script(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        await says(text)(receiver, writer)
        await writer.drain()
        linger_0 = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0)
        writer.transport.abort()

    return script


def waits(text: str = "") -> Script:
    """As `says`, then nothing more, until the client goes away."""

    async def script(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        await says(text)(receiver, writer)
        await writer.drain()
        await writer.wait_closed()

    return script


async def floods(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        await writer.drain()
        receiver.bytes_sent += 0x2000


def answer(status: int = 200, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
