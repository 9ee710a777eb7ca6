"""Analytics: figures kept up to date as things happen, and a way to prove them from the log."""

from hospes.capabilities.analytics import days, personal
from hospes.capabilities.analytics.days import count
from hospes.capabilities.analytics.figures import (
    Day,
    GuestFigures,
    Overview,
    PromotionFigures,
    guest_figures,
    overview,
    promotion_figures,
    sums,
    totals,
)
from hospes.capabilities.analytics.proof import Drift, fold, recount

__all__ = [
    "Day",
    "Drift",
    "GuestFigures",
    "Overview",
    "PromotionFigures",
    "count",
    "days",
    "fold",
    "guest_figures",
    "overview",
    "personal",
    "promotion_figures",
    "recount",
    "sums",
    "totals",
]
