"""A tenant that calls so many times a second, whatever it is answered, and says on SIGTERM how it was answered.

Every tenth call is made with the second key.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter

import uvloop

from bench.load import request

CONNECTIONS = 8


async def flood(port: int, path: str, keys: list[str], a_second: float) -> Counter[str]:
    statuses: Counter[str] = Counter()
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    used_up, free = (request("GET", path, key) for key in keys)
    began = time.perf_counter()
    turns = iter(range(10**9))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in turns:
            await asyncio.sleep(max(0.0, began + turn / a_second - time.perf_counter()))
            if ending.is_set():
                break
            writer.write(used_up if turn % 10 else free)
            head = await reader.readuntil(b"\r\n\r\n")
            place = head.lower().index(b"content-length:") + 15
            await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
            statuses[head[9:12].decode()] += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return statuses


if __name__ == "__main__":
    print(json.dumps(uvloop.run(flood(int(sys.argv[1]), sys.argv[2], sys.argv[3:5], float(sys.argv[5])))))
