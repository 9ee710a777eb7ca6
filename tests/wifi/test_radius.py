"""Sessions and visits from RADIUS accounting, over the door that FreeRADIUS talks to."""

import base64
import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from hospes.capabilities import access
from hospes.house import chores
from tests.living import Answer, Api, Home, ask

MAC = "a4-83-e7-00-00-01"
SHOWN = "a4:83:e7:**:**:**"


class Network:
    """One network device at the portal of a workspace, and the RADIUS server behind it."""

    def __init__(self, api: Api, token: str, nas: str = "ap-1") -> None:
        self.api = api
        self.token = token
        self.nas = nas

    async def post(self, step: str, **attributes: Any) -> Answer:
        packet = {"NAS-Identifier": self.nas, "Calling-Station-Id": MAC, "User-Name": MAC} | {
            name.replace("_", "-"): value for name, value in attributes.items()
        }
        body = {name: {"type": "string", "value": [value]} for name, value in packet.items() if value is not None}
        headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {self.token}".encode())]
        headers.append((b"content-type", b"application/json"))
        path = f"/radius/v1/{step}"
        return await ask(self.api.home.application, "POST", path, headers=headers, body=json.dumps(body).encode())

    async def account(self, kind: str, session: str | None = "s1", **attributes: Any) -> None:
        answer = await self.post("accounting", Acct_Status_Type=kind, Acct_Session_Id=session, **attributes)
        assert answer.status == 204, answer


@pytest.fixture
async def network(home: Home, api: Api) -> Network:
    made = await access.staff_tokens.create(
        home.server.database, api.workspace_id, name="RADIUS", role="network", now=home.clock.now()
    )
    answer = await api.workspace("POST", "/network-devices", {"portal_id": api.portal_id, "name": "ap-1"})
    assert answer.status == 201, answer
    return Network(api, made.secret)


async def sign_in(api: Api, email: str = "ana@example.com", mac: str | None = MAC) -> None:
    portal = (await api.workspace("GET", f"/portals/{api.portal_id}")).json()
    body = f"name=Ana&email={email}".encode()
    headers = [(b"host", b"testserver"), (b"content-type", b"application/x-www-form-urlencoded")]
    path = f"/p/{portal['slug']}"
    answer = await ask(
        api.home.application, "POST", path, headers=headers, query=f"mac={mac}".encode() if mac else b"", body=body
    )
    assert answer.status == 200, answer


async def sessions(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get("/wifi/sessions", **query)
    assert answer.status == 200, answer
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def visits(api: Api) -> list[tuple[str, int | None]]:
    items = (await api.get("/crm/events", type=["visit.started", "visit.ended"], after=0)).json()["items"]
    return [(item["type"], item["data"].get("duration_seconds")) for item in items]


async def test_a_device_is_let_in_when_its_guest_signed_in_and_until_the_time_is_over(
    home: Home, api: Api, network: Network
) -> None:
    before = await network.post("authorize")
    await sign_in(api)
    after = await network.post("authorize")
    home.clock.advance(hours=12)
    over = await network.post("authorize")

    assert (before.status, after.status, over.status) == (403, 200, 403)
    assert after.json()["control:Auth-Type"]["value"] == ["Accept"]
    assert after.json()["reply:Session-Timeout"]["value"] == [12 * 3600]


async def test_a_session_is_opened_kept_and_closed(home: Home, api: Api, network: Network) -> None:
    await sign_in(api)
    await network.account("Start", Framed_IP_Address="10.0.0.7")
    home.clock.advance(minutes=10)
    await network.account("Interim-Update", Acct_Session_Time=600, Acct_Input_Octets=1000, Acct_Input_Gigawords=1)
    live = (await api.get("/wifi/live-guests")).json()
    home.clock.advance(minutes=5)
    await network.account("Stop", Acct_Session_Time=900, Acct_Terminate_Cause="User-Request")

    [session] = await sessions(api)
    assert [(one["name"], one["session_id"]) for one in live["items"]] == [("Ana", session["id"])]
    assert (session["device_mac"], session["is_active"], session["duration_seconds"]) == (SHOWN, False, 900)
    assert (await api.get("/wifi/live-guests")).json()["total"] == 0
    assert await visits(api) == [("visit.started", None)]
    home.clock.advance(minutes=31)
    await chores.end_visits(home.server, api.workspace_id)
    assert await visits(api) == [("visit.started", None), ("visit.ended", 900)]
    guest = (await api.get("/crm/guests")).json()["items"][0]
    assert guest["visit_count"] == 1
    assert (await api.get(f"/crm/guests/{guest['id']}")).json()["visit_count"] == 1


@pytest.mark.parametrize("order", list(permutations(["Start", "Interim-Update", "Stop"])))
async def test_packets_in_any_order_and_twice_make_one_session(
    home: Home, api: Api, network: Network, order: tuple[str, ...]
) -> None:
    await sign_in(api, mac=None)
    lasted = {"Start": 0, "Interim-Update": 300, "Stop": 600}
    home.clock.advance(minutes=10)

    for kind in [kind for kind in order for _ in range(2)]:
        held_back = 600 - lasted[kind]
        await network.account(kind, Acct_Session_Time=lasted[kind], Acct_Delay_Time=held_back)

    [session] = [one for one in await sessions(api) if one["device_mac"]]
    assert (session["is_active"], session["duration_seconds"]) == (False, 600)


async def test_an_id_that_a_restarted_device_uses_again_is_another_session(
    home: Home, api: Api, network: Network
) -> None:
    await sign_in(api)
    await network.account("Start")
    home.clock.advance(minutes=5)
    await network.account("Stop", Acct_Session_Time=300)
    home.clock.advance(minutes=60)
    await network.account("Start")

    assert [one["is_active"] for one in await sessions(api)] == [True, False]


async def test_a_network_device_that_restarts_closes_its_sessions_and_no_others(
    home: Home, api: Api, network: Network
) -> None:
    await api.workspace("POST", "/network-devices", {"portal_id": api.portal_id, "name": "ap-2"})
    other = Network(api, network.token, "ap-2")
    await network.account("Start", "a")
    await network.account("Start", "b", Calling_Station_Id="a4-83-e7-00-00-02")
    await other.account("Start", "c", Calling_Station_Id="a4-83-e7-00-00-03")
    home.clock.advance(minutes=1)

    await network.account("Accounting-On", None, Calling_Station_Id=None, User_Name=None)

    assert len(await sessions(api, active_only="true")) == 1


async def test_a_session_that_went_silent_is_closed_when_it_was_last_heard_of(
    home: Home, api: Api, network: Network
) -> None:
    await sign_in(api)
    await network.account("Start")
    home.clock.advance(minutes=7)
    await network.account("Interim-Update", Acct_Session_Time=420)
    home.clock.advance(minutes=19)
    await chores.end_visits(home.server, api.workspace_id)
    still = await sessions(api, active_only="true")
    home.clock.advance(minutes=1)
    await chores.end_visits(home.server, api.workspace_id)
    [closed] = await sessions(api)
    home.clock.advance(minutes=30)
    await chores.end_visits(home.server, api.workspace_id)

    assert len(still) == 1
    assert (closed["is_active"], closed["duration_seconds"]) == (False, 420)
    assert await visits(api) == [("visit.started", None), ("visit.ended", 420)]


@pytest.mark.parametrize(("gap", "count"), [(29, 1), (30, 1), (31, 2)])
async def test_sessions_over_short_gaps_are_one_visit(
    home: Home, api: Api, network: Network, gap: int, count: int
) -> None:
    await sign_in(api)
    await network.account("Start", "s1")
    home.clock.advance(minutes=5)
    await network.account("Stop", "s1", Acct_Session_Time=300)
    home.clock.advance(minutes=gap)
    await network.account("Start", "s2")
    await chores.end_visits(home.server, api.workspace_id)

    assert [kind for kind, _ in await visits(api)].count("visit.started") == count
    guest = (await api.get("/crm/guests")).json()["items"][0]
    assert guest["visit_count"] == count


async def test_a_second_device_and_a_long_stay_are_the_same_visit(home: Home, api: Api, network: Network) -> None:
    await sign_in(api)
    await network.account("Start", "phone")
    for _ in range(20):
        home.clock.advance(minutes=10)
        await network.account("Interim-Update", "phone")
        await chores.end_visits(home.server, api.workspace_id)
    await sign_in(api, mac="a4-83-e7-00-00-02")
    await network.account("Start", "laptop", Calling_Station_Id="a4-83-e7-00-00-02")

    assert await visits(api) == [("visit.started", None)]
    live = (await api.get("/wifi/live-guests")).json()
    assert live["total"] == 1
    assert live["items"][0]["connected_since"] == (home.clock.now() - timedelta(minutes=200)).isoformat()


async def test_a_device_belongs_to_whoever_signed_in_last(home: Home, api: Api, network: Network) -> None:
    await sign_in(api, "ana@example.com")
    await network.account("Start", "s1")
    home.clock.advance(minutes=5)
    await network.account("Stop", "s1", Acct_Session_Time=300)
    await sign_in(api, "bo@example.com")
    await network.account("Start", "s2")

    names = {one["id"]: one["email"] for one in (await api.get("/crm/guests")).json()["items"]}
    assert [names[one["guest_id"]] for one in await sessions(api)] == ["bo@example.com", "ana@example.com"]


async def test_what_was_on_before_anybody_signed_in_becomes_the_guests(home: Home, api: Api, network: Network) -> None:
    await network.account("Start")
    home.clock.advance(minutes=3)
    await sign_in(api)

    [session] = await sessions(api)
    assert session["guest_id"] is not None
    assert session["duration_seconds"] == 180


@pytest.mark.parametrize(
    ("step", "attributes", "status"),
    [
        ("authorize", {"NAS_Identifier": "stranger"}, 404),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "x", "NAS_Identifier": "stranger"}, 404),
        ("accounting", {"Acct_Status_Type": "Interim-Update", "Acct_Session_Id": "x\x00y"}, 204),
        ("accounting", {"Acct_Status_Type": "Nonsense"}, 400),
        ("accounting", {"Acct_Status_Type": "Start", "NAS_Identifier": None}, 400),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "x" * 5000}, 204),
        ("accounting", {"Acct_Status_Type": "Stop", "Acct_Session_Id": "y", "Acct_Session_Time": 10**18}, 204),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "z", "Event_Timestamp": 10**18}, 204),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "w", "Acct_Input_Octets": 10**30}, 204),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "v", "Acct_Delay_Time": -5}, 204),
        ("accounting", {"Acct_Status_Type": "Start", "Acct_Session_Id": "u", "Calling_Station_Id": "é" * 40}, 204),
        ("accounting", {"Acct_Status_Type": True}, 400),
        ("nothing", {}, 403),
    ],
)
async def test_whatever_a_network_device_sends_is_answered(
    network: Network, step: str, attributes: dict[str, Any], status: int
) -> None:
    assert (await network.post(step, **attributes)).status == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": 5}', b'{"a": {"value": {"b": 1}}}', b"\xff", b"[" * 9999])
async def test_a_body_that_is_no_packet_is_refused(home: Home, network: Network, body: bytes) -> None:
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {network.token}".encode())]

    answer = await ask(home.application, "POST", "/radius/v1/accounting", headers=headers, body=body)

    assert answer.status == 400


async def test_only_a_token_for_the_network_opens_the_door_and_it_opens_no_other(
    home: Home, api: Api, network: Network
) -> None:
    owner = await access.staff_tokens.create(
        home.server.database, api.workspace_id, name="Owner", role="owner", now=home.clock.now()
    )
    basic = base64.b64encode(f"radius:{network.token}".encode()).decode()

    async def status(header: str | None, path: str = "/radius/v1/authorize", method: str = "POST") -> int:
        headers = [(b"host", b"testserver")] + ([(b"authorization", header.encode())] if header else [])
        return (await ask(home.application, method, path, headers=headers, body=b"{}")).status

    assert await status(f"Bearer {owner.secret}") == 401
    assert await status(None) == 401
    assert await status("Basic ###") == 401
    assert await status(f"Basic {basic}") == 404
    assert await status(f"Bearer {network.token}", "/api/workspace/v1/locations", "GET") == 403


async def test_another_workspaces_network_device_is_unknown(home: Home, network: Network) -> None:
    other = await home.new_api()
    await sign_in(other)

    assert (await network.post("authorize")).status == 403
    await network.account("Start")
    assert await sessions(other, active_only="true") != []
    assert all(one["guest_id"] is not None for one in await sessions(other))
