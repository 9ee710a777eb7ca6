"""Keys, addresses, the minute, the month, scopes and plans, in the contract's order."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hospes.capabilities import access
from tests.living import BASE, Api, Home, ask

HOST = (b"host", b"testserver")


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic abc",
        b"Bearer nk_",
        b"Bearer nk_wrong",
        b"Bearer xx_abc",
        b"Bearer nk_\x00",
        b"Bearer nk_" + b"a" * 10_000,
        "Bearer nk_é".encode(),
        b"Bearer  nk_two",
    ],
)
async def test_no_key_or_a_wrong_one_is_401(home: Home, api: Api, header: bytes | None) -> None:
    headers = [HOST] + ([(b"authorization", header)] if header is not None else [])

    answer = await ask(home.application, "GET", BASE + "/crm/guests", headers=headers)

    assert answer.status == 401
    assert answer.json()["detail"] in ("Not authenticated", "Invalid or revoked API key")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_in_the_query_or_a_cookie_does_not_count(home: Home, api: Api) -> None:
    cookie = (b"cookie", f"authorization=Bearer {api.key}".encode())

    answer = await ask(
        home.application, "GET", BASE + "/crm/guests", headers=[HOST, cookie], query=f"api_key={api.key}".encode()
    )

    assert answer.status == 401


async def test_a_revoked_key_stops_within_a_second(home: Home, api: Api) -> None:
    key = await api.new_key(["*"])
    assert (await api.get("/crm/tags", key=key)).status == 200

    await access.keys.revoke(
        home.server.database,
        await access.keys.id_of(home.server.database, access.keys.digest(key)),
        now=home.clock.now(),
    )

    async with asyncio.timeout(1):
        while (await api.get("/crm/tags", key=key)).status != 401:
            await asyncio.sleep(0)
    assert (await api.get("/crm/tags")).status == 200


@pytest.mark.parametrize(
    ("allowed", "peer", "forwarded", "status"),
    [
        (["10.0.0.0/8"], "10.1.2.3", None, 200),
        (["10.0.0.0/8"], "11.1.2.3", None, 403),
        (["192.0.2.7"], "192.0.2.7", None, 200),
        (["2001:db8::/32"], "2001:db8::1", None, 200),
        (["2001:db8::/32"], "2001:db9::1", None, 403),
        (["::ffff:10.0.0.1"], "10.0.0.1", None, 200),
        (["10.0.0.1"], "::ffff:10.0.0.1", None, 200),
        (["10.0.0.1"], "192.0.2.1", "10.0.0.1", 403),
    ],
)
async def test_a_key_is_used_from_its_addresses_only(
    api: Api, allowed: list[str], peer: str, forwarded: str | None, status: int
) -> None:
    key = await api.new_key(["*"], allow=allowed)

    answer = await api.get(
        "/crm/tags", key=key, peer=(peer, 1), headers={"x-forwarded-for": forwarded} if forwarded else {}
    )

    assert answer.status == status
    assert status == 200 or answer.json() == {"detail": "IP address not allowed for this API key"}


async def test_sixty_calls_a_minute_and_not_one_more(home: Home, api: Api) -> None:
    key = await api.new_key(["*"], rate_limit=60)

    answers = await asyncio.gather(*(api.get("/crm/tags", key=key) for _ in range(100)))

    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) == 40
    assert refused[0].json() == {"detail": "Rate limit exceeded for this API key"}
    assert refused[0].headers["retry-after"] == "60"
    home.clock.advance(seconds=59)
    assert (await api.get("/crm/tags", key=key)).headers["retry-after"] == "1"
    home.clock.advance(seconds=1)
    assert (await api.get("/crm/tags", key=key)).status == 200


async def test_a_hard_quota_warns_from_80_percent_and_refuses_past_100(home: Home) -> None:
    api = await home.new_api(monthly_quota=100, quota_mode="hard")
    seen = [await api.get("/crm/tags") for _ in range(101)]

    assert [answer.status for answer in seen] == [200] * 100 + [429]
    assert [seen[number].headers["x-api-usage-percent"] for number in (0, 78, 79, 99, 100)] == [
        "1",
        "79",
        "80",
        "100",
        "100",
    ]
    assert "x-api-usage-warning" not in seen[78].headers
    assert seen[79].headers["x-api-usage-warning"] == "approaching_monthly_quota"
    assert seen[99].headers["x-api-usage-warning"] == "monthly_quota_exceeded"
    assert seen[100].json() == {"detail": "api_monthly_quota_exceeded"}
    now = home.clock.now()
    turn = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    assert int(seen[100].headers["retry-after"]) == (turn - now).total_seconds()

    home.clock.advance(seconds=(turn - now) / timedelta(seconds=1))

    assert (await api.get("/crm/tags")).headers["x-api-usage-percent"] == "1"


async def test_a_soft_quota_goes_on_answering(home: Home) -> None:
    api = await home.new_api(monthly_quota=2, quota_mode="soft")

    seen = [await api.get("/crm/tags") for _ in range(4)]

    assert [answer.status for answer in seen] == [200] * 4
    assert seen[-1].headers["x-api-usage-percent"] == "200"
    assert seen[-1].headers["x-api-usage-warning"] == "monthly_quota_exceeded"


async def test_a_plan_without_the_module_is_403(home: Home) -> None:
    api = await home.new_api(plan_name="free")

    answer = await api.get("/webhooks")

    assert (answer.status, answer.json()) == (403, {"detail": "Entitlement required: webhooks"})


async def test_a_missing_scope_is_named_and_comes_before_the_body_is_read(api: Api) -> None:
    key = await api.new_key(["guests.read"])

    answer = await api.ask("POST", "/crm/guests", raw=b"{", key=key)

    assert (answer.status, answer.json()) == (403, {"detail": "Missing required scope: crm:write"})
