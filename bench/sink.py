"""A mail server that takes everything and keeps nothing. Run as `python -m bench.sink SOCKET_FD`."""

import asyncio
import socket
import sys


class Sink(asyncio.Protocol):
    """Answers each line of SMTP as fast as it can."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.in_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            if self.in_data:
                _, dot, rest = self.buffer.partition(b"\r\n.\r\n")
                if not dot:
                    return
                self.buffer, self.in_data = rest, False
                self.transport.write(b"250 taken\r\n")
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                return
            self.buffer = rest
            word = line[:4].upper()
            self.in_data = word == b"DATA"
            self.transport.write(
                b"354 go on\r\n" if self.in_data else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n"
            )
            if word == b"QUIT":
                self.transport.close()
                return


async def main(fd: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, sock=socket.socket(fileno=fd))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
