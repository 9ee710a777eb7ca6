"""What every measurement uses: rows of results, child processes, and waiting until a server answers."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.load import load, request
from bench.seed import FOLDER

BASE = "/api/v1/external/v1"
ENVIRONMENT = {"HOSPES_ALLOW_LOOPBACK_WEBHOOKS": "1", "HOSPES_LOG_LEVEL": "warning", "HOSPES_DATA_DIR": str(FOLDER)}
ROWS: list[dict[str, Any]] = []


def row(work: str, value: float, unit: str, goal: str, is_met: bool, **more: Any) -> None:
    ROWS.append({"work": work, "value": round(value, 3), "unit": unit, "goal": goal, "met": is_met, **more})
    print(f"  {work:<58} {value:>9.2f} {unit:<7} goal {goal:<9} {'' if is_met else 'MISSED'}", flush=True)


def child(module: str, *arguments: str, fds: tuple[int, ...] = ()) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env=os.environ | ENVIRONMENT, pass_fds=fds)


def rss(pid: int, field: str = "VmRSS") -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1]) / 1024


async def answering(port: int, path: str, key: str) -> None:
    while True:
        try:
            await load(port, lambda _: request("GET", path, key), connections=1, seconds=0.05)
            return
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.02)
