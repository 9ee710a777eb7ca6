"""What is never dialled: W44, W45, W47, W50 to W52, W55 to W58."""

import ast
import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
import trustme
from going_out import HOOK, Names, going_out, send, server_side, trusting
from outbound_cases import HOSTILE_ADDRESSES, REDIRECTS, SPELLINGS
from receiver import answer, ends, receiving, says

import hospes
from hospes.base.clock import SystemClock
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Answer, Outbound


@pytest.mark.parametrize("host", [*HOSTILE_ADDRESSES, *SPELLINGS])
async def test_w44_w47_nothing_hostile_is_dialled_even_if_it_was_stored(host: str) -> None:
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host

    assert await send(f"https://{host}/", destinations=Destinations()) == Answer(None, "refused_address", 0, "", None)


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
async def test_w45_a_name_that_leads_to_a_hostile_address_is_not_dialled(address: str) -> None:
    got = await send(f"https://{HOOK}/", destinations=Destinations(), names=Names(hooks_example_com=[address]))

    assert got == Answer(None, "refused_address", 0, "", None)


@pytest.mark.parametrize("order", [1, -1])
async def test_w50_one_private_address_spoils_the_whole_answer(order: int) -> None:
    async with receiving(says(answer())) as receiver:
        names = Names(hooks_example_com=["127.0.0.1", "10.0.0.1"][::order])
        got = await send(f"https://{HOOK}:{receiver.port}/", names=names)

    assert got.error == "refused_address"
    assert receiver.connections == 0


async def test_w51_an_answer_of_500_addresses_is_refused() -> None:
    async with receiving(says(answer())) as receiver:
        got = await send(f"https://{HOOK}:{receiver.port}/", names=Names(hooks_example_com=["127.0.0.1"] * 500))

    assert got.error == "refused_address"
    assert receiver.connections == 0


async def test_w51_an_empty_answer_is_a_failure_of_dns() -> None:
    assert (await send(f"https://{HOOK}/", names=Names(hooks_example_com=[]))).error == "dns"


async def test_w51_a_silent_name_server_holds_up_nobody_else() -> None:
    async with receiving(says(answer())) as receiver, going_out(names=Names()) as outbound:
        silent = [
            asyncio.create_task(send(f"https://{n}.example.com/", outbound=outbound, timeout_seconds=3))
            for n in range(50)
        ]
        healthy = await send(receiver.url, outbound=outbound)
        waiting = sum(not task.done() for task in silent)
        answers = await asyncio.gather(*silent)

    assert healthy.ok
    assert waiting == 50
    assert {got.error for got in answers} == {"timeout"}


async def test_a_name_that_does_not_exist_is_a_failure_of_dns() -> None:
    got = await send("https://hooks.hospes.invalid/", timeout_seconds=10)  # RFC 6761 section 6.4

    assert got.error in {"dns", "timeout"}  # a machine without a network waits for its resolver


async def test_localhost_is_this_machine_without_asking_anybody() -> None:
    names = Names()
    async with receiving(says(answer())) as receiver:
        got = await send(receiver.url.replace("127.0.0.1", "localhost"), names=names)

    assert got.ok
    assert names.asked == []


@pytest.mark.parametrize("status", REDIRECTS)
async def test_w52_a_redirect_is_not_followed(status: int) -> None:
    async with (
        receiving(says(answer(200, b"secret"))) as metadata,
        receiving(says(answer(status, b"", f"Location: {metadata.url}"))) as receiver,
    ):
        got = await send(receiver.url)

    assert (got.status, got.ok) == (status, False)
    assert (len(receiver.requests), metadata.connections) == (1, 0)


async def test_w55_a_name_that_turns_private_is_refused_at_the_next_dial() -> None:
    authority, names = trustme.CA(), Names(hooks_example_com=["127.0.0.1"])
    async with receiving(says(answer()), server_side(authority.issue_cert(HOOK))) as receiver:
        outbound = Outbound(Destinations(allow_loopback=True), SystemClock(), trust=trusting(authority), names=names)
        url = f"https://{HOOK}:{receiver.port}/"
        async with outbound:
            before = await send(url, outbound=outbound)
        names.table[f"{HOOK}."] = ["10.0.0.5"]
        async with outbound:
            after = await send(url, outbound=outbound)

    assert before.ok
    assert (after.status, after.error) == (None, "refused_address")
    assert receiver.connections == 1


async def test_w55_a_policy_that_turns_strict_holds_at_the_next_dial() -> None:
    policy = Destinations(allow_loopback=True)
    async with (
        receiving(ends(answer(200, b"", "Connection: close"))) as receiver,
        going_out(destinations=policy) as outbound,
    ):
        before = await send(receiver.url, outbound=outbound)
        policy.allow_loopback = False
        after = await send(receiver.url, outbound=outbound)

    assert before.ok
    assert (after.status, after.error) == (None, "refused_address")
    assert receiver.connections == 1


async def test_w56_blocked_closed_and_filtered_are_one_word_each() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        got_closed = await send(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # a full queue drops what comes next, as a filter does
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        got_filtered = await send(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout_seconds=0.3)
    blocked = [await send(f"https://10.0.0.1:{port}/", destinations=Destinations()) for port in (443, 5432, 8080)] + [
        await send(f"https://{HOOK}/", names=Names(hooks_example_com=["10.0.0.1"]))
    ]

    assert (got_closed.status, got_closed.error) == (None, "connect")
    assert (got_filtered.status, got_filtered.error) == (None, "timeout")
    assert set(blocked) == {Answer(None, "refused_address", 0, "", None)}


async def test_w57_proxies_and_netrc_from_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login anna password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with receiving(says(answer(502))) as proxy, receiving(says(answer())) as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        got = await send(receiver.url)

    assert got.ok
    assert proxy.connections == 0
    assert b"authorization" not in receiver.requests[0].lower()


CLIENTS = {"aiohttp", "httpx", "httpx2", "requests", "urllib3", "urllib.request", "http.client", "smtplib", "ftplib"}
DIALLING = {"open_connection", "create_connection", "urlopen", "sock_connect"}


def ways_out(source: str) -> set[str]:
    """The clients that a module imports and the calls by which it dials."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute | ast.Name):
            found.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return {name for name in found if name in CLIENTS | DIALLING or name.partition(".")[0] in CLIENTS}


def test_w58_one_module_opens_outbound_connections() -> None:
    root = Path(hospes.__file__).parent

    assert ways_out("from http import client") == {"http.client"}
    assert {str(file.relative_to(root)) for file in root.rglob("*.py") if ways_out(file.read_text())} == {
        "providers/outbound.py",
        # Apple's push service alone, over HTTP/2: with the pass certificate, and with a token.
        "providers/apns.py",
        "providers/apns_push.py",
        # The operator's own message centre, as its mail server is.
        "providers/smpp_session.py",
    }
