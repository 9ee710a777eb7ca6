"""What of a guest stands in promotions: handed out. There is nothing of theirs to forget."""

from hospes.base import rows

TABLES = {"grants": rows.whole("grants"), "redemptions": rows.whole("redemptions")}
