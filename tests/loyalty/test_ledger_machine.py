"""Anything that can be done with points, in any order: the ledger holds (D16)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hospes.base.errors import Conflict, Exhausted, HospesError
from hospes.capabilities import guests, loyalty
from hospes.house import chores
from tests.living import Api, Home

WHO = st.integers(0, 2)
POINTS = st.integers(1, 60)


class Ledger(RuleBasedStateMachine):
    """Three guests of one workspace, and beside them what we expect of each."""

    home: Home
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.api: Api
        self.ids: list[int] = []
        self.movements: list[tuple[int, int]] = []
        self.reversed: set[int] = set()
        self.past: list[tuple[int, datetime, int]] = []

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    @initialize(days=st.sampled_from([None, 10]))
    def begin(self, days: int | None) -> None:
        self.api = self.do(self.home.new_api())
        for name in ("Ana", "Bo", "Cy"):
            self.ids.append(self.do(self.api.new_guest(name=name))["id"])

        async def set_program() -> None:
            async with self.api.begin() as tx:
                await loyalty.programs.set_program(tx, loyalty.programs.Program("Points", days, None))
                await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=50)

        self.do(set_program())

    async def _tried(self, work: Any) -> Any:
        try:
            async with self.api.begin() as tx:
                return await work(tx)
        except HospesError as error:
            return error

    @rule(who=WHO, points=POINTS)
    def add(self, who: int, points: int) -> None:
        before = self.balance(who)
        movement = self.do(self._tried(lambda tx: loyalty.add(tx, self.ids[who], points)))
        self.movements.append((movement.id, points))
        assert movement.balance == before + points == self.balance(who)

    @rule(who=WHO, points=POINTS)
    def redeem(self, who: int, points: int) -> None:
        before = self.balance(who)
        movement = self.do(self._tried(lambda tx: loyalty.redeem(tx, self.ids[who], points)))
        if points > before:
            assert isinstance(movement, Exhausted)
            assert self.balance(who) == before
        else:
            self.movements.append((movement.id, -points))
            assert self.balance(who) == before - points

    @precondition(lambda self: self.movements)
    @rule(data=st.data())
    def reverse(self, data: Any) -> None:
        movement_id, _ = data.draw(st.sampled_from(self.movements))
        before = [self.balance(who) for who in range(3)]
        done = self.do(self._tried(lambda tx: loyalty.reverse(tx, movement_id)))
        if movement_id in self.reversed:
            assert isinstance(done, Conflict | Exhausted)
        if isinstance(done, HospesError):
            assert [self.balance(who) for who in range(3)] == before
        else:
            self.reversed.add(movement_id)

    @rule(hours=st.integers(1, 200))
    def wait(self, hours: int) -> None:
        self.remember()
        self.home.clock.advance(hours=hours)

    @rule()
    def expire(self) -> None:
        before = [self.balance(who) for who in range(3)]
        self.do(chores.expire_points(self.home.server, self.api.workspace_id))
        # Writing off is bookkeeping: what had ended could not be spent before either.
        assert [self.balance(who) for who in range(3)] == before

    @rule(one=WHO, other=WHO)
    def merge(self, one: int, other: int) -> None:
        self.do(self._tried(lambda tx: guests.merge(tx, self.ids[one], self.ids[other], evidence="test")))
        # A merge joins the pasts of two guests: what was asked before was of one of them.
        self.past.clear()

    def remember(self) -> None:
        now = self.home.clock.now()
        for who in range(3):
            rank = self.do(loyalty.rank(self.api.reader(), self.ids[who], at=now))
            self.past.append((who, now, rank.qualifying_points))

    def balance(self, who: int) -> int:
        return int(self.do(loyalty.balance(self.api.reader(), self.ids[who])).points)

    @invariant()
    def the_books_balance(self) -> None:
        if not self.ids:
            return
        for check in loyalty.standing.CHECKS.values():
            assert self.do(self.home.server.database.fetchrow(check))[0] == 0
        assert min(self.balance(who) for who in range(3)) >= 0

    @invariant()
    def the_past_does_not_change(self) -> None:
        for who, at, points in self.past[-6:]:
            if at <= self.home.clock.now() - timedelta(hours=1):
                rank = self.do(loyalty.rank(self.api.reader(), self.ids[who], at=at))
                assert rank.qualifying_points == points


async def test_the_ledger_holds_whatever_is_done(home: Home) -> None:
    machine = type("Bound", (Ledger,), {"home": home, "loop": asyncio.get_running_loop()})
    some = settings(
        max_examples=12,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )

    await asyncio.to_thread(run_state_machine_as_test, machine, settings=some)
