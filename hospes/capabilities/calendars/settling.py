"""Doing many things that stand in each other's way: in whatever order they can be done."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hospes.base.db import Tx
from hospes.base.errors import Conflict, HospesError, Invalid
from hospes.capabilities.bookings import occupancy

Do = Callable[[], Awaitable[None]]


class Step(msgspec.Struct, frozen=True):
    """One booking to be made or changed; `booking_id` is of one that there is, `about` what the step comes from."""

    about: Any
    do: Do
    booking_id: int | None = None


class Stuck(msgspec.Struct, frozen=True):
    """A step that could not be done, and why."""

    step: Step
    error: HospesError


async def tried(tx: Tx, do: Do) -> HospesError | None:
    """None when it went through; otherwise why not, and nothing of it is left."""
    try:
        async with tx.undoable():
            await do()
    except (Conflict, Invalid) as error:
        return error
    return None


async def settle(tx: Tx, steps: list[Step]) -> list[Stuck]:
    """Do what can be done; returns the steps whose nights others hold, or that make no sense."""
    left: list[Stuck] = [Stuck(step, Conflict()) for step in steps]
    while left:
        failed = []
        for one in left:
            error = await tried(tx, one.step.do)
            failed += [Stuck(one.step, error)] if error is not None else []
        is_stuck = len(failed) == len(left)
        left = failed
        if is_stuck:
            break
    else:
        return []
    swapping = [one.step for one in left if one.step.booking_id is not None]
    if len(swapping) > 1 and await tried(tx, lambda: _swap(tx, swapping)) is None:
        # Their old nights may be what the others wait for.
        return await settle(tx, [one.step for one in left if one.step.booking_id is None])
    return left


async def _swap(tx: Tx, steps: list[Step]) -> None:
    """Bookings that move to each other's nights let go of theirs first."""
    await occupancy.release(tx, [step.booking_id for step in steps if step.booking_id is not None])
    for step in steps:
        await step.do()
