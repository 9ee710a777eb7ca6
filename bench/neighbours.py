"""What a tenant notices of another that calls at ten times its limit (case L24)."""

import asyncio
import json
import os
import signal
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from bench.guest_side import serving
from bench.load import load, request
from bench.measuring import BASE, ENVIRONMENT, row
from hospes.capabilities import access, workspaces
from hospes.house import House

_ROUNDS = 15
_SECONDS = 1.0
_LIMIT = 1_200  # a minute
_TIMES = 10
# The other's calls are an ordinary load: what is looked at is one call's time, not how many go through.
_CONNECTIONS = 2


async def neighbours(house: House, keys: list[str]) -> None:
    """The p95 of one tenant's calls, alone and beside the other, in turn.

    The other has used up its limit, as after its first minute: of ten calls, nine are refused. The
    tenth, which its limit lets through by then, is made with a second key.
    """
    noisy = await workspaces.create(house.database, name="Noisy", now=datetime.now(UTC))
    theirs = [
        (
            await access.keys.create(
                house.database, noisy.id, name="Noisy", granted=["*"], now=datetime.now(UTC), rate_limit=limit
            )
        ).secret
        for limit in (_LIMIT, 10_000)
    ]
    alone: list[float] = []
    beside: list[float] = []
    answered: Counter[str] = Counter()

    def ask(number: int) -> bytes:
        return request("GET", f"{BASE}/crm/guests/{1 + number * 7919 % 10_000}", keys[number % len(keys)])

    async with serving(house, keys[0]) as port:
        await _use_up(port, theirs[0])
        await load(port, ask, connections=_CONNECTIONS, seconds=_SECONDS)
        for _ in range(_ROUNDS):
            alone.append(await _p95(port, ask))
            flood = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "bench.flood", str(port), f"{BASE}/crm/tags", *theirs],
                str(_LIMIT / 60 * _TIMES),
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | ENVIRONMENT,
            )
            # Until it has started.
            await asyncio.sleep(_SECONDS / 2)
            beside.append(await _p95(port, ask))
            flood.send_signal(signal.SIGTERM)
            said, _ = await flood.communicate()
            answered.update(json.loads(said))
    ratio = statistics.median(with_it / without for with_it, without in zip(beside, alone, strict=True))
    row(f"p95 beside a tenant at {_TIMES} x its limit, of alone", ratio, "ratio", "<= 1.2", ratio <= 1.2)
    told = ", ".join(f"{count} times {status}" for status, count in sorted(answered.items()))
    print(f"    {statistics.median(alone):.2f} ms alone, {statistics.median(beside):.2f} ms beside; it got {told}")


async def _use_up(port: int, key: str) -> None:
    """Call until the first refusal, which `load` raises."""
    with suppress(RuntimeError):
        await load(port, lambda _: request("GET", f"{BASE}/crm/tags", key), connections=1, seconds=30)


async def _p95(port: int, ask: Callable[[int], bytes]) -> float:
    _, latencies = await load(port, ask, connections=_CONNECTIONS, seconds=_SECONDS)
    return statistics.quantiles(latencies, n=20)[-1]
