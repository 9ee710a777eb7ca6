"""Fields of the guest's own row: profile, attributes, consents, tags."""

from typing import Any

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.fragments.field import GUEST, Field, column, of_json
from hospes.capabilities.segments.operators import Comparing
from hospes.capabilities.segments.scope import Leaf, Scope

_READ: dict[str, Comparing] = {
    "text": operators.text,
    "number": operators.number,
    "boolean": operators.flag,
    "date": operators.day,
    "list": operators.elements,
}


def _attribute(condition: conditions.OfAttribute, scope: Scope) -> Leaf:
    type_ = condition.read_as
    value = f"(g.attributes -> {scope.value(condition.name, 'text')})"
    asked = condition.day if type_ == "date" else condition.value
    return _READ[type_](f"({of_json(value, type_)})", condition.operator, asked, scope)


def _everyone(_condition: Any, _scope: Scope) -> Leaf:
    return Leaf("true")


def _tags(condition: conditions.OfSet, scope: Scope) -> Leaf:
    if condition.operator == "none_of":
        return Leaf(f"NOT {_tagged(condition.value, scope)}")
    if condition.operator == "any_of":
        return Leaf(_tagged(condition.value, scope))
    return Leaf(" AND ".join(_tagged([slug], scope) for slug in condition.value))


def _tagged(slugs: list[str], scope: Scope) -> str:
    return (
        "EXISTS (SELECT FROM guest_tags gt JOIN tags t ON t.workspace_id = $1 AND t.id = gt.tag_id"
        f" WHERE gt.workspace_id = $1 AND gt.guest_id = g.id AND t.slug = ANY ({scope.value(slugs, 'text[]')}))"
    )


def _of_row(name: str, kind: type[conditions.Condition], expression: str, compare: Comparing, about: str) -> Field:
    return Field(name=name, kind=kind, about=about, topics=GUEST, fragment=column(expression, compare))


def _written(name: str) -> str:
    return f"(g.attributes ->> '{name}')"


_TEXT, _FLAG, _ANSWER, _INSTANT = conditions.OfText, conditions.OfFlag, conditions.OfAnswer, conditions.OfInstant
_text, _flag, _instant = operators.text, operators.flag, operators.instant

FIELDS = (
    Field(
        name="everyone",
        kind=conditions.Everyone,
        about="Every guest. A segment without any other positive condition has to say so.",
        topics=("guest.created",),
        fragment=_everyone,
    ),
    _of_row("guest.name", _TEXT, "g.name", _text, "The full name."),
    _of_row("guest.first_name", _TEXT, _written("first_name"), _text, "The first name, where it is known by itself."),
    _of_row("guest.last_name", _TEXT, _written("last_name"), _text, "The last name, where it is known by itself."),
    _of_row("guest.gender", _TEXT, _written("gender"), _text, "The gender, as it was sent."),
    _of_row("guest.email", _TEXT, "g.email", _text, "The email address."),
    _of_row("guest.phone", _TEXT, "g.phone", _text, "The phone number, with + and country code."),
    _of_row("guest.vip", _FLAG, "g.is_vip", _flag, "Whether the guest is a VIP."),
    _of_row(
        "guest.birth_date",
        conditions.OfDate,
        f"written_date({_written('birth_date')})",
        operators.day,
        "The birth date; anniversary_within 0 is a birthday today.",
    ),
    _of_row("guest.first_seen_at", _INSTANT, "g.first_seen_at", _instant, "When the guest was met first."),
    _of_row("guest.last_seen_at", _INSTANT, "g.last_seen_at", _instant, "When the guest was here last."),
    _of_row("guest.created_at", _INSTANT, "g.created_at", _instant, "When the record was made."),
    _of_row(
        "guest.location_id", conditions.OfId, "g.location_id", operators.whole, "The location of the first meeting."
    ),
    Field(
        name="attribute",
        kind=conditions.OfAttribute,
        about="A custom attribute, by its name. One that holds an object cannot be used.",
        topics=GUEST,
        fragment=_attribute,
    ),
    _of_row("consent.marketing", _FLAG, "g.marketing_consent", _flag, "Whether any channel may be used for marketing."),
    _of_row("consent.email", _ANSWER, "g.email_consent", _flag, "The answer for email."),
    _of_row("consent.sms", _ANSWER, "g.sms_consent", _flag, "The answer for text messages."),
    _of_row("consent.push", _ANSWER, "g.push_consent", _flag, "The answer for push messages."),
    _of_row("consent.whatsapp", _ANSWER, "g.whatsapp_consent", _flag, "The answer for WhatsApp."),
    Field(name="tag", kind=conditions.OfSet, about="The guest's tags, by slug.", topics=GUEST, fragment=_tags),
)
