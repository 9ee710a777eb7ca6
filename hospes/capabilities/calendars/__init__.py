"""Calendars of channels: polled, compared, followed; and the calendar that goes out."""
