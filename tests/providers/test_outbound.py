"""What a receiver may answer: W14, W18, W20, W21, and answers slow, broken or hostile."""

import asyncio
import gzip
import time
from datetime import UTC, datetime

import pytest
from going_out import JSON, going_out, send
from outbound_cases import FAILURES, SUCCESSES
from receiver import Receiver, answer, ends, floods, receiving, resets, says, waits

from hospes.base.clock import ManualClock
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Outbound


async def test_the_request_arrives_byte_for_byte() -> None:
    async with receiving(says(answer(200, b"thanks"))) as receiver, going_out() as outbound:
        body = '{"name":"Zoë 🎈"}'.encode()
        got = await outbound.post(receiver.url + "?a=%2Fb", body=body, headers={"webhook-id": "msg_1", **JSON})

    head, _, sent = receiver.requests[0].partition(b"\r\n\r\n")
    assert (got.status, got.ok, got.error, got.head, got.retry_after) == (200, True, None, "thanks", None)
    assert head.startswith(b"POST /hooks?a=%2Fb HTTP/1.1\r\n")
    assert b"webhook-id: msg_1" in head
    assert b"Content-Type: application/json" in head
    assert sent == body


@pytest.mark.parametrize("status", [*SUCCESSES, *FAILURES])
async def test_w14_any_2xx_is_a_success_and_nothing_else(status: int) -> None:
    async with receiving(ends(answer(status))) as receiver:
        got = await send(receiver.url)

    assert got.ok == (status in SUCCESSES)
    # 199 is an interim answer (RFC 9110 section 15.2): the final one never came.
    assert (got.status, got.error) == ((None, "reset") if status == 199 else (status, None))


async def test_one_connection_serves_many_requests() -> None:
    async with receiving(says(answer(200, b"ok"))) as receiver, going_out() as outbound:
        answers = [await send(receiver.url, outbound=outbound) for _ in range(5)]

    assert all(got.ok for got in answers)
    assert (len(receiver.requests), receiver.connections) == (5, 1)


async def test_latency_is_told_by_the_clock_of_the_house() -> None:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))

    async def script(_: Receiver, writer: asyncio.StreamWriter) -> None:
        clock.advance(seconds=1.234)
        writer.write(answer(204))

    async with receiving(script) as receiver, Outbound(Destinations(allow_loopback=True), clock) as outbound:
        assert (await send(receiver.url, outbound=outbound)).latency_ms == 1234


@pytest.mark.parametrize(
    ("header", "kept"),
    [("120", "120"), ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"), ("9" * 65, None), ("é", None)],
)
async def test_retry_after_is_handed_on_when_it_can_be_one(header: str, kept: str | None) -> None:
    async with receiving(says(answer(503, b"", f"Retry-After: {header}"))) as receiver:
        got = await send(receiver.url)

    assert (got.status, got.retry_after) == (503, kept)


async def test_w18_a_reset_before_the_status_is_a_failure() -> None:
    async with receiving(resets()) as receiver:
        got = await send(receiver.url)

    assert (got.status, got.error, got.ok) == (None, "reset", False)
    assert len(receiver.requests) == 1


async def test_w18_a_reset_within_the_body_does_not_undo_the_status() -> None:
    async with receiving(resets("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as receiver:
        got = await send(receiver.url)

    assert (got.status, got.error, got.ok) == (200, "reset", True)


async def test_w20_nothing_is_remembered_and_no_challenge_answered() -> None:
    async with receiving(says(answer(200))) as elsewhere:
        headers = [
            "Set-Cookie: session=1; Path=/",
            f'Alt-Svc: h2="127.0.0.1:{elsewhere.port}"; ma=86400',
            'WWW-Authenticate: Basic realm="x"',
        ]
        async with receiving(says(answer(401, b"", *headers))) as receiver, going_out() as outbound:
            answers = [await send(receiver.url, outbound=outbound) for _ in range(2)]

    assert [got.status for got in answers] == [401, 401]
    assert len(receiver.requests) == 2
    assert not any(word in request.lower() for request in receiver.requests for word in (b"cookie", b"authorization"))
    assert elsewhere.connections == 0


async def test_w21_the_head_is_text_that_can_be_stored() -> None:
    async with receiving(says(answer(500, b"a\0b\xff\xfe<script>\xed\xa0\x80"))) as receiver:
        got = await send(receiver.url)

    assert got.head.startswith("ab\ufffd\ufffd<script>")
    assert "\0" not in got.head
    assert got.head.encode()


async def test_the_head_is_short_and_a_long_body_costs_the_connection_only() -> None:
    async with receiving(says(answer(200, b"x" * 1_000_000))) as receiver, going_out() as outbound:
        answers = [await send(receiver.url, outbound=outbound) for _ in range(2)]

    assert [(got.status, got.error, len(got.head)) for got in answers] == [(200, None, 512)] * 2
    assert receiver.connections == 2


async def test_a_body_without_end_is_read_to_its_bound() -> None:
    async with receiving(floods) as receiver:
        got = await send(receiver.url)

    assert (got.status, got.head, got.error) == (200, "x" * 512, None)
    assert receiver.bytes_sent < 16 * 1024 * 1024  # what fits into the buffers of two sockets


async def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    async with receiving(says(answer(200, bomb, "Content-Encoding: gzip"))) as receiver:
        got = await send(receiver.url)

    assert got.ok
    assert "0000" not in got.head


@pytest.mark.parametrize(
    ("begun", "outcome"),
    [
        ("", (None, "timeout", "")),
        ("HTTP/1.1 200 OK\r\nContent-", (None, "timeout", "")),
        ("HTTP/1.1 100 Continue\r\n\r\n", (None, "timeout", "")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", (200, "too_slow", "half")),
    ],
)
async def test_a_slow_receiver_costs_the_time_limit_and_no_more(
    begun: str, outcome: tuple[int | None, str, str]
) -> None:
    started = time.monotonic()
    async with receiving(waits(begun)) as receiver:
        got = await send(receiver.url, timeout_seconds=0.2)

    assert (got.status, got.error, got.head) == outcome
    assert 200 <= got.latency_ms < 2000
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "said",
    [
        "220 mail.example.com ESMTP\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + "x" * 100_000 + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 1000 + "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ],
)
async def test_what_is_no_http_is_an_invalid_answer(said: str) -> None:
    async with receiving(ends(said)) as receiver:
        got = await send(receiver.url)

    assert (got.status, got.error, got.head) == (None, "invalid_answer", "")


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async with receiving(waits()) as receiver, going_out() as outbound:
        request = asyncio.create_task(send(receiver.url, outbound=outbound))
        await receiver.asked.wait()
        request.cancel()

        with pytest.raises(asyncio.CancelledError):
            await request

    assert len(receiver.requests) == 1
