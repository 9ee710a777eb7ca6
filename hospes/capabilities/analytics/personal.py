"""What of a guest stands in figures: handed out. There is nothing of theirs to forget."""

from hospes.base import rows

TABLES = {"visitor_days": rows.whole("visitor_days"), "visitors": rows.whole("visitors")}
