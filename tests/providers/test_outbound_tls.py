"""Certificates and versions of TLS: W19, and the absolute names of W48."""

import asyncio
import ssl
import warnings
from datetime import UTC, datetime

import pytest
import trustme
from going_out import HOOK, Names, send, server_side, trusting
from receiver import answer, receiving, says


async def test_a_name_is_resolved_without_search_domains_and_its_certificate_checked() -> None:
    authority, names = trustme.CA(), Names(hooks_example_com=["127.0.0.1"])
    async with receiving(says(answer()), server_side(authority.issue_cert(HOOK))) as receiver:
        got = await send(f"https://{HOOK}:{receiver.port}/", trust=trusting(authority), names=names)

    assert got.ok
    assert names.asked == [f"{HOOK}."]
    assert f"Host: {HOOK}:{receiver.port}".encode() in receiver.requests[0]


@pytest.mark.parametrize("fault", ["expired", "self-signed", "wrong name", "other authority"])
async def test_w19_a_bad_certificate_is_a_failure(fault: str) -> None:
    ours, other = trustme.CA(), trustme.CA()
    certificate = {
        "expired": lambda: ours.issue_cert("127.0.0.1", not_after=datetime(2021, 1, 1, tzinfo=UTC)),
        "self-signed": lambda: other.issue_cert("127.0.0.1"),
        "wrong name": lambda: ours.issue_cert("other.example.com"),
        "other authority": lambda: other.issue_cert("127.0.0.1"),
    }[fault]()
    context = server_side(certificate)
    if fault == "self-signed":
        with other.cert_pem.tempfile() as chain, other.private_key_pem.tempfile() as key:
            context.load_cert_chain(chain, key)

    async with receiving(says(answer()), context) as receiver:
        got = await send(receiver.url, trust=trusting(ours))

    assert (got.status, got.error) == (None, "tls")
    assert receiver.requests == []


async def test_w19_a_context_that_verifies_nothing_is_made_to_verify() -> None:
    lax = ssl.create_default_context()
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    async with receiving(says(answer()), server_side(trustme.CA().issue_cert("127.0.0.1"))) as receiver:
        assert (await send(receiver.url, trust=lax)).error == "tls"


async def test_w19_tls_1_1_is_refused() -> None:
    authority = trustme.CA()
    old = server_side(authority.issue_cert("127.0.0.1"))
    permissive = trusting(authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for context in (old, permissive):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    async with receiving(says(answer()), old) as receiver:
        try:
            _, writer = await asyncio.open_connection(receiver.host, receiver.port, ssl=permissive)
        except ssl.SSLError:
            pytest.skip("this build of OpenSSL cannot speak TLS 1.1, so its refusal would prove nothing")
        writer.close()
        await writer.wait_closed()
        got = await send(receiver.url, trust=permissive)

    assert (got.status, got.error) == (None, "tls")


async def test_w19_a_server_without_tls_is_never_spoken_to_in_plain() -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1000))
        writer.write(answer())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        got = await send(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert (got.status, got.error) == (None, "tls")
    assert b"POST" not in heard
