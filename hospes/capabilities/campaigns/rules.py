"""What holds for every campaign of a workspace: quiet hours, at most so many messages, what is tracked."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid


class Cap(msgspec.Struct, frozen=True):
    """At most `most` messages of campaigns a guest in `days` days."""

    most: int
    days: int


class Rules(msgspec.Struct, frozen=True):
    """Quiet hours are on each guest's own clock, and may go over midnight; None is no such rule."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    email_most: int | None = None
    email_days: int | None = None
    sms_most: int | None = None
    sms_days: int | None = None
    push_most: int | None = None
    push_days: int | None = None
    tracks_opens: bool = True
    tracks_clicks: bool = True
    tracks_transactional: bool = False

    def cap(self, channel: str) -> Cap | None:
        most, days = getattr(self, f"{channel}_most"), getattr(self, f"{channel}_days")
        return Cap(most, days) if most is not None and days is not None else None


GET = sql("""
    SELECT quiet_from, quiet_until, email_most, email_days, sms_most, sms_days, push_most, push_days,
           tracks_opens, tracks_clicks, tracks_transactional
      FROM campaign_settings
     WHERE workspace_id = $1
""")
SET = sql("""
    INSERT INTO campaign_settings (workspace_id, quiet_from, quiet_until, email_most, email_days, sms_most, sms_days,
                                   push_most, push_days, tracks_opens, tracks_clicks, tracks_transactional)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (workspace_id) DO UPDATE
       SET quiet_from = excluded.quiet_from,
           quiet_until = excluded.quiet_until,
           email_most = excluded.email_most,
           email_days = excluded.email_days,
           sms_most = excluded.sms_most,
           sms_days = excluded.sms_days,
           push_most = excluded.push_most,
           push_days = excluded.push_days,
           tracks_opens = excluded.tracks_opens,
           tracks_clicks = excluded.tracks_clicks,
           tracks_transactional = excluded.tracks_transactional
""")


async def get(reader: Reader) -> Rules:
    """The workspace's rules, or those that hold without any being set."""
    return await reader.find(Rules, GET) or Rules()


async def change(tx: Tx, rules: Rules) -> None:
    """Set all rules; they hold for whatever is sent from now on. Raises Invalid."""
    if (rules.quiet_from is None) != (rules.quiet_until is None) or (
        rules.quiet_from is not None and rules.quiet_from == rules.quiet_until
    ):
        raise Invalid("Quiet hours have a beginning and another end.", field="quiet_from")
    for channel in ("email", "sms", "push"):
        most, days = getattr(rules, f"{channel}_most"), getattr(rules, f"{channel}_days")
        if (most is None) != (days is None):
            raise Invalid(f"Give {channel}_most and {channel}_days, or neither.", field=f"{channel}_most")
        if most is not None and not (1 <= most <= 1000 and 1 <= days <= 365):
            raise Invalid("At most 1 to 1,000 messages in 1 to 365 days.", field=f"{channel}_most")
    await tx.run(SET, *msgspec.structs.astuple(rules))


def quiet_ends(rules: Rules, now: datetime, zone: str) -> datetime | None:
    """When the quiet hours that a guest in this zone is in are over; None outside of them.

    Where the clocks skip the end, it is the same instant an hour on.
    """
    if rules.quiet_from is None or rules.quiet_until is None:
        return None
    here = now.astimezone(ZoneInfo(zone))
    is_over_night = rules.quiet_from > rules.quiet_until
    at = here.time().replace(tzinfo=None)
    if is_over_night and not (at >= rules.quiet_from or at < rules.quiet_until):
        return None
    if not is_over_night and not rules.quiet_from <= at < rules.quiet_until:
        return None
    day = here.date() + timedelta(days=1) if is_over_night and at >= rules.quiet_from else here.date()
    ends = datetime.combine(day, rules.quiet_until, tzinfo=ZoneInfo(zone)).astimezone(now.tzinfo)
    return max(ends, now + timedelta(seconds=1))
