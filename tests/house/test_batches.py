"""Calls that go together: what each is told, and what happens to the others when one fails."""

import asyncio

import pytest

from hospes.base.batches import Batches
from hospes.base.errors import Busy, Conflict


class Work:
    """Doubles numbers; 13 cannot be doubled, and while it is held nothing is."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.is_busy = False

    async def __call__(self, asked: list[int]) -> list[int]:
        self.seen.append(asked)
        await self.free.wait()
        if self.is_busy:
            raise Busy
        if 13 in asked:
            raise Conflict("Nobody doubles 13.")
        return [number * 2 for number in asked]


@pytest.fixture
def work() -> Work:
    return Work()


async def held(work: Work, batches: Batches[int, int], *asked: int) -> list["asyncio.Task[int]"]:
    """The first is under way, the others wait behind it."""
    work.free.clear()
    calls = [asyncio.create_task(batches.answer(number)) for number in asked[:1]]
    while not work.seen:
        await asyncio.sleep(0)
    calls += [asyncio.create_task(batches.answer(number)) for number in asked[1:]]
    await asyncio.sleep(0)
    return calls


async def test_who_comes_while_a_batch_is_under_way_shares_the_next(work: Work) -> None:
    calls = await held(work, Batches(work), 1, 2, 3, 4)

    work.free.set()

    assert await asyncio.gather(*calls) == [2, 4, 6, 8]
    assert work.seen == [[1], [2, 3, 4]]


async def test_no_batch_is_larger_than_a_hundred(work: Work) -> None:
    calls = await held(work, Batches(work), *range(20, 230))

    work.free.set()

    assert await asyncio.gather(*calls) == [number * 2 for number in range(20, 230)]
    assert [len(batch) for batch in work.seen] == [1, 100, 100, 9]


async def test_a_batch_weighs_no_more_than_it_may_unless_it_is_one_call(work: Work) -> None:
    calls = await held(work, Batches(work, most=10, weight=lambda number: number), 1, 4, 6, 5, 20, 3)

    work.free.set()

    assert await asyncio.gather(*calls) == [2, 8, 12, 10, 40, 6]
    assert work.seen == [[1], [4, 6], [5], [20], [3]]


async def test_one_that_fails_takes_no_other_along(work: Work) -> None:
    batches = Batches(work)
    calls = await held(work, batches, 1, 12, 13, 14)

    work.free.set()
    told = await asyncio.gather(*calls, return_exceptions=True)

    assert told[:2] + told[3:] == [2, 24, 28]
    assert isinstance(told[2], Conflict)
    assert await batches.answer(5) == 10


async def test_a_database_that_is_busy_is_asked_once_for_all(work: Work) -> None:
    calls = await held(work, Batches(work), 1, 2, 3)
    work.is_busy = True

    work.free.set()
    told = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(one) for one in told] == [Busy, Busy, Busy]
    assert work.seen == [[1], [2, 3]]


async def test_who_gives_up_leaves_the_others_their_answer(work: Work) -> None:
    calls = await held(work, Batches(work), 1, 2, 3)

    calls[1].cancel()
    work.free.set()
    told = await asyncio.gather(*calls, return_exceptions=True)

    assert (told[0], told[2]) == (2, 6)
    assert isinstance(told[1], asyncio.CancelledError)
