"""A dry run: whom a campaign would reach now, and why it would not reach the others."""

from collections import Counter

import msgspec

from hospes.base.db import Reader
from hospes.capabilities.campaigns import audiences, content, judging, rules, sources
from hospes.capabilities.campaigns.plans import Plan
from hospes.capabilities.messaging.templates import MARKETING, TRANSACTIONAL

_PAGE = 2_000


class Rehearsal(msgspec.Struct, frozen=True):
    """Counts of messages: `targeted` = `sent` + `waiting` for the end of quiet hours + all `excluded`."""

    targeted: int
    sent: int
    waiting: int
    excluded: dict[str, int]


async def rehearse(reader: Reader, plan: Plan) -> Rehearsal:
    """What sending now would come to; nothing is written. Raises Invalid as `broadcast` does."""
    content.checked(plan.content, plan.channel, platform=plan.platform)
    audience = await audiences.checked(reader, plan.audience)
    set_rules = await rules.get(reader)
    purpose = TRANSACTIONAL if plan.is_transactional else MARKETING
    counted: Counter[str] = Counter()
    after = 0
    while page := await sources.page(reader, audience, plan.channel, plan.platform, after=after, most=_PAGE):
        after = page[-1].guest_id
        known = await judging.standing(reader, page, channel=plan.channel, rules=set_rules)
        for fact in known:
            verdict = judging.judge(fact, channel=plan.channel, purpose=purpose, rules=set_rules, now=reader.now)
            counted[verdict.cause or ("waiting" if verdict.wait_until else "sent")] += 1
    sent, waiting = counted.pop("sent", 0), counted.pop("waiting", 0)
    return Rehearsal(sent + waiting + counted.total(), sent, waiting, dict(sorted(counted.items())))
