"""The kinds of conditions: which operators each has, and what values these take.

The shape (`field`, `operator`, `value`) is the one that query builders share. A condition says only what
is true of itself; what its field means in SQL stands with the field.
"""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType

GREATEST = 2**53
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=500)]
Number = Annotated[int, Meta(ge=-GREATEST, le=GREATEST)] | Annotated[float, Meta(ge=-GREATEST, le=GREATEST)]
Numbers = Annotated[list[Number], Meta(min_length=1, max_length=500)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Ids = Annotated[list[Id], Meta(min_length=1, max_length=500)]
Days = Annotated[int, Meta(ge=0, le=3650)]
Amount = Annotated[int, Meta(ge=0, le=10**12)]

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]
# What an operator says of a guest of whom nothing is known.
_NEGATIVE = frozenset({"!=", "not_in", "not_contains", "not_set", "not_within_last", "none_of"})


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A length of time: days of 24 hours, hours and minutes, added up; at most ten years."""

    days: Annotated[int, Meta(ge=0, le=3650)] = 0
    hours: Annotated[int, Meta(ge=0, le=87600)] = 0
    minutes: Annotated[int, Meta(ge=0, le=5_256_000)] = 0

    def __post_init__(self) -> None:
        if not timedelta(0) < self.length <= timedelta(days=3650):
            raise ValueError("A span of time is longer than nothing, and at most 3650 days")

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is true of a guest or not. Every field makes a struct of its own of its kind."""

    # Operators that take no value, and what the others take; checked once the struct is complete.
    BARE: ClassVar[frozenset[str]] = frozenset({"set", "not_set"})
    LISTS: ClassVar[frozenset[str]] = frozenset({"in", "not_in"})

    operator: str

    @property
    def is_negative(self) -> bool:
        """Whether it holds for a guest of whom nothing is known."""
        return self.operator in _NEGATIVE

    def heard(self, topics: tuple[str, ...]) -> tuple[str, ...]:
        """After which happenings it may have changed, when its field says `topics`."""
        return topics

    def __post_init__(self) -> None:
        if "value" in self.__struct_fields__:
            self._check_value(self.value)  # type: ignore[attr-defined]

    def _check_value(self, value: Any) -> None:
        if self.operator in self.BARE:
            if value is not UNSET:
                raise ValueError(f"Operator {self.operator!r} takes no value")
        elif value is UNSET:
            raise ValueError(f"Operator {self.operator!r} needs a value")
        elif self.operator in self.LISTS and not isinstance(value, list):
            raise ValueError(f"Operator {self.operator!r} takes a list")
        elif self.operator == "between":
            if not isinstance(value, list) or len(value) != 2 or value[0] > value[1]:
                raise ValueError("Operator 'between' takes a list of two, the lower first")
        elif self.operator not in self.LISTS and isinstance(value, list):
            raise ValueError(f"Operator {self.operator!r} takes one value, not a list")


class Everyone(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Literal["="] = "="
    value: Literal[True] = True

    def __post_init__(self) -> None:
        """Nothing can be wrong with it."""


class OfText(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Literal[
        "=", "!=", "in", "not_in", "contains", "not_contains", "begins_with", "ends_with", "set", "not_set"
    ]
    value: Text | Texts | UnsetType = UNSET


class OfNumber(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Comparison | Literal["between"]
    value: Number | Numbers

    @property
    def is_negative(self) -> bool:
        """No points are 0 points."""
        return _holds_at_zero(self.operator, self.value)


class OfId(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Literal["=", "!=", "in", "not_in", "set", "not_set"]
    value: Id | Ids | UnsetType = UNSET


class OfFlag(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Literal["="] = "="
    value: bool


class OfAnswer(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes, no, or never asked (`not_set`)."""

    operator: Literal["=", "set", "not_set"]
    value: bool | UnsetType = UNSET


class OfInstant(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Literal["before", "after", "within_last", "not_within_last"]
    value: datetime | Span

    def _check_value(self, value: Any) -> None:
        is_span = isinstance(value, Span)
        if is_span != self.operator.endswith("within_last"):
            wanted = 'a span, such as {"days": 30}' if not is_span else "an instant, such as 2026-06-20T12:00:00Z"
            raise ValueError(f"Operator {self.operator!r} takes {wanted}")
        if isinstance(value, datetime):
            check_instant(value)


class OfDate(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days are those of the workspace's time zone; `within_…` and `anniversary_within` take a number of days."""

    operator: Literal["=", "before", "after", "within_last", "within_next", "anniversary_within", "set", "not_set"]
    value: date | Days | UnsetType = UNSET

    def _check_value(self, value: Any) -> None:
        super()._check_value(value)
        check_date(self.operator, value)


class OfSet(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    LISTS: ClassVar[frozenset[str]] = frozenset({"any_of", "all_of", "none_of"})

    operator: Literal["any_of", "all_of", "none_of"]
    value: Texts


class OfIdSet(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    LISTS: ClassVar[frozenset[str]] = frozenset({"any_of", "all_of", "none_of"})

    operator: Literal["any_of", "all_of", "none_of"]
    value: Ids


AttributeType = Literal["text", "number", "boolean", "date", "list"]
AttributeOperator = Literal[
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "between",
    "in",
    "not_in",
    "contains",
    "not_contains",
    "begins_with",
    "ends_with",
    "before",
    "after",
    "within_last",
    "within_next",
    "anniversary_within",
    "any_of",
    "all_of",
    "none_of",
    "set",
    "not_set",
]


class OfAttribute(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A custom attribute. `type` says as what it is read; where it is left out, the value does."""

    LISTS: ClassVar[frozenset[str]] = frozenset({"in", "not_in", "any_of", "all_of", "none_of"})

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    type: AttributeType | UnsetType = UNSET
    operator: AttributeOperator
    value: bool | Number | Text | list[Number | Text] | UnsetType = UNSET

    @property
    def read_as(self) -> AttributeType:
        """The type as which the attribute is read."""
        return self.type if self.type is not UNSET else _type_of(self.operator, self.value)

    def _check_value(self, value: Any) -> None:
        super()._check_value(value)
        given = _type_of(self.operator, value)
        if self.operator not in OPERATORS_OF[self.read_as]:
            known = ", ".join(OPERATORS_OF[self.read_as])
            raise ValueError(f"Operator {self.operator!r} does not fit a {self.read_as}; those that do: {known}")
        if self.operator not in self.BARE and self.read_as not in (given, "date"):
            raise ValueError(f"A value of type {given} does not fit a {self.read_as}")
        if isinstance(value, list) and (not value or len(value) > 500 or len({isinstance(v, str) for v in value}) > 1):
            raise ValueError("A list of values holds 1 to 500, all of one type")
        if self.read_as == "date" and self.operator not in self.BARE:
            check_date(self.operator, self.day)

    @property
    def day(self) -> Any:
        """The value as a date, when it is one."""
        is_counted = isinstance(self.value, int) and not isinstance(self.value, bool)
        return self.value if is_counted else _date_from(self.value)


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Narrows what is counted: by an attribute of a tracked event, or by what the field itself offers."""

    field: Annotated[str, Meta(min_length=1, max_length=64)]
    operator: Literal["=", "!=", "<", "<=", ">", ">=", "between", "in", "not_in", "contains", "set", "not_set"]
    value: bool | Number | Text | list[Number | Text] | UnsetType = UNSET

    def __post_init__(self) -> None:
        Condition._check_value(self, self.value)  # type: ignore[arg-type]  # noqa: SLF001 (the same rule)
        if isinstance(self.value, list) and (not self.value or len(self.value) > 500):
            raise ValueError("A list of values holds 1 to 500")
        if isinstance(self.value, list) and len({isinstance(one, str) for one in self.value}) > 1:
            raise ValueError("The values of a list are of one type")
        if self.read_as not in ("text", "number", "boolean"):
            raise ValueError(f"Operator {self.operator!r} does not fit this value")
        if self.operator not in self.BARE and self.operator not in _FILTERS_OF[self.read_as]:
            raise ValueError(f"Operator {self.operator!r} does not fit a {self.read_as}")

    BARE: ClassVar[frozenset[str]] = Condition.BARE
    LISTS: ClassVar[frozenset[str]] = Condition.LISTS

    @property
    def read_as(self) -> str:
        """The type as which what is compared is read."""
        one = self.value[0] if isinstance(self.value, list) else self.value
        return "boolean" if isinstance(one, bool) else "number" if isinstance(one, int | float) else "text"


class OfCount(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often something happened: of all time, `within` the last so long, or `since` an instant."""

    operator: Comparison | Literal["between"]
    value: Amount | Annotated[list[Amount], Meta(min_length=2, max_length=2)]
    within: Span | UnsetType = UNSET
    since: datetime | UnsetType = UNSET
    where: Annotated[list[Filter], Meta(max_length=10)] = []

    def __post_init__(self) -> None:
        self._check_value(self.value)
        if self.within is not UNSET and self.since is not UNSET:
            raise ValueError("Give within or since, not both")
        if self.since is not UNSET:
            check_instant(self.since)

    @property
    def is_negative(self) -> bool:
        """Whether never is often enough."""
        return _holds_at_zero(self.operator, self.value)


class OfEvents(OfCount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tracked events, by the name that their sender gave them."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]

    def heard(self, topics: tuple[str, ...]) -> tuple[str, ...]:
        """Only what is called so."""
        return tuple(f"{topic}:{self.name}" for topic in topics)


class OfEventValues(OfEvents, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a number that tracked events carry comes to. Without one there is no least, greatest or average, and a sum
    of 0.
    """

    attribute: Annotated[str, Meta(min_length=1, max_length=64)]
    measure: Literal["sum", "min", "max", "average"]
    value: Number | Annotated[list[Number], Meta(min_length=2, max_length=2)]  # type: ignore[assignment]  # any number

    @property
    def is_negative(self) -> bool:
        """Whether nothing to measure is enough."""
        return super().is_negative if self.measure == "sum" else self.operator == "!="


class OfActivity(OfCount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the house itself recorded of a guest, by its type, such as `note.added`; always in a window."""

    name: Annotated[str, Meta(pattern="^[a-z_]{1,40}\\.[a-z_]{1,40}$")]
    within: Span

    def __post_init__(self) -> None:
        super().__post_init__()
        if re.match(r"(segment|event)\.", self.name):
            raise ValueError("Use the field 'segment' for segments, and 'event' for tracked events")

    def heard(self, _topics: tuple[str, ...]) -> tuple[str, ...]:
        """Only this type."""
        return (self.name,)


class OfStaysAhead(OfCount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stays by days: `in_days` 0 is today where the property is, [1, 3] tomorrow to in three days."""

    in_days: Days | Annotated[list[Days], Meta(min_length=2, max_length=2)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.within is not UNSET or self.since is not UNSET:
            raise ValueError("Give in_days alone, without within or since")
        if isinstance(self.in_days, list) and self.in_days[0] > self.in_days[1]:
            raise ValueError("in_days takes the lower number first")

    @property
    def days(self) -> tuple[int, int]:
        """From so many days ahead to so many."""
        first, *rest = self.in_days if isinstance(self.in_days, list) else [self.in_days]
        return first, rest[0] if rest else first


class OfPresent(OfCount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is so at the moment; there is no window to it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.within is not UNSET or self.since is not UNSET:
            raise ValueError("This field is about the moment, and has neither within nor since")


class OfUpcoming(OfCount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What begins later; `within` looks ahead."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.since is not UNSET:
            raise ValueError("This field looks ahead, and has no since")


_FILTERS_OF = {
    "text": ("=", "!=", "in", "not_in", "contains"),
    "number": ("=", "!=", "<", "<=", ">", ">=", "between", "in", "not_in"),
    "boolean": ("=", "!="),
}


def operators_of(kind: type[Any]) -> tuple[str, ...]:
    """Every operator that conditions of this kind have, as the rule language writes it."""
    return tuple(_literals(get_type_hints(kind)["operator"]))


def _literals(hint: Any) -> list[str]:
    arguments = get_args(hint)
    return [word for one in arguments for word in ([one] if isinstance(one, str) else _literals(one))]


OPERATORS_OF: dict[str, tuple[str, ...]] = {
    "text": operators_of(OfText),
    "number": ("=", "!=", "<", "<=", ">", ">=", "between", "in", "not_in", "set", "not_set"),
    "boolean": ("=", "set", "not_set"),
    "date": operators_of(OfDate),
    "list": (*operators_of(OfSet), "set", "not_set"),
}


def check_instant(value: datetime) -> None:
    """Raises ValueError for an instant without offset, or beyond what can be compared."""
    if value.tzinfo is None:
        raise ValueError("An instant needs an offset, such as 2026-06-20T12:00:00+02:00")
    if not 1900 <= value.year <= 2200:
        raise ValueError("An instant lies between the years 1900 and 2200")


def check_date(operator: str, value: Any) -> None:
    """Raises ValueError when a date operator got a number, or the other way round."""
    if operator in ("set", "not_set"):
        return
    is_counted = operator in ("within_last", "within_next", "anniversary_within")
    if is_counted and (not isinstance(value, int) or not 0 <= value <= 3650):
        raise ValueError(f"Operator {operator!r} takes a number of days, 0 to 3650")
    if operator == "anniversary_within" and value > 364:
        raise ValueError("Within a year, every anniversary comes once: give at most 364 days")
    if not is_counted and not isinstance(value, date):
        raise ValueError(f"Operator {operator!r} takes a date, such as 2026-06-20")


def _date_from(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _type_of(operator: str, value: Any) -> AttributeType:
    if operator in ("any_of", "all_of", "none_of"):
        return "list"
    if operator in ("before", "after", "within_last", "within_next", "anniversary_within"):
        return "date"
    one = value[0] if isinstance(value, list) and value else value
    return "boolean" if isinstance(one, bool) else "number" if isinstance(one, int | float) else "text"


def _holds_at_zero(operator: str, value: Any) -> bool:
    if operator == "between":
        return bool(value[0] <= 0 <= value[1])
    holds = {
        "=": value == 0,
        "!=": value != 0,
        "<": value > 0,
        "<=": value >= 0,
        ">": value < 0,
        ">=": value <= 0,
    }
    return bool(holds[operator])
