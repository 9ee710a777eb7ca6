"""Calendars: where bookings come from, and who is told which nights are taken."""

from hospes.capabilities.calendars import personal, publishing, subscriptions
from hospes.capabilities.calendars.polling import CalendarPolls, Fetched, Fetcher
from hospes.capabilities.calendars.subscriptions import JOB, Calendar

__all__ = [
    "JOB",
    "Calendar",
    "CalendarPolls",
    "Fetched",
    "Fetcher",
    "personal",
    "publishing",
    "subscriptions",
]
