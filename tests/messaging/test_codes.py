"""Codes that prove an address: right once, five tries, ten minutes, five an hour."""

import re
from typing import Any

import asyncpg
import pytest

from hospes.base.errors import Exhausted
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import codes, outbox
from tests.living import Api, Home

DRAFT = outbox.Draft(channel="sms", purpose="transactional", address="+33612345678", text="Code {code}")
TEXT = "SELECT plain FROM messages WHERE workspace_id = $1 ORDER BY id DESC LIMIT 1"


async def issue(api: Api, vault: Vault) -> str:
    async with api.begin() as tx:
        await codes.issue(tx, vault, purpose="portal", draft=DRAFT)
    connection = await asyncpg.connect(api.home.dsn)
    text: str = await connection.fetchval(TEXT, api.workspace_id)
    await connection.close()
    found = re.fullmatch(r"Code (\d{6})", text)
    assert found
    return found[1]


async def is_right(api: Api, vault: Vault, code: str, **changes: Any) -> bool:
    place = {"purpose": "portal", "channel": "sms", "address": "+33612345678"} | changes
    async with api.begin() as tx:
        return await codes.is_right(tx, vault, code=code, **place)


async def test_a_code_is_right_once(api: Api, vault: Vault) -> None:
    code = await issue(api, vault)

    assert [await is_right(api, vault, code), await is_right(api, vault, code)] == [True, False]


async def test_a_code_is_right_for_its_own_address_and_purpose_only(api: Api, home: Home, vault: Vault) -> None:
    code = await issue(api, vault)
    other = await home.new_api()

    assert not await is_right(api, vault, code, address="+33612345679")
    assert not await is_right(api, vault, code, purpose="other")
    assert not await is_right(other, vault, code)
    assert await is_right(api, vault, code)


async def test_five_tries_end_a_code(api: Api, vault: Vault) -> None:
    """L23"""
    code = await issue(api, vault)
    wrong = str((int(code) + 1) % 1_000_000).zfill(6)

    tries = [await is_right(api, vault, wrong) for _ in range(5)]

    assert tries == [False] * 5
    assert not await is_right(api, vault, code)


async def test_a_code_lives_ten_minutes(api: Api, home: Home, vault: Vault) -> None:
    code = await issue(api, vault)
    home.clock.advance(minutes=10)

    assert not await is_right(api, vault, code)


async def test_a_new_code_ends_the_one_before(api: Api, vault: Vault) -> None:
    first = await issue(api, vault)
    second = await issue(api, vault)

    assert first == second or not await is_right(api, vault, first)
    assert await is_right(api, vault, second)


async def test_an_address_is_sent_five_codes_an_hour(api: Api, home: Home, vault: Vault) -> None:
    """L23"""
    for _ in range(5):
        await issue(api, vault)

    with pytest.raises(Exhausted):
        await issue(api, vault)
    home.clock.advance(hours=1)
    assert await issue(api, vault)
