"""The refresh grant beside two servers that are known for it: oidc-provider in memory, django-oauth-toolkit."""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from bench.measuring import ENVIRONMENT, child, row
from bench.seed import BIG, FOLDER
from hospes.base import ids
from hospes.base.secrets import digest
from hospes.capabilities.oauth import pairs
from hospes.capabilities.oauth.scopes import SCOPES
from hospes.cli.supervisor import bind
from hospes.house import House

_CHAINS = 16
# The memory of oidc-provider's own adapter holds a thousand things.
_CLIENTS = 64
_PEERS = FOLDER / "peers"
_HERE = Path(__file__).parent / "peers"
_SECRET = "a-secret-of-the-benchmark-and-nothing-else"
_NPM, _PIP = "oidc-provider@9.13.3", ["django-oauth-toolkit==3.4.1", "psycopg[binary]==3.3.9", "gunicorn==27.0.1"]


class Chain:
    """A client that refreshes, and uses what it was given the next time."""

    def __init__(self, client_id: str, secret: str, token: str) -> None:
        self.client_id = client_id
        self.secret = secret
        self.token = token


async def refresh(port: int, path: str, chains: list[Chain], seconds: float) -> float:
    """Refreshes a second, each connection with chains of its own."""
    done, end = 0, time.perf_counter() + seconds

    async def one(mine: list[Chain]) -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = 0
        while time.perf_counter() < end:
            chain = mine[turn % len(mine)]
            turn += 1
            form = {
                "grant_type": "refresh_token",
                "refresh_token": chain.token,
                "client_id": chain.client_id,
                "client_secret": chain.secret,
            }
            body = urlencode(form).encode()
            writer.write(
                f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\n"
                f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            place = head.index(b"content-length:") + 15
            answer = await reader.readexactly(int(head[place : head.index(b"\r\n", place)]))
            if b" 200 " not in head[:20]:
                raise RuntimeError(answer.decode()[:500])
            chain.token = json.loads(answer)["refresh_token"]
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one(chains[number::_CHAINS]) for number in range(_CHAINS)))
    return done / (time.perf_counter() - began)


async def _ours(house: House) -> list[Chain]:
    """Clients with a grant each, at the start of its chain."""
    connection = await asyncpg.connect(house.dsn)
    email = f"tokens{ids.token('', 8).lower()}@example.com"
    person = await connection.fetchval(
        "INSERT INTO staff (email, email_identity, name, password_hash, created_at, password_changed_at) "
        "VALUES ($1, $1, 'Bench', 'x', now() - interval '1 day', now() - interval '1 day') RETURNING id",
        email,
    )
    await connection.execute("INSERT INTO memberships VALUES ($1, $2, 'owner', now())", person, BIG)
    chains, scope = [], " ".join(SCOPES)
    for _ in range(_CLIENTS):
        client, token = ids.token("client_", 43), ids.token("nis_rt_", 43)
        await connection.execute(
            """
            WITH app AS (
                INSERT INTO oauth_clients (id, name, secret_hash, auth_method, redirect_uris, grant_types, scope,
                                           created_at, granted_at)
                VALUES ($1, 'Bench', $2, 'client_secret_post', '{}', '{authorization_code,refresh_token}', $3, now(),
                        now())
                RETURNING id
            ), given AS (
                INSERT INTO oauth_grants (workspace_id, staff_id, client_id, scope, resource, seed, created_at,
                                          recorded_at, rotated_at)
                SELECT $4, $5, id, $3, 'bench', $6, now(), now(), now() FROM app
                RETURNING id
            )
            INSERT INTO oauth_tokens (hash, grant_id, kind, generation, scope, expires_at)
            SELECT $7, id, 'refresh', 1, $3, now() + interval '1 day' FROM given
            """,
            client,
            digest(_SECRET),
            scope,
            BIG,
            person,
            ids.random_bytes(pairs.SEED_BYTES),
            digest(token),
        )
        chains.append(Chain(client, _SECRET, token))
    await connection.close()
    return chains


def _install() -> None:
    _PEERS.mkdir(parents=True, exist_ok=True)
    if not (_PEERS / "node_modules").exists():
        print("Installing oidc-provider and django-oauth-toolkit (once)")
        subprocess.run(
            ["npm", "install", "--prefix", str(_PEERS), "--ignore-scripts", "--no-audit", "--no-fund", _NPM],
            check=True,
            capture_output=True,
        )
        subprocess.run([sys.executable, "-m", "venv", str(_PEERS / "toolkit")], check=True)
        subprocess.run([str(_PEERS / "toolkit/bin/pip"), "install", "--quiet", *_PIP], check=True, capture_output=True)
    for name in ("oidc-provider.mjs", "toolkit.py"):
        shutil.copy(_HERE / name, _PEERS / name)


def _node() -> tuple["subprocess.Popen[str]", int, list[Chain]]:
    command = ["node", "oidc-provider.mjs", str(_CLIENTS)]
    process = subprocess.Popen(
        command,
        cwd=_PEERS,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "NODE_ENV": "production"},
    )
    chains: list[Chain] = []
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("port "):
            return process, int(line.split()[1]), chains
        chains.append(Chain("bench", _SECRET, line.strip()))
    raise RuntimeError("oidc-provider did not start")


async def _toolkit(dsn: str) -> tuple["subprocess.Popen[bytes]", int, list[Chain]]:
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP DATABASE IF EXISTS toolkit WITH (FORCE)")
    await connection.execute("CREATE DATABASE toolkit")
    where = await connection.fetchrow("SELECT current_setting('unix_socket_directories'), current_user::text")
    await connection.close()
    environment = {
        **os.environ,
        "BENCH_HOST": where[0],
        "BENCH_USER": where[1],
        "BENCH_DATABASE": "toolkit",
    }
    python = str(_PEERS / "toolkit/bin/python")
    made = subprocess.run(
        [python, "toolkit.py", "prepare", str(_CLIENTS)],
        cwd=_PEERS,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    chains = [Chain("bench", _SECRET, line) for line in made.stdout.split()]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            python,
            "-m",
            "gunicorn",
            "toolkit:application",
            "-w",
            "1",
            "-k",
            "gthread",
            "--threads",
            str(_CHAINS),
            "--keep-alive",
            "60",
            "-b",
            f"127.0.0.1:{port}",
        ],
        cwd=_PEERS,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process, port, chains


async def _ready(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def refreshing(house: House, options: argparse.Namespace) -> None:
    _install()
    ENVIRONMENT["HOSPES_OAUTH_RATE_LIMIT"] = "10000"
    sock = bind("127.0.0.1", 0)
    server = child("hospes.cli.children", "api", str(sock.fileno()), fds=(sock.fileno(),))
    node, node_port, node_chains = _node()
    toolkit, toolkit_port, toolkit_chains = await _toolkit(house.dsn)
    served = (
        ("hospes", sock.getsockname()[1], "/public/oauth/token", await _ours(house)),
        ("oidc-provider", node_port, "/token", node_chains),
        ("django-oauth-toolkit", toolkit_port, "/o/token/", toolkit_chains),
    )
    try:
        rates: dict[str, list[float]] = {name: [] for name, *_ in served}
        for _, port, path, chains in served:
            await _ready(port)
            await refresh(port, path, chains, 1.0)
        for _ in range(options.rounds):
            for name, port, path, chains in served:
                rates[name].append(await refresh(port, path, chains, options.seconds))
        medians = {name: statistics.median(found) for name, found in rates.items()}
        print("    " + ", ".join(f"{name} {rate:,.0f} a second" for name, rate in medians.items()))
        for name in ("oidc-provider", "django-oauth-toolkit"):
            ratio = medians["hospes"] / medians[name]
            row(f"refresh grant, of {name}", ratio, "ratio", "> 1", ratio > 1, a_second=round(medians["hospes"]))
    finally:
        for process in (server, node, toolkit):
            process.send_signal(signal.SIGTERM)
            process.wait()
