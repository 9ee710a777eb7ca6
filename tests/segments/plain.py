"""Rules, evaluated by plain Python over the rows of one workspace: slow, simple, and made apart from the SQL."""

import operator as op
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

TABLES = {
    "guests": "SELECT * FROM guests WHERE workspace_id = $1",
    "tags": "SELECT gt.guest_id, t.slug FROM guest_tags gt JOIN tags t USING (workspace_id) "
    "WHERE workspace_id = $1 AND t.id = gt.tag_id",
    "events": "SELECT guest_id, type, name, payload, occurred_at FROM events WHERE workspace_id = $1",
    "bookings": "SELECT b.*, p.check_in_time AS p_in, p.check_out_time AS p_out, p.time_zone AS zone FROM bookings b "
    "JOIN properties p ON p.workspace_id = b.workspace_id AND p.id = b.property_id WHERE b.workspace_id = $1",
    "visits": "SELECT * FROM visits WHERE workspace_id = $1",
    "lots": "SELECT * FROM loyalty_lots WHERE workspace_id = $1",
    "accounts": "SELECT * FROM loyalty_accounts WHERE workspace_id = $1",
    "tiers": "SELECT * FROM loyalty_tiers WHERE workspace_id = $1 ORDER BY min_points",
    "grants": "SELECT * FROM grants WHERE workspace_id = $1",
    "list_members": "SELECT * FROM list_members WHERE workspace_id = $1",
    "segment_members": "SELECT * FROM segment_members WHERE workspace_id = $1",
    "zone": "SELECT time_zone FROM workspaces WHERE id = $1",
}
COMPARE = {"=": op.eq, "!=": op.ne, "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge}


@dataclass
class World:
    rows: dict[str, list[Any]]
    families: dict[int, set[int]] = field(default_factory=dict)

    @classmethod
    async def read(cls, dsn: str, workspace_id: int) -> "World":
        connection = await asyncpg.connect(dsn)
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=__import__("json").loads)
        rows = {name: await connection.fetch(text, workspace_id) for name, text in TABLES.items()}
        await connection.close()
        world = cls(rows)
        into = {guest["id"]: guest["merged_into"] for guest in rows["guests"]}
        for guest_id in into:
            head = guest_id
            while into[head] is not None:
                head = into[head]
            world.families.setdefault(head, set()).add(guest_id)
        return world

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.rows["zone"][0]["time_zone"])

    def matching(self, rules: Any, at: datetime) -> set[int]:
        """The guests for whom rules hold at this instant."""
        return {guest_id for guest_id in self.families if self.holds(rules, guest_id, at)}

    def holds(self, rule: Any, guest_id: int, at: datetime) -> bool:
        if "field" not in rule:
            inner = [self.holds(one, guest_id, at) for one in rule["rules"]]
            return (all(inner) if rule["combinator"] == "and" else any(inner)) != rule.get("not", False)
        return bool(getattr(self, "_" + rule["field"].replace(".", "_").split("_")[0])(rule, guest_id, at))

    def guest(self, guest_id: int) -> Any:
        return next(guest for guest in self.rows["guests"] if guest["id"] == guest_id)

    def mine(self, table: str, guest_id: int) -> list[Any]:
        return [row for row in self.rows[table] if row["guest_id"] in self.families[guest_id]]

    def _everyone(self, *_: Any) -> bool:
        return True

    def _guest(self, rule: Any, guest_id: int, at: datetime) -> bool:
        name = rule["field"].removeprefix("guest.")
        guest = self.guest(guest_id)
        if name == "vip":
            return guest["is_vip"] == rule["value"]
        if name == "birth_date":
            return self._day(guest["attributes"].get("birth_date"), rule, at)
        value = guest[name]
        return instant_is(value, rule, at) if name.endswith("_at") else text_is(value, rule)

    def _attribute(self, rule: Any, guest_id: int, at: datetime) -> bool:
        value, type_ = self.guest(guest_id)["attributes"].get(rule["name"]), rule["type"]
        if type_ == "date":
            return self._day(value, rule, at)
        if type_ == "number":
            return number_is(value, rule)
        if type_ == "boolean":
            return value is not None and value == rule["value"]
        return text_is(value, rule)

    def _day(self, written: Any, rule: Any, at: datetime) -> bool:
        day = date.fromisoformat(written) if written is not None else None
        today, value = at.astimezone(self.zone).date(), rule.get("value")
        if rule["operator"] in ("set", "not_set") or day is None:
            return (day is None) == (rule["operator"] == "not_set")
        match rule["operator"]:
            case "before":
                return day < date.fromisoformat(value)
            case "after":
                return day > date.fromisoformat(value)
            case "within_last":
                return 0 <= (today - day).days <= value
            case "within_next":
                return 0 <= (day - today).days <= value
            case "anniversary_within":
                return any(is_anniversary(day, today + timedelta(days=ahead)) for ahead in range(value + 1))
        raise AssertionError(rule)

    def _consent(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        value = self.guest(guest_id)[rule["field"].removeprefix("consent.") + "_consent"]
        match rule["operator"]:
            case "set":
                return value is not None
            case "not_set":
                return value is None
        return value is not None and value == rule["value"]

    def _tag(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        return among({row["slug"] for row in self.rows["tags"] if row["guest_id"] == guest_id}, rule)

    def _list(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        return among({row["list_id"] for row in self.mine("list_members", guest_id)}, rule)

    def _segment(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        return among({row["segment_id"] for row in self.rows["segment_members"] if row["guest_id"] == guest_id}, rule)

    def _event(self, rule: Any, guest_id: int, at: datetime) -> bool:
        found = [row for row in self.mine("events", guest_id) if row["name"] == rule["name"]]
        for one in rule.get("where", []):
            found = [row for row in found if filter_is(row["payload"]["attributes"].get(one["field"]), one)]
        if rule["field"] == "event.value":
            return number_is(measured(in_window(found, rule, at), rule), rule)
        return counted([row["occurred_at"] for row in found], rule, at)

    def _activity(self, rule: Any, guest_id: int, at: datetime) -> bool:
        found = [row["occurred_at"] for row in self.mine("events", guest_id) if row["type"] == rule["name"]]
        return counted(found, rule, at)

    def _visit(self, rule: Any, guest_id: int, at: datetime) -> bool:
        return counted([row["started_at"] for row in self.mine("visits", guest_id)], rule, at)

    def _presence(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        return number_is(sum(row["ended_at"] is None for row in self.mine("visits", guest_id)), rule)

    def _stay(self, rule: Any, guest_id: int, at: datetime) -> bool:
        stays = [row for row in self.mine("bookings", guest_id) if row["status"] == "confirmed"]
        for one in rule.get("where", []):
            stays = [row for row in stays if filter_is(of_stay(row, one["field"]), one)]
        span = length(rule["within"]) if "within" in rule else None
        match rule["field"]:
            case "stay.current":
                kept = [begins(row) <= at < ends(row) for row in stays]
            case "stay.upcoming":
                kept = [at < begins(row) and (span is None or begins(row) <= at + span) for row in stays]
            case "stay.past":
                kept = [ends(row) <= at and (span is None or ends(row) + span > at) for row in stays]
            case "stay.booked":
                kept = [span is None or row["created_at"] + span > at for row in stays]
            case _:
                first, last = rule["in_days"]
                name = "arrival_on" if rule["field"] == "stay.arriving" else "departure_on"
                kept = [
                    first <= (row[name] - at.astimezone(ZoneInfo(row["zone"])).date()).days <= last for row in stays
                ]
        return number_is(sum(kept), rule)

    def _points(self, rule: Any, guest_id: int, at: datetime) -> bool:
        if rule["field"] == "points.earned":
            return number_is(sum(row["earned"] for row in self.mine("accounts", guest_id)), rule)
        live = [lot for lot in self.mine("lots", guest_id) if lot["expires_at"] is None or lot["expires_at"] > at]
        return number_is(sum(lot["points_left"] for lot in live), rule)

    def _tier(self, rule: Any, guest_id: int, _at: datetime) -> bool:
        earned = sum(row["earned"] for row in self.mine("accounts", guest_id))
        reached = [tier["slug"] for tier in self.rows["tiers"] if tier["min_points"] <= earned]
        return text_is(reached[-1] if reached else None, rule)

    def _offer(self, rule: Any, guest_id: int, at: datetime) -> bool:
        grants = self.mine("grants", guest_id)
        match rule["field"]:
            case "offer.held":
                held = [row for row in grants if row["status"] == "granted" and row["granted_at"] <= at]
                return number_is(sum(row["expires_at"] is None or row["expires_at"] > at for row in held), rule)
            case "offer.granted":
                return counted([row["granted_at"] for row in grants], rule, at)
        return counted([row["redeemed_at"] for row in grants if row["status"] == "redeemed"], rule, at)


def length(span: dict[str, int]) -> timedelta:
    return timedelta(**span)


def in_window(rows: list[Any], rule: Any, at: datetime) -> list[Any]:
    if "within" in rule:
        return [row for row in rows if row["occurred_at"] + length(rule["within"]) > at]
    if "since" in rule:
        return [row for row in rows if row["occurred_at"] >= datetime.fromisoformat(rule["since"])]
    return rows


def measured(rows: list[Any], rule: Any) -> Any:
    """The sum, least, greatest or average of what is a number; without one, the sum alone is known."""
    given = [row["payload"]["attributes"].get(rule["attribute"]) for row in rows]
    numbers = [Fraction(one) for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
    match rule["measure"]:
        case "sum":
            return sum(numbers)
        case "average":
            return sum(numbers) / len(numbers) if numbers else None
    return {"min": min, "max": max}[rule["measure"]](numbers, default=None)


def counted(instants: list[datetime], rule: Any, at: datetime) -> bool:
    if "within" in rule:
        instants = [one for one in instants if one + length(rule["within"]) > at]
    if "since" in rule:
        instants = [one for one in instants if one >= datetime.fromisoformat(rule["since"])]
    return number_is(len(instants), rule)


def number_is(value: Any, rule: Any) -> bool:
    operator = rule["operator"]
    if operator in ("set", "not_set"):
        return (value is None) == (operator == "not_set")
    if value is None:
        return operator in ("!=", "not_in")
    if operator == "between":
        return bool(rule["value"][0] <= value <= rule["value"][1])
    if operator in ("in", "not_in"):
        return (value in rule["value"]) == (operator == "in")
    return bool(COMPARE[operator](value, rule["value"]))


def text_is(value: str | None, rule: Any) -> bool:
    operator, asked = rule["operator"], rule.get("value")
    opposites = {"!=": "=", "not_in": "in", "not_contains": "contains", "not_set": "set"}
    if operator in opposites:
        return not text_is(value, rule | {"operator": opposites[operator]})
    if value is None:
        return False
    match operator:
        case "=":
            return value == asked
        case "in":
            return value in asked
        case "contains":
            return asked.lower() in value.lower()
        case "begins_with":
            return value.lower().startswith(asked.lower())
        case "ends_with":
            return value.lower().endswith(asked.lower())
    return True


def filter_is(value: Any, rule: Any) -> bool:
    asked = rule.get("value")
    one = asked[0] if isinstance(asked, list) else asked
    if isinstance(one, bool):
        return (value is one) == (rule["operator"] == "=")
    if isinstance(one, int | float):
        return number_is(value if isinstance(value, int | float) and not isinstance(value, bool) else None, rule)
    if asked is None:
        return (value is None) == (rule["operator"] == "not_set")
    return text_is(value if isinstance(value, str) else None, rule)


def instant_is(value: datetime, rule: Any, at: datetime) -> bool:
    asked = rule["value"]
    match rule["operator"]:
        case "before":
            return value < datetime.fromisoformat(asked)
        case "after":
            return value > datetime.fromisoformat(asked)
    return (value + length(asked) > at) == (rule["operator"] == "within_last")


def among(have: set[Any], rule: Any) -> bool:
    asked = set(rule["value"])
    match rule["operator"]:
        case "all_of":
            return asked <= have
        case "any_of":
            return bool(asked & have)
    return not asked & have


def is_anniversary(day: date, today: date) -> bool:
    is_leap = today.year % 4 == 0 and (today.year % 100 != 0 or today.year % 400 == 0)
    kept = day.replace(day=28) if (day.month, day.day) == (2, 29) and not is_leap else day
    return (kept.month, kept.day) == (today.month, today.day)


def begins(row: Any) -> datetime:
    at = datetime.combine(row["arrival_on"], row["check_in_time"] or row["p_in"])
    return at.replace(tzinfo=ZoneInfo(row["zone"])).astimezone(UTC)


def ends(row: Any) -> datetime:
    at = datetime.combine(row["departure_on"], row["check_out_time"] or row["p_out"])
    return at.replace(tzinfo=ZoneInfo(row["zone"])).astimezone(UTC)


def of_stay(row: Any, name: str) -> Any:
    return (row["departure_on"] - row["arrival_on"]).days if name == "nights" else row[name]
