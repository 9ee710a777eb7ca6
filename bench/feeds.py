"""A channel's server of feeds. Run as `python -m bench.feeds SOCKET_FD`.

`/N.ics` is a feed of 200 stays with the stamps of this very moment, as Airbnb writes them;
`/N.ics?tagged` has an ETag besides, and is 304 for who knows it.
"""

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta

EVENTS = 200


def feed(number: int) -> bytes:
    """200 stays of two nights, one after the other, from tomorrow on."""
    first = datetime.now(UTC).date() + timedelta(days=1)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    lines = ["BEGIN:VCALENDAR", "PRODID:-//Bench//EN", "VERSION:2.0"]
    for place in range(EVENTS):
        arrival = first + timedelta(days=2 * place)
        lines += [
            "BEGIN:VEVENT",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{arrival:%Y%m%d}",
            f"DTEND;VALUE=DATE:{arrival + timedelta(days=2):%Y%m%d}",
            "SUMMARY:Reserved",
            f"UID:1418fb94e984-{number:08d}{place:08d}@airbnb.com",
            "DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/de",
            f" tails/HM{number:05d}{place:03d}\\nPhone Number (Last 4 Digits): 4711",
            "END:VEVENT",
        ]
    return ("\r\n".join([*lines, "END:VCALENDAR"]) + "\r\n").encode()


class _Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            number = int(head.split(b"/", 1)[1].split(b".", 1)[0])
            is_tagged = b"?tagged" in head.split(b"\r\n", 1)[0]
            if is_tagged and f'"{number}"'.encode() in head:
                self.transport.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
                continue
            body = feed(number)
            tag = f'etag: "{number}"\r\n' if is_tagged else ""
            self.transport.write(f"HTTP/1.1 200 OK\r\n{tag}content-length: {len(body)}\r\n\r\n".encode() + body)


async def main(fd: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Server, sock=socket.socket(fileno=fd))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
