"""The whole way: radclient speaks to FreeRADIUS, set up as in `deploy/`, and that to a serving house."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from hospes.capabilities import access
from tests.living import Api, Home
from tests.wifi.test_radius import MAC, sessions, sign_in

FREERADIUS, RADCLIENT = shutil.which("freeradius") or shutil.which("radiusd"), shutil.which("radclient")
CONFIGURED = Path(__file__).parents[2] / "deploy" / "freeradius"
SECRET = "testing123"  # noqa: S105 (between two processes of a test)

pytestmark = pytest.mark.skipif(
    FREERADIUS is None or RADCLIENT is None, reason="No freeradius and radclient on PATH: these tests need both."
)


class Radius:
    """A running FreeRADIUS, asked with radclient."""

    def __init__(self, auth_port: int, acct_port: int) -> None:
        self.auth_port = auth_port
        self.acct_port = acct_port

    async def ask(self, kind: str, packet: str, *, secret: str = SECRET) -> str:
        port = self.auth_port if kind == "auth" else self.acct_port
        command = [str(RADCLIENT), "-x", "-r", "1", "-t", "5", f"127.0.0.1:{port}", kind, secret]
        run = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await run.communicate(packet.encode())
        return said.decode()

    async def enter(self, **changes: str) -> str:
        attributes = {"User-Name": MAC, "User-Password": MAC, "Message-Authenticator": "0x00"}
        return await self.ask("auth", _packet(attributes | _usual() | changes))

    async def account(self, kind: str, **more: Any) -> str:
        attributes = {"Acct-Status-Type": kind, "Acct-Session-Id": "s1", "User-Name": MAC}
        named = {name.replace("_", "-"): str(value) for name, value in more.items()}
        return await self.ask("acct", _packet(attributes | _usual() | named))


def _usual() -> dict[str, str]:
    return {"NAS-Identifier": "ap-1", "Calling-Station-Id": MAC, "NAS-IP-Address": "127.0.0.1"}


def _packet(attributes: dict[str, str]) -> str:
    return "\n".join(
        f'{name} = "{value}"' if value != "0x00" else f"{name} = {value}" for name, value in attributes.items()
    )


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
        run = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await run


@asynccontextmanager
async def freeradius(url: str, token: str, folder: Path) -> AsyncIterator[Radius]:
    radius = Radius(free_port(), free_port())
    environment = {
        **os.environ,
        "HOSPES_URL": url,
        "HOSPES_RADIUS_TOKEN": token,
        "HOSPES_RADIUS_SECRET": SECRET,
        "HOSPES_RADIUS_CLIENTS": "127.0.0.1/32",
        "HOSPES_RADIUS_AUTH_PORT": str(radius.auth_port),
        "HOSPES_RADIUS_ACCT_PORT": str(radius.acct_port),
        "HOSPES_RADIUS_RUN": str(folder),
    }
    command = [str(FREERADIUS), "-f", "-d", str(CONFIGURED), "-l", "stdout"]
    run = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert run.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(20):
            while b"Ready to process requests" not in said:
                line = await run.stdout.readline()
                assert line, said.decode()
                said += line
        yield radius
    finally:
        if run.returncode is None:
            run.terminate()
        await run.wait()


@pytest.fixture
async def radius(home: Home, api: Api, tmp_path: Path) -> AsyncIterator[Radius]:
    made = await access.staff_tokens.create(
        home.server.database, api.workspace_id, name="RADIUS", role="network", now=home.clock.now()
    )
    await api.workspace("POST", "/network-devices", {"portal_id": api.portal_id, "name": "ap-1"})
    async with serving(home.application) as url, freeradius(url, made.secret, tmp_path) as radius:
        yield radius


async def test_a_guest_signs_in_goes_online_and_leaves(home: Home, api: Api, radius: Radius) -> None:
    before = await radius.enter()
    await sign_in(api)
    after = await radius.enter()
    started = await radius.account("Start")
    home.clock.advance(minutes=5)
    kept = await radius.account("Interim-Update", Acct_Session_Time=300, Acct_Input_Octets=5000)
    live = (await api.get("/wifi/live-guests")).json()
    stopped = await radius.account("Stop", Acct_Session_Time=300, Acct_Terminate_Cause="User-Request")

    assert "Received Access-Reject" in before
    assert "Received Access-Accept" in after
    assert "Session-Timeout = 43200" in after
    assert "Acct-Interim-Interval = 300" in after
    assert all("Accounting-Response" in answer for answer in (started, kept, stopped))
    assert [one["name"] for one in live["items"]] == ["Ana"]
    [session] = await sessions(api)
    assert (session["is_active"], session["duration_seconds"]) == (False, 300)


async def test_a_packet_without_message_authenticator_or_with_another_secret_is_not_answered(
    api: Api, radius: Radius
) -> None:
    """CVE-2024-3596"""
    await sign_in(api)
    bare = {"User-Name": MAC, "User-Password": MAC} | _usual()

    without = await radius.ask("auth", _packet(bare))
    other = await radius.ask("auth", _packet(bare | {"Message-Authenticator": "0x00"}), secret="wrong")  # noqa: S106

    assert "Received Access-Accept" not in without + other
    assert "No reply" in without


async def test_a_network_device_that_no_portal_has_is_refused(api: Api, radius: Radius) -> None:
    await sign_in(api)

    assert "Received Access-Accept" not in await radius.enter(**{"NAS-Identifier": "stranger"})
    assert "Accounting-Response" not in await radius.account("Start", NAS_Identifier="stranger")
