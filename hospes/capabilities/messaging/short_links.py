"""Links in text messages: short, for every character of a text is paid for.

Where a link leads stands in a row, so nobody can make our address lead elsewhere. The address is the row's
number and a mark that only we can make: whoever counts on from a link they were sent finds nothing.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from hospes.base.db import Database, Tx, columns, sql
from hospes.base.ids import LETTERS_AND_DIGITS
from hospes.base.secrets import Unreadable, Vault, same

PATH: Final = "/l/"
_PURPOSE: Final = "short link"
# Numbers take five letters up to 916 million, so that a text can be measured before it has its links.
_NUMBER, _MARK = 5, 7
_LONGEST: Final = 20
_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
# What ends a sentence ends no link; a bracket does only where the link opened it.
_AFTER: Final = ".,;:!?'…”»"
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}
# All that may stand in a link as it is (RFC 3986, 2); anything else could not stand in a header.
_PLAIN: Final = "%/:?#[]@!$&'()*+,;=-._~"


class Leading(msgspec.Struct, frozen=True):
    """Whose link it is, and where it leads."""

    workspace_id: int
    message_id: int
    url: str


# Numbers are drawn in the order of the rows.
KEEP = sql("""
    INSERT INTO short_links (workspace_id, message_id, url, created_at)
    SELECT $1, message_id, url, $4
      FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS led (message_id, url, place)
     ORDER BY place
    RETURNING id
""")


async def shorten(tx: Tx, texts: Sequence[tuple[int, str]], *, vault: Vault, public_url: str) -> list[str]:
    """The texts, each given with its message's id, with their web links led through us.

    What leads to our own page of consent stays as it is: unsubscribing is nobody's click.
    """
    cut = [(message_id, _pieces(text, public_url)) for message_id, text in texts]
    rows = [(message_id, quote(url, safe=_PLAIN)) for message_id, pieces in cut for url in pieces[1::2]]
    numbers = iter(sorted(await tx.column(KEEP, *columns(rows, 2), tx.now)) if rows else ())
    for _, pieces in cut:
        pieces[1::2] = [f"{public_url}{PATH}{_name(vault, next(numbers))}" for _ in pieces[1::2]]
    return ["".join(pieces) for _, pieces in cut]


def example(text: str, *, public_url: str) -> str:
    """The text with links as long as short ones are: for measuring it."""
    pieces = _pieces(text, public_url)
    pieces[1::2] = [public_url + PATH + "0" * (_NUMBER + _MARK)] * (len(pieces) // 2)
    return "".join(pieces)


FIND = sql(
    "SELECT workspace_id, message_id, url FROM short_links WHERE id = $1",
    across="looked up before a workspace is known",
)


async def find(database: Database, vault: Vault, name: str) -> Leading:
    """What the last part of a short link stands for. Raises Unreadable for one that we did not make, or forgot."""
    number = _number(name[:-_MARK]) if name.isascii() and name.isalnum() and len(name) <= _LONGEST else 0
    # The database is asked about our own links only.
    if not number or not same(_name(vault, number).encode(), name.encode()):
        raise Unreadable
    row = await database.fetchrow(FIND, number)
    if row is None:
        raise Unreadable
    return Leading(*row)


def _name(vault: Vault, number: int) -> str:
    mark = int.from_bytes(vault.derive(str(number), _PURPOSE)[:16], "big")
    return _letters(number, _NUMBER) + _letters(mark, _MARK)[-_MARK:]


def _letters(number: int, least: int) -> str:
    written = ""
    while number or len(written) < least:
        number, digit = divmod(number, len(LETTERS_AND_DIGITS))
        written = LETTERS_AND_DIGITS[digit] + written
    return written


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * len(LETTERS_AND_DIGITS) + LETTERS_AND_DIGITS.index(letter)
    # Longer than any number of a row.
    return number if number < 2**63 else 0


def _pieces(text: str, public_url: str) -> list[str]:
    """The text, cut at the links that are led through us: every second piece is one."""
    pieces, start = [], 0
    for found in _LINK.finditer(text):
        url = _bare(found[0])
        if not url.startswith(f"{public_url}/u/") and _is_whole(url):
            pieces += [text[start : found.start()], url]
            start = found.start() + len(url)
    return [*pieces, text[start:]]


def _bare(url: str) -> str:
    """Without what stands behind it in the sentence."""
    while url[-1] in _AFTER or ((opening := _BRACKETS.get(url[-1])) and url.count(opening) < url.count(url[-1])):
        url = url[:-1]
    return url


def _is_whole(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
