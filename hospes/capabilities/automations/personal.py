"""What of a guest stands in the plans of their stays: handed out. There is nothing of theirs to forget."""

from hospes.base import rows

_OF_STAYS = """t.booking_id IN (SELECT b.id
                            FROM bookings b
                           WHERE b.workspace_id = $1 AND b.guest_id = ANY ($2::bigint[]))"""
TABLES = {"booking_plans": rows.whole("booking_plans", _OF_STAYS)}
