"""Asking an API: any method, an answer within bounds, no redirects, and the same guard."""

import pytest

from hospes.providers.outbound import Page
from tests.providers.going_out import going_out
from tests.providers.receiver import answer, floods, receiving, says, waits


async def request(url: str, *, method: str = "PUT", body: bytes | None = b"{}", seconds: float = 5.0) -> Page:
    async with going_out() as outbound:
        return await outbound.request(
            method, url, body=body, headers={"Authorization": "Bearer x"}, timeout_seconds=seconds, read_limit=1000
        )


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", b'{"a":1}'), ("DELETE", None)])
async def test_a_request_carries_its_method_and_body_and_brings_the_answer(method: str, body: bytes | None) -> None:
    async with receiving(says(answer(207, b"x" * 1000))) as receiver:
        page = await request(receiver.url, method=method, body=body)

    [sent] = receiver.requests
    assert sent.startswith(f"{method} /hooks HTTP/1.1".encode()) and b"Authorization: Bearer x" in sent
    assert sent.endswith(b"\r\n\r\n" + (body or b""))
    assert (page.status, page.error, page.body) == (207, None, b"x" * 1000)


async def test_an_answer_past_the_bound_is_not_kept() -> None:
    async with receiving(floods) as receiver:
        page = await request(receiver.url)

    assert (page.status, page.error, page.body) == (200, "too_large", b"")


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with receiving(says(answer(302, b"", "Location: http://127.0.0.1:1/"))) as receiver:
        page = await request(receiver.url)

    assert (page.status, page.error) == (302, None) and len(receiver.requests) == 1


async def test_one_limit_of_time_covers_everything() -> None:
    async with receiving(waits()) as receiver:
        page = await request(receiver.url, seconds=0.2)

    assert (page.status, page.error) == (None, "timeout")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/", "ftp://example.com/", "nonsense"])
async def test_what_must_not_be_reached_is_not_dialled(url: str) -> None:
    page = await request(url)

    assert (page.status, page.error) == (None, "refused_address")
