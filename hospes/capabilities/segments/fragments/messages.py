"""Fields of campaigns: what a guest was sent, opened and clicked."""

from collections.abc import Callable
from typing import Any

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.fragments.field import Field, filtered, of_json
from hospes.capabilities.segments.scope import Leaf, Scope, Tally

_FILTERS = {
    "campaign_id": (of_json("(x.payload -> 'campaign_id')", "number"), "number"),
    "channel": ("(x.payload ->> 'channel')", "text"),
}


def _of(type_: str) -> Callable[[Any, Scope], Leaf]:
    def fragment(condition: conditions.OfCount, scope: Scope) -> Leaf:
        tally = Tally(
            tables="events x",
            owner="x.guest_id",
            # Constants, so that the index over these events alone is seen to hold them.
            where=(
                "x.workspace_id = $1",
                f"{scope.beside_guest('x.type')} = '{type_}'",
                "(x.payload ->> 'campaign_id') IS NOT NULL",
                *filtered(condition.where, _FILTERS, scope),
            ),
        )
        return operators.happened(condition, tally, "x.occurred_at", scope)

    return fragment


def _field(name: str, type_: str, about: str) -> Field:
    return Field(
        name=name, kind=conditions.OfCount, about=about, topics=(type_,), fragment=_of(type_), filters=_FILTERS
    )


FIELDS = (
    _field("campaign.received", "message.sent", "How many messages of campaigns the guest was sent."),
    _field("campaign.opened", "message.opened", "How often the guest opened messages of campaigns."),
    _field("campaign.clicked", "message.clicked", "How often the guest followed links in messages of campaigns."),
)
