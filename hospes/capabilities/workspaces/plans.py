"""Plans: what a workspace may use, and how often. Guest API 4."""

import msgspec

from hospes.base.errors import Invalid

MODULES = ("crm", "promotions", "loyalty", "wallet", "communication", "wifi", "analytics", "webhooks")


class Plan(msgspec.Struct, frozen=True):
    """`monthly_quota` in requests, None for no limit; a soft quota warns, a hard one refuses."""

    name: str
    monthly_quota: int | None
    is_hard: bool
    modules: frozenset[str]


PLANS = {
    plan.name: plan
    for plan in (
        Plan("free", 1_000, True, frozenset({"crm"})),
        Plan("starter", 10_000, True, frozenset({"crm", "promotions", "wifi", "webhooks"})),
        Plan("business", 1_000_000, False, frozenset(MODULES)),
        Plan("unlimited", None, False, frozenset(MODULES)),
    )
}


def plan(name: str) -> Plan:
    """Raises Invalid naming the plans there are."""
    if name not in PLANS:
        raise Invalid(f"There is no plan {name!r}. Choose one of: {', '.join(PLANS)}.", field="plan")
    return PLANS[name]
