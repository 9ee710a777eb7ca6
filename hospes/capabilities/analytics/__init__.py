"""Analytics: figures kept up to date as things happen, and a way to prove them from the log."""

from hospes.capabilities.analytics import days
from hospes.capabilities.analytics.days import count
from hospes.capabilities.analytics.figures import Day, GuestFigures, guest_figures, sums, totals
from hospes.capabilities.analytics.proof import Drift, fold, recount

__all__ = ["Day", "Drift", "GuestFigures", "count", "days", "fold", "guest_figures", "recount", "sums", "totals"]
