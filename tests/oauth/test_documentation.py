"""The lines of docs/integrator/oauth.md, run by a shell against a real server."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hospes.base.settings import Settings
from tests.living import Api, Home
from tests.oauth.acting import new_person
from tests.oauth.serving import Visitor, serving

PAGE = Path(__file__).parents[2] / "docs" / "integrator" / "oauth.md"


async def run(block: str, known: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", block, env=os.environ | known, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, block
    return said.decode()


async def test_the_documented_lines_work(home: Home, api: Api, settings: Settings) -> None:
    if shutil.which("curl") is None:
        pytest.skip("The documented lines are for curl.")
    visitor = Visitor(await new_person(api))
    register, authorize, exchange, call, refresh, revoke = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    async with serving(home, settings) as site:
        known = {"HOSPES": site, "no_proxy": "*"}

        registered: dict[str, Any] = json.loads(await run(register, known))
        known |= {"CLIENT_ID": registered["client_id"], "CLIENT_SECRET": registered["client_secret"]}
        back = parse_qs(urlsplit(await visitor.decide((await run(authorize, known)).strip())).query)
        known |= {"CODE": back["code"][0]}
        given = json.loads(await run(exchange, known))
        known |= {"ACCESS_TOKEN": given["access_token"], "REFRESH_TOKEN": given["refresh_token"]}
        called = json.loads(await run(call, known))
        renewed = json.loads(await run(refresh, known))
        known |= {"REFRESH_TOKEN": renewed["refresh_token"]}
        ended = await run(revoke, known)

    assert (back["state"], back["iss"]) == (["xyz"], [f"{site}/public-api"])
    assert given["scope"] == "properties.read bookings.read missions.read"
    assert [one["name"] for one in called["data"]] == ["Lilas"]
    assert renewed["access_token"] != given["access_token"]
    assert ended == "200\n"
