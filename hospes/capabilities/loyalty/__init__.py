"""Loyalty: points as a ledger, tiers that follow from it, rewards, and the rules that earn."""

from hospes.capabilities.loyalty import ledger, personal, programs, rewards, rules, standing, tiers
from hospes.capabilities.loyalty.ledger import Balance, Movement, add, balance, history, redeem, reverse
from hospes.capabilities.loyalty.rules import earn, earn_for_visit
from hospes.capabilities.loyalty.standing import NOBODYS, Standing, standings
from hospes.capabilities.loyalty.tiers import Rank, Tier, rank

__all__ = [
    "NOBODYS",
    "Balance",
    "Movement",
    "Rank",
    "Standing",
    "Tier",
    "add",
    "balance",
    "earn",
    "earn_for_visit",
    "history",
    "ledger",
    "personal",
    "programs",
    "rank",
    "redeem",
    "reverse",
    "rewards",
    "rules",
    "standing",
    "standings",
    "tiers",
]
