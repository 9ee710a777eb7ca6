"""Random rules over a small random world: plain Python, SQL and kept members agree, whatever happens in what order."""

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hospes.base.db import Statement
from hospes.base.errors import HospesError
from hospes.capabilities import guests, loyalty, promotions, properties, segments
from hospes.capabilities.events import Event, PropertyEvent, record
from hospes.capabilities.segments import checking
from tests.conftest import IS_FULL, NOON
from tests.living import Api, Home
from tests.segments.plain import World
from tests.segments.world import all_of, members_of

NAME_IT = Statement("UPDATE events SET name = $2 WHERE workspace_id = $1 AND position = $3")
BOOK = Statement("""
    INSERT INTO bookings (workspace_id, property_id, guest_id, channel, status, arrival_on, departure_on,
                          created_at, updated_at)
    VALUES ($1, $2, $3, $4, 'confirmed', $5, $5::date + $6::integer, $7, $7)
    RETURNING id
""")
CANCEL = Statement("UPDATE bookings SET status = 'cancelled' WHERE workspace_id = $1 AND id = $2")
COME = Statement("""
    INSERT INTO visits (workspace_id, guest_id, location_id, session_id, started_at, last_at)
    VALUES ($1, $2, $3, 1, $4, $4)
    RETURNING id
""")
GO = Statement("UPDATE visits SET ended_at = $3, last_at = $3 WHERE workspace_id = $1 AND id = $2")


class Tracked(Event, frozen=True):
    TYPE = "event.tracked"
    TITLE = "Tracked"

    name: str
    attributes: dict[str, Any]


class Came(Event, frozen=True):
    TYPE = "visit.started"
    TITLE = "Connected to WiFi"

    session_id: int
    location_id: int


def numbers(most: int) -> Any:
    single = st.builds(
        lambda operator, value: {"operator": operator, "value": value},
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.integers(0, most),
    )
    pair = st.builds(
        lambda low, more: {"operator": "between", "value": [low, low + more]}, st.integers(0, 2), st.integers(0, most)
    )
    return single | pair


SPANS = st.sampled_from([{"minutes": 45}, {"hours": 20}, {"days": 2}, {"days": 30}, {"days": 3, "hours": 1}])
WINDOWS = (
    st.just({}) | st.builds(lambda span: {"within": span}, SPANS) | st.just({"since": "2026-06-18T00:00:00+00:00"})
)
AHEAD = st.just({}) | st.builds(lambda span: {"within": span}, SPANS)
CITIES = st.sampled_from(["Lyon", "Nice", "lyonnais"])


def one(**fixed: Any) -> Any:
    return st.just(fixed)


def joined(*parts: Any) -> Any:
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


def texts(values: Any) -> Any:
    return st.one_of(
        st.builds(
            lambda operator, value: {"operator": operator, "value": value},
            st.sampled_from(["=", "!=", "contains", "not_contains", "begins_with", "ends_with"]),
            values,
        ),
        st.builds(
            lambda operator, value: {"operator": operator, "value": [value]}, st.sampled_from(["in", "not_in"]), values
        ),
        st.sampled_from([{"operator": "set"}, {"operator": "not_set"}]),
    )


DATES = st.one_of(
    st.builds(
        lambda operator, days: {"operator": operator, "value": days},
        st.sampled_from(["within_last", "within_next", "anniversary_within"]),
        st.integers(0, 12),
    ),
    st.sampled_from(
        [
            {"operator": "before", "value": "2026-06-20"},
            {"operator": "after", "value": "2000-02-29"},
            {"operator": "set"},
        ]
    ),
)
EVENT_FILTERS = st.sampled_from(
    [
        {},
        {"where": [{"field": "amount", "operator": ">", "value": 10}]},
        {"where": [{"field": "amount", "operator": "in", "value": [5, 10.5]}]},
        {"where": [{"field": "kind", "operator": "!=", "value": "a"}]},
        {"where": [{"field": "paid", "operator": "=", "value": True}]},
        {"where": [{"field": "kind", "operator": "not_set"}, {"field": "amount", "operator": "set"}]},
    ]
)
STAY_FILTERS = st.sampled_from(
    [
        {},
        {"where": [{"field": "nights", "operator": ">=", "value": 3}]},
        {"where": [{"field": "channel", "operator": "in", "value": ["airbnb"]}]},
    ]
)
CONDITIONS = st.one_of(
    joined(one(field="guest.vip", operator="="), st.booleans().map(lambda value: {"value": value})),
    joined(one(field="guest.name"), texts(st.sampled_from(["Anna", "ben", "a"]))),
    joined(
        one(field="guest.created_at"),
        st.builds(lambda o, s: {"operator": o, "value": s}, st.sampled_from(["within_last", "not_within_last"]), SPANS),
    ),
    joined(one(field="guest.birth_date"), DATES),
    joined(one(field="attribute", name="city", type="text"), texts(CITIES)),
    joined(one(field="attribute", name="age", type="number"), numbers(50)),
    joined(one(field="attribute", name="since", type="date"), DATES),
    joined(
        one(field="attribute", name="club", type="boolean", operator="="),
        st.booleans().map(lambda value: {"value": value}),
    ),
    joined(one(field="consent.marketing", operator="="), st.booleans().map(lambda value: {"value": value})),
    joined(
        one(field="consent.email"),
        st.sampled_from([{"operator": "set"}, {"operator": "not_set"}, {"operator": "=", "value": False}]),
    ),
    joined(
        one(field="tag"),
        st.builds(
            lambda o, v: {"operator": o, "value": v},
            st.sampled_from(["any_of", "all_of", "none_of"]),
            st.sampled_from([["vip"], ["spa"], ["spa", "vip"]]),
        ),
    ),
    joined(
        one(field="event"), st.sampled_from([{"name": "order"}, {"name": "page"}]), numbers(3), WINDOWS, EVENT_FILTERS
    ),
    joined(
        one(field="event"), st.sampled_from([{"name": "order"}, {"name": "page"}]), numbers(3), WINDOWS, EVENT_FILTERS
    ),
    joined(
        one(field="event.value", name="order", attribute="amount"),
        st.sampled_from(["sum", "min", "max", "average"]).map(lambda measure: {"measure": measure}),
        numbers(32) | st.sampled_from([{"operator": ">", "value": 10.25}, {"operator": "<", "value": -0.5}]),
        WINDOWS,
        EVENT_FILTERS,
    ),
    joined(one(field="activity", name="tag.added"), numbers(2), st.builds(lambda span: {"within": span}, SPANS)),
    joined(one(field="visit"), numbers(2), WINDOWS),
    joined(one(field="presence"), numbers(1)),
    joined(one(field="stay.current"), numbers(1), STAY_FILTERS),
    joined(one(field="stay.upcoming"), numbers(1), AHEAD, STAY_FILTERS),
    joined(one(field="stay.past"), numbers(1), AHEAD, STAY_FILTERS),
    joined(one(field="stay.booked"), numbers(1), AHEAD, STAY_FILTERS),
    joined(
        st.sampled_from([{"field": "stay.arriving"}, {"field": "stay.departing"}]),
        numbers(1),
        st.sampled_from([{"in_days": [0, 0]}, {"in_days": [1, 3]}]),
    ),
    joined(one(field="points.balance"), numbers(60)),
    joined(one(field="points.earned"), numbers(60)),
    joined(
        one(field="tier"),
        st.sampled_from(
            [{"operator": "=", "value": "gold"}, {"operator": "not_set"}, {"operator": "!=", "value": "gold"}]
        ),
    ),
    joined(st.sampled_from([{"field": "offer.held"}, {"field": "offer.granted"}, {"field": "offer.used"}]), numbers(1)),
    joined(
        one(field="list"),
        st.builds(lambda o: {"operator": o, "value": ["LIST"]}, st.sampled_from(["any_of", "none_of"])),
    ),
)
RULES = st.recursive(
    CONDITIONS,
    lambda inner: st.builds(
        lambda combinator, turned, rules: {"combinator": combinator, "not": turned, "rules": rules},
        st.sampled_from(["and", "or"]),
        st.booleans(),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
WHO = st.integers(0, 3)
ACTIONS = st.one_of(
    st.tuples(st.just("new"), WHO),
    st.tuples(
        st.just("change"),
        WHO,
        st.fixed_dictionaries({}, optional={"is_vip": st.booleans(), "marketing_consent": st.booleans()}),
    ),
    st.tuples(
        st.just("attributes"),
        WHO,
        st.fixed_dictionaries(
            {},
            optional={
                "city": CITIES | st.none(),
                "age": st.sampled_from([7, 30, 41.5]),
                "club": st.booleans(),
                "since": st.sampled_from(["2026-06-20", "2026-06-23", "2025-06-25", "soon"][:3]),
                "birth_date": st.sampled_from(["2000-06-21", "2000-02-29", "1990-06-19"]),
            },
        ),
    ),
    st.tuples(st.just("tags"), WHO, st.sampled_from([(), ("vip",), ("spa", "vip"), ("spa",)])),
    st.tuples(
        st.just("track"),
        WHO,
        st.sampled_from(["order", "page"]),
        st.sampled_from([0, 0, 600, 90000, 2600000]),
        st.fixed_dictionaries(
            {},
            optional={
                "amount": st.sampled_from([5, 10.5, 20, -5, "20"]),
                "kind": st.sampled_from(["a", "b"]),
                "paid": st.booleans(),
            },
        ),
    ),
    st.tuples(st.just("track"), WHO, st.just("order"), st.just(0), st.just({"amount": 20})),
    st.tuples(st.just("come"), WHO),
    st.tuples(st.just("go"), WHO),
    st.tuples(st.just("book"), WHO, st.integers(-3, 5), st.integers(1, 4), st.sampled_from(["direct", "airbnb"])),
    st.tuples(st.just("cancel"), WHO),
    st.tuples(st.just("earn"), WHO, st.integers(5, 40)),
    st.tuples(st.just("spend"), WHO, st.integers(1, 30)),
    st.tuples(st.just("grant"), WHO),
    st.tuples(st.just("use"), WHO),
    st.tuples(st.just("list"), WHO),
    st.tuples(st.just("unlist"), WHO),
    st.tuples(st.just("merge"), WHO, WHO),
    st.tuples(st.just("unmerge"), WHO),
    st.tuples(
        st.just("wait"),
        st.sampled_from([{"minutes": 46}, {"hours": 7}, {"days": 1}, {"days": 2}, {"days": 9}, {"days": 31}]),
    ),
    st.tuples(
        st.just("wait"),
        st.sampled_from([{"minutes": 46}, {"hours": 7}, {"days": 1}, {"days": 2}, {"days": 9}, {"days": 31}]),
    ),
)


# What everybody begins with: enough for most conditions to tell guests apart.
FIRST: tuple[Any, ...] = (
    ("new", 0),
    ("new", 0),
    ("new", 0),
    ("attributes", 0, {"city": "Lyon", "age": 30, "birth_date": "2000-06-21"}),
    ("change", 1, {"is_vip": True, "marketing_consent": True}),
    ("track", 0, "order", 600, {"amount": 20, "kind": "a", "paid": True}),
    ("track", 0, "order", 90000, {"amount": 10.5}),
    ("track", 1, "page", 0, {}),
    ("earn", 1, 30),
    ("book", 0, 1, 3, "airbnb"),
    ("come", 2),
    ("list", 2),
    ("tags", 2, ("spa",)),
)


class Small:
    """A workspace of a few guests, and everything that can happen to them."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: list[int] = []
        self.bookings: list[tuple[int, int]] = []
        self.visits: list[int] = []
        self.merges: list[int] = []
        self.grants: list[int] = []
        self.property_id = self.list_id = self.promotion_id = 0

    async def begin(self) -> None:
        async with self.api.begin() as tx:
            unit = properties.NewProperty(location_id=self.api.location_id, name="Flat", time_zone="Europe/Paris")
            self.property_id = await properties.create(tx, unit)
            self.list_id = await segments.lists.create(tx, name="Press")
            await guests.tags.define(tx, slug="spa", label="Spa", color="#000000")
            await loyalty.programs.set_program(tx, loyalty.programs.Program("Points", 10, None))
            await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=50)
            terms = promotions.Terms(name="Coffee", kind="free_item", valid_days=3)
            self.promotion_id = await promotions.definitions.create(tx, terms)
            await promotions.definitions.activate(tx, self.promotion_id)
        for action in FIRST:
            await self.do(action)

    async def do(self, action: Any) -> None:
        """Do something; what the house refuses is not done."""
        what, *more = action
        if what == "wait":
            self.api.home.clock.advance(**more[0])
            return
        try:
            async with self.api.begin() as tx:
                who = self.ids[more[0] % len(self.ids)] if self.ids else 0
                await getattr(self, "_" + what)(tx, who, *more[1:])
        except HospesError:
            pass

    async def _new(self, tx: Any, _who: int) -> None:
        name = ["Anna", "Ben", "Cleo", "Dan"][len(self.ids) % 4]
        profile = guests.Profile(name=name, email=f"g{len(self.ids)}@example.com", location_id=self.api.location_id)
        self.ids.append(await guests.create(tx, profile, evidence="test"))

    async def _change(self, tx: Any, who: int, changes: Any) -> None:
        await guests.update(tx, who, guests.Changes(**changes), evidence="test")

    async def _attributes(self, tx: Any, who: int, attributes: Any) -> None:
        await guests.update(tx, who, guests.Changes(attributes=attributes), evidence="test")

    async def _tags(self, tx: Any, who: int, slugs: Any) -> None:
        await guests.update(tx, who, guests.Changes(tags=slugs), evidence="test")

    async def _track(self, tx: Any, who: int, name: str, seconds: int, attributes: Any) -> None:
        at = tx.now - timedelta(seconds=seconds)
        made = await record(tx, Tracked(guest_id=who, name=name, attributes=attributes), occurred_at=at)
        await tx.run(NAME_IT, name, made.position)

    async def _come(self, tx: Any, who: int) -> None:
        self.visits.append(await tx.value(COME, who, self.api.location_id, tx.now))
        await record(tx, Came(guest_id=who, session_id=1, location_id=self.api.location_id))

    async def _go(self, tx: Any, who: int) -> None:
        if self.visits:
            await tx.run(GO, self.visits.pop(), tx.now)
            for guest_id in self.ids:
                await record(tx, Went(guest_id=guest_id))

    async def _book(self, tx: Any, who: int, ahead: int, nights: int, channel: str) -> None:
        arrival = tx.now.date() + timedelta(days=ahead)
        made = await tx.value(BOOK, self.property_id, who, channel, arrival, nights, tx.now)
        self.bookings.append((made, who))
        await record(tx, Booked(property_id=self.property_id, booking_id=made, guest_id=who))

    async def _cancel(self, tx: Any, who: int) -> None:
        if self.bookings:
            booking_id, guest_id = self.bookings.pop()
            await tx.run(CANCEL, booking_id)
            await record(tx, Booked(property_id=self.property_id, booking_id=booking_id, guest_id=guest_id))

    async def _earn(self, tx: Any, who: int, points: int) -> None:
        await loyalty.add(tx, who, points)

    async def _spend(self, tx: Any, who: int, points: int) -> None:
        await loyalty.redeem(tx, who, points)

    async def _grant(self, tx: Any, who: int) -> None:
        self.grants.append((await promotions.grant(tx, self.promotion_id, who)).id)

    async def _use(self, tx: Any, who: int) -> None:
        if self.grants:
            await promotions.redeem(tx, self.grants.pop(), location_id=self.api.location_id)

    async def _list(self, tx: Any, who: int) -> None:
        await segments.lists.add(tx, self.list_id, [who])

    async def _unlist(self, tx: Any, who: int) -> None:
        await segments.lists.remove(tx, self.list_id, [who])

    async def _merge(self, tx: Any, who: int, other: int) -> None:
        self.merges.append(await guests.merge(tx, who, self.ids[other % len(self.ids)], evidence="test"))

    async def _unmerge(self, tx: Any, who: int) -> None:
        if self.merges:
            await guests.unmerge(tx, self.merges[-1])
            self.merges.pop()


class Went(Event, frozen=True):
    TYPE = "visit.ended"
    TITLE = "Left WiFi"


class Booked(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "booking.updated"
    TITLE = "Booking updated"

    changed: list[str] = []
    is_silent: bool = True


def on_list(rule: Any, list_id: int) -> Any:
    """The rule with the list's id, which is only known now."""
    if "field" not in rule:
        return rule | {"rules": [on_list(inner, list_id) for inner in rule["rules"]]}
    return rule | {"value": [list_id]} if rule["field"] == "list" else rule


async def live(home: Home, plan: Any) -> None:
    home.clock.jump(NOON)
    api = await home.new_api(time_zone="America/New_York")
    small = Small(api)
    await small.begin()
    made: dict[int, Any] = {}
    for place, (wanted, actions) in enumerate(plan):
        rules = all_of({"field": "everyone", "operator": "="}, on_list(wanted, small.list_id))
        if made and place == len(plan) - 1:
            rules["rules"].append(
                {"field": "segment", "operator": ["any_of", "none_of"][place % 2], "value": [min(made)]}
            )
        async with api.begin() as tx:
            segment_id = await segments.create(tx, name=f"S{place}", rules=rules)
            await segments.publish(tx, segment_id)
        made[segment_id] = rules
        for action in actions:
            await small.do(action)
            await api.deliver()
            await compare(api, made, action)
    await explained(api, made)


async def compare(api: Api, made: dict[int, Any], action: Any) -> None:
    world, now = await World.read(api.home.dsn, api.workspace_id), api.home.clock.now()
    for segment_id, rules in made.items():
        expected = sorted(world.matching(rules, now))
        assert await members_of(api, segment_id) == expected, ("members", action, rules)
        async with api.begin() as tx:
            assert (await checking.check(tx, segment_id)).is_none, ("recomputed", action, rules)
        assert await segments.count(api.reader(), rules) == len(expected)


async def explained(api: Api, made: dict[int, Any]) -> None:
    world, now = await World.read(api.home.dsn, api.workspace_id), api.home.clock.now()
    for segment_id, rules in made.items():
        if any(rule.get("field") == "segment" for rule in rules["rules"]):
            continue  # the other segment's members are known for now alone
        for guest_id in world.families:
            told = await segments.explain(api.reader(), segment_id, guest_id)
            assert told.is_in == told.is_member == world.holds(rules, guest_id, now)
            assert told.decided_by
            if told.changes_at is None:
                later = [now + timedelta(**span) for span in ({"hours": 3}, {"days": 2}, {"days": 12}, {"days": 400})]
                assert all(world.holds(rules, guest_id, at) == told.is_in for at in later), rules
            elif told.is_sure:
                just_before = told.changes_at - timedelta(microseconds=1)
                assert world.holds(rules, guest_id, just_before) == told.is_in, (rules, told)
                assert world.holds(rules, guest_id, told.changes_at) != told.is_in, (rules, told)


async def test_python_sql_and_kept_members_agree_whatever_happens(home: Home) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=200 if IS_FULL else 12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(RULES, st.lists(ACTIONS, min_size=5, max_size=9)), min_size=3, max_size=4))
    def whatever(plan: Any) -> None:
        asyncio.run_coroutine_threadsafe(live(home, plan), loop).result(120)

    await asyncio.to_thread(whatever)
