"""Who a message may say it comes from: the domains of a workspace's mail, and the senders of text messages."""

import re
from collections.abc import Container
from typing import Final

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities import staff

# A name that networks show (TS 23.040, 9.1.2.5: eleven characters of GSM-7), a number (E.164), a short code.
_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 ._&-]{0,10}(?<! )")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}")
_DOMAIN: Final = re.compile(r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def checked_sms(text: str, *, field: str = "sender_id") -> str:
    """What a text message may come from: a name, a number or a short code. Raises Invalid."""
    if any(kind.fullmatch(text) for kind in (_NAME, _NUMBER, _SHORT_CODE)):
        return text
    raise Invalid(
        "A sender of text messages is a name of 1 to 11 letters and digits, a number such as +33612345678, "
        "or a short code of 3 to 8 digits.",
        field=field,
    )


def may_come_from(address: str, domains: Container[str]) -> bool:
    """Whether mail may come from this address, of a workspace that has these domains."""
    local, _, domain = address.rpartition("@")
    return bool(local) and address.isascii() and domain.lower() in domains


DOMAINS = sql("SELECT domain FROM mail_domains WHERE workspace_id = $1 ORDER BY domain")
ALLOW = sql("""
    INSERT INTO mail_domains (workspace_id, domain, allowed_at)
    VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
""")
DISALLOW = sql("DELETE FROM mail_domains WHERE workspace_id = $1 AND domain = $2")


async def domains(reader: Reader) -> list[str]:
    """The domains from whose addresses the workspace's mail may come."""
    return await reader.column(DOMAINS)


async def allow(tx: Tx, domain: str) -> None:
    """Let the workspace's mail come from addresses of this domain. Raises Invalid."""
    name = domain.lower()
    if not _DOMAIN.fullmatch(name):
        raise Invalid("A domain looks like hotel.example; one beyond ASCII is written as xn--….", field="domain")
    if await tx.run(ALLOW, name, tx.now):
        await staff.audit.note(tx, "mail_domain.allowed", domain=name)


async def disallow(tx: Tx, domain: str) -> None:
    """Take that back. Raises NotFound."""
    if not await tx.run(DISALLOW, domain.lower()):
        raise NotFound(f"Mail may not come from {domain}.")
    await staff.audit.note(tx, "mail_domain.disallowed", domain=domain.lower())
