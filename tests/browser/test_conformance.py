"""Case O124: the conformance tests of the Model Context Protocol for authorization servers; the button is pressed."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import httpx
from browsing import NewPage
from playwright.async_api import expect
from test_staff_pages import sign_in

from hospes.base.settings import Settings
from tests import npm
from tests.living import Api, Home
from tests.oauth.acting import new_person
from tests.oauth.serving import serving

HERE = Path(__file__).parent / "conformance"
TOOL = HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def test_the_metadata_and_the_code_grant_conform(
    home: Home, api: Api, settings: Settings, new_page: NewPage, tmp_path: Path
) -> None:
    """O124"""
    node = await asyncio.to_thread(npm.node_with_packages, HERE, oldest=22)
    person, port = await new_person(api), free_port()
    async with serving(home, settings) as site:
        told = {"client_name": "Conformance", "redirect_uris": [f"http://127.0.0.1:{port}/callback"]}
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{site}/public/oauth/register", json=told | {"token_endpoint_auth_method": "none"}
            )
        asked = ["--url", f"{site}/public-api", "--client-id", answer.json()["client_id"], "--port", str(port)]
        process = await asyncio.create_subprocess_exec(
            node,
            TOOL,
            "authorization",
            *asked,
            "--output-dir",
            tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout
        said = []
        try:
            async with asyncio.timeout(120):
                async for line in process.stdout:
                    said.append(line.decode())
                    if line.startswith(f"{site}/public/oauth/authorize".encode()):
                        visit = await new_page(site)
                        await visit.page.goto(line.decode().strip())
                        await sign_in(visit.page, person.email)
                        await expect(visit.page.get_by_role("heading", name="Connect Conformance?")).to_be_visible()
                        await visit.page.get_by_role("button", name="Allow").click()
                status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    checks: list[dict[str, Any]] = [
        check for found in sorted(tmp_path.glob("**/checks.json")) for check in json.loads(found.read_text())
    ]
    assert status == 0, "".join(said)
    # Clients that are an address of their own description are not known here; the tool recommends them.
    assert {check["id"]: check["status"] for check in checks} == {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "WARNING",
        "authorization-code-grant": "SUCCESS",
    }
