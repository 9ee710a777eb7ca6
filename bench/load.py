"""A load generator: keep-alive connections that send ready-made requests."""

import asyncio
import time
from collections.abc import Callable


async def load(
    port: int, make: Callable[[int], bytes], *, connections: int, seconds: float
) -> tuple[float, list[float]]:
    """Requests a second, and each latency in milliseconds. Raises when an answer is not 2xx."""
    latencies: list[float] = []
    counter = iter(range(10**9))
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(make(next(counter)))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 2"):
                raise RuntimeError(head.decode() + (await reader.read(500)).decode())
            place = head.lower().index(b"content-length:") + 15
            await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
            latencies.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return len(latencies) / (time.perf_counter() - began), latencies


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n{kind}\r\n".encode() + body
