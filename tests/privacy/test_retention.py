"""What grows old goes at its day, by the clock, and is still counted (cases P17 and P18)."""

from typing import Any

import asyncpg
import pytest

from hospes.base.errors import Invalid
from hospes.capabilities import record, wifi
from hospes.house import chores
from tests.living import Api, Home
from tests.messaging.mailing import new_template, send, standing
from tests.privacy.conftest import new_network
from tests.wifi.test_radius import MAC, sign_in


async def settle(api: Api, **settings: Any) -> None:
    async with api.begin() as tx:
        await record.retention.put(tx, record.retention.Settings(**settings))


async def traces(api: Api) -> list[tuple[str | None, str | None]]:
    connection = await asyncpg.connect(api.home.dsn)
    rows = await connection.fetch(
        "SELECT mac, framed_ip FROM wifi_sessions WHERE workspace_id = $1 ORDER BY id", api.workspace_id
    )
    await connection.close()
    return [tuple(row) for row in rows]


async def test_device_and_ip_addresses_are_shortened_at_their_day_and_not_before(home: Home, api: Api) -> None:
    """P18"""
    network = await new_network(home, api)
    await sign_in(api)
    await network.account("Start", "s-1", Framed_IP_Address="10.0.0.7")
    await network.account("Stop", "s-1", Framed_IP_Address="10.0.0.7")
    await settle(api, network_days=30)

    home.clock.advance(days=30)
    await chores.let_go_of_old(home.server, api.workspace_id)
    on_the_day = await traces(api)
    home.clock.advance(seconds=1)
    await chores.let_go_of_old(home.server, api.workspace_id)

    assert on_the_day == [("a483e7000001", "10.0.0.7")]
    assert await traces(api) == [("a483e7000000", None)]
    assert (await api.get("/wifi/sessions")).json()["total"] == 1
    # The device itself is known for as long after it was last let in.
    home.clock.advance(hours=12)
    await chores.let_go_of_old(home.server, api.workspace_id)
    assert await wifi.access.find(api.reader(), wifi.access.mac_of(MAC) or "") is None


async def test_texts_of_messages_go_at_their_day_and_the_deliveries_stay(home: Home, api: Api) -> None:
    """P17: both of two months, in which the clock stands meanwhile."""
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    sent = [await send(api, guest, guest_name="Alexandra") for _ in range(2)]
    connection = await asyncpg.connect(home.dsn)
    await connection.execute("UPDATE messages SET due_at = NULL, status = 'sent' WHERE id = $1", sent[0])
    await settle(api, message_days=45)

    home.clock.advance(days=45, seconds=1)
    await chores.let_go_of_old(home.server, api.workspace_id)

    texts = "SELECT coalesce(subject, '') || coalesce(html, '') || plain FROM messages WHERE id = $1"
    assert await connection.fetchval(texts, sent[0]) == ""
    # What still waits to be sent keeps its text.
    assert "Alexandra" in await connection.fetchval(texts, sent[1])
    await connection.close()
    assert (await standing(api, sent[0]))["status"] == "sent"


async def test_without_a_setting_everything_is_kept(home: Home, api: Api) -> None:
    network = await new_network(home, api)
    await sign_in(api)
    await network.account("Start", "s-1", Framed_IP_Address="10.0.0.7")
    await network.account("Stop", "s-1")

    home.clock.advance(days=4000)
    await chores.let_go_of_old(home.server, api.workspace_id)

    assert await traces(api) == [("a483e7000001", "10.0.0.7")]


@pytest.mark.parametrize("days", [0, -1, 3651])
async def test_days_that_are_none_are_refused(api: Api, days: int) -> None:
    with pytest.raises(Invalid, match="1 to 3,650"):
        await settle(api, message_days=days)
